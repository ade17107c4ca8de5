/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_index.h: a chained hash whose links stand inside what it finds. Private to src/auth.
 *
 * Allocates only to grow its buckets, and goes on with longer chains when that fails: adding never fails. Must never
 * own what it finds. Thread rule: the caller's lock.
 */
#ifndef XDSGATE_SESSION_INDEX_H
#define XDSGATE_SESSION_INDEX_H

#include "xdsgate/base.h"

typedef struct xg_session_link {
    struct xg_session_link *next;
    struct xg_session_link **back; /* what points here: taking out looks at no chain */
    uint64_t hash;                 /* well mixed, its low bits above all */
} xg_session_link;

typedef struct xg_session_index {
    xg_session_link **buckets; /* a power of two of them */
    size_t num_buckets;
    size_t count;
    xg_session_link *only; /* the bucket of an index that never grew */
} xg_session_index;

void xg_session_index_init(xg_session_index *index); /* must not move from then on */
void xg_session_index_done(xg_session_index *index); /* what is in it is the caller's */
void xg_session_index_add(xg_session_index *index, xg_session_link *link, uint64_t hash);
void xg_session_index_remove(xg_session_index *index, xg_session_link *link);
/* The first, and the next after it, of those with this hash; NULL if there is no more. */
xg_session_link *xg_session_index_find(const xg_session_index *index, uint64_t hash);
xg_session_link *xg_session_index_next(const xg_session_link *link);

#endif /* XDSGATE_SESSION_INDEX_H */
