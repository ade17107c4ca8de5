/* SPDX-License-Identifier: Apache-2.0 */
/*
 * age_header.c: the header of an age file: version, stanzas, MAC; and the one stanza that we can use, scrypt's.
 *
 * Reads whatever a hostile file holds, before anything of it is authenticated. Must never accept what the grammar in
 * C2SP age.md does not, and allocates nothing. Pure, thread-safe.
 */
#include "age_internal.h"

static const xg_str VERSION = XG_STR_INIT("age-encryption.org/v1");
static const xg_str STANZA = XG_STR_INIT("-> ");
static const xg_str MAC = XG_STR_INIT("--- ");

/* How many arguments of visible characters stand in the line, with one blank between them. 0 if it has another form. */
static size_t count_args(xg_str line)
{
    size_t num_args = 1;
    size_t arg_len = 0;
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        if (c == ' ' && arg_len > 0) {
            num_args++;
            arg_len = 0;
        } else if (c > ' ' && c < 0x7f) {
            arg_len++;
        } else {
            return 0;
        }
    }
    return arg_len == 0 ? 0 : num_args;
}

static bool parse_stanza(xg_str *rest, xg_age_stanza *stanza)
{
    xg_str line = {NULL, 0};
    *stanza = (xg_age_stanza){.num_args = 0};
    if (!xg_age_text_take_line(rest, &line) || !xg_str_starts_with(line, STANZA)) {
        return false;
    }
    stanza->args = xg_str_skip(line, STANZA.len);
    stanza->num_args = count_args(stanza->args);
    if (stanza->num_args == 0) {
        return false;
    }
    /* The body ends with the first line that is not full, be it an empty one. */
    do {
        uint8_t bytes[XG_AGE_LINE_BYTES];
        size_t len = 0;
        if (!xg_age_text_take_line(rest, &line) || line.len > XG_AGE_COLUMNS ||
            !xg_age_text_decode(line, sodium_base64_VARIANT_ORIGINAL_NO_PADDING, bytes, sizeof(bytes), &len)) {
            return false;
        }
        size_t room = stanza->body_len < sizeof(stanza->body) ? sizeof(stanza->body) - stanza->body_len : 0;
        memcpy(stanza->body + sizeof(stanza->body) - room, bytes, len < room ? len : room);
        stanza->body_len += len;
    } while (line.len == XG_AGE_COLUMNS);
    return true;
}

bool xg_age_header_parse(xg_str file, xg_age_header *ret_header)
{
    xg_str rest = file;
    xg_str line = {NULL, 0};
    size_t mac_len = 0;
    xg_age_header header = {.num_stanzas = 0};
    if (!xg_age_text_take_line(&rest, &line) || !xg_str_eq(line, VERSION)) {
        return false;
    }
    while (xg_str_starts_with(rest, STANZA)) {
        xg_age_stanza stanza;
        if (!parse_stanza(&rest, &stanza)) {
            return false;
        }
        if (header.num_stanzas++ == 0) {
            header.first = stanza;
        }
    }
    /* The blank behind the dashes is not covered. */
    header.sealed = (xg_str){file.ptr, file.len - rest.len + MAC.len - 1};
    if (header.num_stanzas == 0 || !xg_age_text_take_line(&rest, &line) || !xg_str_starts_with(line, MAC) ||
        !xg_age_text_decode(xg_str_skip(line, MAC.len), sodium_base64_VARIANT_ORIGINAL_NO_PADDING, header.mac,
                            sizeof(header.mac), &mac_len) ||
        mac_len != sizeof(header.mac)) {
        return false;
    }
    header.payload = rest;
    *ret_header = header;
    return true;
}

static xg_str take_arg(xg_str *rest)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, ' ', rest->len);
    xg_str arg = {rest->ptr, end == NULL ? rest->len : (size_t)(end - rest->ptr)};
    *rest = xg_str_skip(*rest, end == NULL ? arg.len : arg.len + 1);
    return arg;
}

/* A number that is well written is out of bounds, however long; any other is none. */
static xg_age_status read_work(xg_str s, const xg_age_limits *limits, unsigned *ret_work)
{
    uint64_t work = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < (i == 0 ? '1' : '0') || s.ptr[i] > '9') {
            return XG_AGE_FORMAT;
        }
    }
    if (!xg_str_to_u64(s, limits->work_max, &work) || work < limits->work_min) {
        return XG_AGE_WORK;
    }
    *ret_work = (unsigned)work;
    return XG_AGE_OK;
}

xg_age_status xg_age_header_scrypt(const xg_age_header *header, const xg_age_limits *limits, xg_age_scrypt *ret_scrypt)
{
    const xg_age_stanza *stanza = &header->first;
    size_t salt_len = 0;
    xg_str rest = stanza->args;
    if (header->num_stanzas != 1 || !xg_str_eq(take_arg(&rest), XG_STR("scrypt"))) {
        return XG_AGE_RECIPIENT;
    }
    /* The length of the body comes before any key: a longer one could hold answers for many passphrases at once. */
    if (stanza->num_args != 3 || stanza->body_len != sizeof(ret_scrypt->wrapped) ||
        !xg_age_text_decode(take_arg(&rest), sodium_base64_VARIANT_ORIGINAL_NO_PADDING, ret_scrypt->salt,
                            sizeof(ret_scrypt->salt), &salt_len) ||
        salt_len != sizeof(ret_scrypt->salt)) {
        return XG_AGE_FORMAT;
    }
    memcpy(ret_scrypt->wrapped, stanza->body, sizeof(ret_scrypt->wrapped));
    return read_work(rest, limits, &ret_scrypt->work);
}

static void add_base64(xg_text *text, const uint8_t *bytes, size_t len)
{
    char encoded[XG_AGE_COLUMNS];
    (void)sodium_bin2base64(encoded, sizeof(encoded), bytes, len, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    xg_text_add(text, xg_str_of(encoded));
}

void xg_age_header_write(const xg_age_scrypt *scrypt, xg_text *text)
{
    xg_text_add(text, VERSION);
    xg_text_add(text, XG_STR("\n-> scrypt "));
    add_base64(text, scrypt->salt, sizeof(scrypt->salt));
    xg_text_printf(text, " %u\n", scrypt->work);
    add_base64(text, scrypt->wrapped, sizeof(scrypt->wrapped));
    xg_text_add(text, XG_STR("\n---"));
}

void xg_age_header_finish(const uint8_t mac[XG_AGE_MAC_SIZE], xg_text *text)
{
    xg_text_add(text, XG_STR(" "));
    add_base64(text, mac, XG_AGE_MAC_SIZE);
    xg_text_add(text, XG_STR("\n"));
}
