/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_tool.c: records what its arguments say, for tests that need a ledger with entries.
 *
 * ledger_tool FILE NAME=VALUE... [, NAME=VALUE...]: one entry for each part between commas, all of them recorded at
 * once. A name is a member of xg_ledger_entry; what is not given is that of an ordinary token. "times=N" makes N of
 * the entry, their jtis numbered. Files that must not grow give an error here and no signal. One thread.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "xdsgate/ledger.h"

#define ENTRIES_MAX 100000
#define JTI_SIZE    64

static const struct {
    const char *name;
    size_t offset;
} TEXTS[] =
    {
        {"purpose", offsetof(xg_ledger_entry, purpose)},
        {"mesh", offsetof(xg_ledger_entry, mesh)},
        {"zone", offsetof(xg_ledger_entry, zone)},
        {"name", offsetof(xg_ledger_entry, name)},
        {"workload", offsetof(xg_ledger_entry, workload)},
        {"tags", offsetof(xg_ledger_entry, tags)},
        {"jti", offsetof(xg_ledger_entry, jti)},
        {"kid", offsetof(xg_ledger_entry, kid)},
        {"key", offsetof(xg_ledger_entry, key)},
        {"claims", offsetof(xg_ledger_entry, claims)},
        {"fingerprint", offsetof(xg_ledger_entry, fingerprint)},
        {"origin", offsetof(xg_ledger_entry, origin)},
},
  NUMBERS[] = {
      {"minted_at", offsetof(xg_ledger_entry, minted_at)},
      {"issued_at", offsetof(xg_ledger_entry, issued_at)},
      {"expires_at", offsetof(xg_ledger_entry, expires_at)},
};

static xg_ledger_entry entries[ENTRIES_MAX];
static char jtis[ENTRIES_MAX][JTI_SIZE];
static size_t num_entries;

static void begin(xg_ledger_entry *entry, uint64_t *times)
{
    *times = 1;
    *entry = (xg_ledger_entry){
        .purpose = XG_STR("dataplane"),
        .jti = XG_STR("j"),
        .kid = XG_STR("1"),
        .key = XG_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        .claims = XG_STR("{\"Name\":\"\"}"),
        .fingerprint = XG_STR("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        .origin = XG_STR("mint"),
        .minted_at = 1800000000,
        .issued_at = 1799999995,
        .expires_at = 1800003600,
    };
}

static bool take_number(xg_str value, void *target)
{
    uint64_t number = 0;
    if (!xg_str_to_u64(value, INT64_MAX, &number)) {
        return false;
    }
    memcpy(target, &number, sizeof(number));
    return true;
}

static bool take(xg_ledger_entry *entry, uint64_t *times, const char *word)
{
    const char *sign = strchr(word, '=');
    size_t len = sign != NULL ? (size_t)(sign - word) : 0;
    const xg_str name = {word, len};
    const xg_str value = xg_str_of(sign != NULL ? sign + 1 : NULL);
    if (xg_str_eq(name, XG_STR("times"))) {
        return take_number(value, times);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(TEXTS); i++) {
        if (xg_str_eq(name, xg_str_of(TEXTS[i].name))) {
            memcpy((char *)entry + TEXTS[i].offset, &value, sizeof(value));
            return true;
        }
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(NUMBERS); i++) {
        if (xg_str_eq(name, xg_str_of(NUMBERS[i].name))) {
            return take_number(value, (char *)entry + NUMBERS[i].offset);
        }
    }
    return false;
}

static bool finish(const xg_ledger_entry *entry, uint64_t times)
{
    if (times > ENTRIES_MAX - num_entries) {
        return false;
    }
    for (uint64_t i = 0; i < times; i++, num_entries++) {
        entries[num_entries] = *entry;
        if (times > 1) {
            snprintf(jtis[num_entries], JTI_SIZE, "%.32s-%llu", entry->jti.ptr, (unsigned long long)i);
            entries[num_entries].jti = xg_str_of(jtis[num_entries]);
        }
    }
    return true;
}

static bool read_words(char **words, size_t num)
{
    xg_ledger_entry entry;
    uint64_t times = 0;
    begin(&entry, &times);
    for (size_t i = 0; i < num; i++) {
        if (strcmp(words[i], ",") == 0) {
            if (!finish(&entry, times)) {
                return false;
            }
            begin(&entry, &times);
        } else if (!take(&entry, &times, words[i])) {
            return false;
        }
    }
    return finish(&entry, times);
}

int main(int argc, char **argv)
{
    xg_trouble trouble = {0};
    xg_ledger *ledger = NULL;
    signal(SIGXFSZ, SIG_IGN);
    if (argc < 2 || !read_words(argv + 2, (size_t)argc - 2)) {
        fprintf(stderr, "usage: ledger_tool FILE NAME=VALUE... [, NAME=VALUE...]\n");
        return 2;
    }
    bool is_good =
        xg_ledger_open(argv[1], true, &ledger, &trouble) && xg_ledger_record(ledger, entries, num_entries, &trouble);
    xg_ledger_close(ledger);
    if (!is_good) {
        fprintf(stderr, "%s\n%s\n%s\n", trouble.summary, trouble.where, trouble.note);
    }
    return is_good ? 0 : 1;
}
