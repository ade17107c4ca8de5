/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h: what was minted, and which key signs: one SQLite file beside the private keys. Room: src/authority.
 *
 * A token is recorded before it is released; the token itself and its signature never are. What is recorded is enough
 * to make the same bytes again with the same key, which is how an interrupted job goes on without minting twice.
 * Thread rule: a ledger belongs to one thread; several processes may use one file at once.
 */
#ifndef XDSGATE_LEDGER_H
#define XDSGATE_LEDGER_H

#include "xdsgate/authority.h"

#define XG_LEDGER_FINGERPRINT_SIZE 65 /* 64 hexadecimal digits and a NUL */

typedef struct xg_ledger xg_ledger;

/*
 * One mint. Slices borrow: from the caller when recording, from the ledger during a visit, where a NUL stands behind
 * each. Empty means none; purpose, jti, kid, key, claims, fingerprint and origin are never empty.
 */
typedef struct xg_ledger_entry {
    int64_t id;      /* order of recording, from 1; ignored when recording */
    xg_str purpose;  /* "dataplane" or "zone" */
    xg_str mesh;     /* of dataplane tokens: the mesh in the token */
    xg_str zone;     /* of zone tokens */
    xg_str name;     /* binding: Dataplane name */
    xg_str workload; /* binding: workload */
    xg_str tags;     /* binding: the Tags or Scope claim as JSON, as it stands in the token */
    xg_str jti;
    xg_str kid;
    xg_str key;         /* fingerprint of the signing key: SHA-256 of its public half, hexadecimal */
    xg_str claims;      /* the claims JSON, exactly as signed */
    xg_str fingerprint; /* SHA-256 of the token, hexadecimal */
    xg_str origin;      /* what asked for it: "mint", "generate", "manifest:<zone>" */
    int64_t minted_at;  /* seconds since 1970: the clock of the machine, whatever --now said */
    int64_t issued_at;  /* iat */
    int64_t expires_at; /* exp */
} xg_ledger_entry;

/*
 * Opens the file, which must be ours and closed to others (0600), and makes it when is_made. Without is_made a file
 * that is not there is no error: *ret_ledger is NULL then. A file of a newer schema, a damaged one, one that is a
 * symbolic link or belongs to somebody else is refused.
 */
bool xg_ledger_open(const char *path, bool is_made, xg_ledger **ret_ledger, xg_trouble *trouble) XG_MUST_USE;
void xg_ledger_close(xg_ledger *ledger); /* NULL is fine */
/*
 * Reads the whole file and refuses it when any part is damaged; opening looks at its head and its tables alone. For
 * whoever concludes something from what is not there: that a key has no live tokens, or that a jti was never minted.
 */
bool xg_ledger_check(xg_ledger *ledger, xg_trouble *trouble) XG_MUST_USE;

#define XG_LEDGER_TEXT_MAX 65536 /* bytes of each text of an entry */

/*
 * Records all of them or none, durably, before it returns. A token that is recorded already, by jti and fingerprint,
 * stays recorded once, as it was. An entry that cannot be right (no jti, a fingerprint that is none) is
 * XG_TROUBLE_INPUT.
 */
bool xg_ledger_record(xg_ledger *ledger, const xg_ledger_entry *entries, size_t num_entries,
                      xg_trouble *trouble) XG_MUST_USE;
/*
 * The same, for who has decided by what the ledger held of their origin: *last_id was the highest id of that, 0 if it
 * held none. Records nothing if others have recorded more of it since; otherwise *last_id is the highest again.
 */
bool xg_ledger_record_next(xg_ledger *ledger, const xg_ledger_entry *entries, size_t num_entries, int64_t *last_id,
                           xg_trouble *trouble) XG_MUST_USE;

/* Which entries: empty members do not count. */
typedef struct xg_ledger_filter {
    xg_str purpose;
    xg_str mesh;
    xg_str zone;
    xg_str name;
    xg_str workload;
    xg_str kid;
    xg_str key; /* fingerprint of the signing key */
    xg_str jti;
    xg_str fingerprint;
    xg_str origin;
    int64_t expires_after;  /* exp > this; 0: does not count */
    int64_t expires_before; /* exp <= this; 0: does not count */
    uint64_t limit;         /* 0: all; otherwise the newest so many */
    bool is_by_expiry;      /* in the order of exp; a limit then means the first so many to expire */
} xg_ledger_filter;

/*
 * Calls visit for each match, oldest first (newest first with a limit), until it returns false. Others cannot record
 * while it lasts: visit gathers, and prints later.
 */
typedef bool xg_ledger_visit(void *arg, const xg_ledger_entry *entry);
bool xg_ledger_each(xg_ledger *ledger, const xg_ledger_filter *filter, xg_ledger_visit *visit, void *arg,
                    xg_trouble *trouble) XG_MUST_USE;
/* How many match, whatever the limit, and the latest exp among them (0 if none). */
bool xg_ledger_count(xg_ledger *ledger, const xg_ledger_filter *filter, uint64_t *ret_num, int64_t *ret_latest,
                     xg_trouble *trouble) XG_MUST_USE;

/*
 * The life of a signing key: published (control planes learn it), signing (one at a time in a set), draining (its
 * tokens still count), retired (nobody trusts it). A key that the ledger does not know has no state.
 */
typedef enum xg_ledger_state {
    XG_LEDGER_UNKNOWN = 0,
    XG_LEDGER_PUBLISHED = 1,
    XG_LEDGER_SIGNING = 2,
    XG_LEDGER_DRAINING = 3,
    XG_LEDGER_RETIRED = 4
} xg_ledger_state;

typedef struct xg_ledger_key {
    xg_str set; /* "mesh/<name>", "zone" or "any-mesh" */
    xg_str kid;
    xg_str key; /* fingerprint */
    xg_ledger_state state;
    int64_t since; /* when it came into this state */
} xg_ledger_key;

const char *xg_ledger_state_name(xg_ledger_state state);
/*
 * Puts the keys into their states, all of them or none, durably. A kid of a set names one key for ever, and one key of
 * a set signs: what would break that is XG_TROUBLE_KEY. To hand over, put both keys in one call.
 */
bool xg_ledger_put_keys(xg_ledger *ledger, const xg_ledger_key *keys, size_t num_keys, xg_trouble *trouble) XG_MUST_USE;
/* Calls visit for each key of a set, or of all sets when set is empty, ordered by set and kid, serials as
 * numbers. */
typedef bool xg_ledger_visit_key(void *arg, const xg_ledger_key *key);
bool xg_ledger_each_key(xg_ledger *ledger, xg_str set, xg_ledger_visit_key *visit, void *arg,
                        xg_trouble *trouble) XG_MUST_USE;

#endif /* XDSGATE_LEDGER_H */
