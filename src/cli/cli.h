/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h: what the files of the command line share. Room: src/cli.
 *
 * A command is a row of data: noun, verb, flags with their help, function. Parsing, --help and suggestions derive from
 * the rows. stdout is data, stderr is talk; a secret is never an argument. Thread rule: one thread.
 */
#ifndef XDSGATE_CLI_H
#define XDSGATE_CLI_H

#include <sys/types.h>

#include "xdsgate/authority.h"
#include "xdsgate/keys.h"
#include "xdsgate/token.h"

struct json_t;
struct xg_policy;

/* Exit codes: frozen. */
enum {
    XG_EXIT_OK = 0,
    XG_EXIT_NO = 1,     /* the answer is no */
    XG_EXIT_USAGE = 2,  /* the command line or the input is wrong */
    XG_EXIT_CONFIG = 3, /* the plugin or its configuration cannot be used */
    XG_EXIT_KEY = 4,    /* a key is missing, unusable or already there */
    XG_EXIT_IO = 5,     /* a file cannot be read or written */
    XG_EXIT_PARTLY = 6  /* some of many were done: the talk says which were not */
};

/* ---- args.c: the command line as rows ---- */

typedef struct xg_flag {
    const char *name;  /* without dashes */
    const char *value; /* placeholder for help; NULL for a switch */
    const char *help;
    const char *alias; /* a second spelling, or NULL */
    char letter;       /* short form, or 0 */
    bool is_repeatable;
} xg_flag;

typedef struct xg_args xg_args;

typedef struct xg_command {
    const char *noun;
    const char *verb;    /* NULL: the noun is the whole command */
    const char *operand; /* placeholder of the one word that is no flag, or NULL; never a secret */
    bool is_operand_optional;
    const char *second; /* placeholder of a word that may follow the operand, or NULL */
    const char *summary;
    const char *usage;  /* flags as they are typed, for the usage line */
    const char *detail; /* further help, whole lines; may be NULL */
    const char *example;
    const xg_flag *flags;
    size_t num_flags;
    int (*run)(const xg_args *args);
} xg_command;

#define XG_ARGS_MAX 1024
struct xg_args {
    const xg_command *command;
    const char *operand; /* NULL if absent */
    const char *second;  /* NULL if absent */
    size_t num_items;
    struct {
        const xg_flag *flag;
        const char *value;
    } items[XG_ARGS_MAX];
};

/* Reads the flags in argv[1..]. True when the command is to be run; otherwise *ret_exit says how to end. */
bool xg_args_parse(const xg_command *command, int argc, char **argv, xg_args *ret_args, int *ret_exit);
bool xg_args_has(const xg_args *args, const char *name);
const char *xg_args_value(const xg_args *args, const char *name); /* NULL if absent; the first if repeated */
xg_str xg_args_str(const xg_args *args, const char *name);        /* empty if absent */
/* The values of a repeatable flag one by one; *cursor begins at 0; NULL at the end. */
const char *xg_args_next(const xg_args *args, const char *name, size_t *cursor);
/* Whether a placeholder stands for a path. */
bool xg_args_is_path(const char *placeholder);
/*
 * Whether value, given for a word or flag `name` (dashes: "" or "--") that wants a `placeholder`, is the text of a
 * token or a key; reports that without repeating it.
 */
bool xg_args_refuse_secret(const char *dashes, const char *name, const char *placeholder, const char *value);
/* Flags that must all be there; reports the missing ones. */
bool xg_args_require(const xg_args *args, const char *const *names, size_t num_names);
/* A value that must be clean UTF-8 of at most max bytes, if it is there; reports what is wrong with it. */
bool xg_args_check_text(const xg_args *args, const char *name, size_t max);

/* ---- errors.c: talk on stderr ---- */

/*
 * "error: …", followed by any of "  where: …", "  note: …", "  help: …". Bytes that a terminal could take for a
 * command, and everything that is not ASCII, are written as \xNN, so callers pass on what they found.
 */
/* Colours on stderr, if it is a terminal that wants them: NO_COLOR and TERM=dumb say no. Off until called. */
void xg_errors_choose_colour(bool is_wanted);
/*
 * Called before each line, from any thread, with stderr locked: whoever has a line half written there ends it. Set
 * while there is one thread; NULL for none.
 */
void xg_errors_before_line(void (*hook)(void));
void xg_errors_summary(const char *format, ...) XG_PRINTF(1, 2);
void xg_errors_warning(const char *format, ...) XG_PRINTF(1, 2);
void xg_errors_where(const char *format, ...) XG_PRINTF(1, 2);
void xg_errors_note(const char *format, ...) XG_PRINTF(1, 2);
void xg_errors_help(const char *format, ...) XG_PRINTF(1, 2);
/* The errno value as a sentence about path, with what to do about it. Returns XG_EXIT_IO. */
int xg_errors_io(const char *action, const char *path, int error);
/* A note with the sentence of a reason, its braces filled in as far as `field` (may be empty) can, without its help. */
void xg_errors_note_reason(xg_result result, xg_str field);
/* What a part of the authority reports, printed; returns the exit code that goes with it. */
int xg_errors_trouble(const xg_trouble *trouble);
void xg_errors_trouble_warning(const xg_trouble *trouble);
/* A reason of the reasons table as an error about `where` (may be NULL). Returns XG_EXIT_KEY. */
int xg_errors_reason(const char *summary, const char *where, xg_result result);
/* How many edits turn a into b; words of more than 40 letters are far from everything. */
size_t xg_errors_distance(const char *a, const char *b);
/* Whether candidate is near enough to word to be suggested. */
bool xg_errors_is_near(const char *word, const char *candidate);

/* ---- output.c: data on stdout ---- */

typedef enum xg_output_format {
    XG_OUTPUT_TABLE = 1, /* for people: columns, or sentences */
    XG_OUTPUT_JSON = 2,
    XG_OUTPUT_YAML = 4,
    XG_OUTPUT_TOKEN = 8 /* the token's bytes alone */
} xg_output_format;

/* The row of -o; choices is its help text. */
#define XG_OUTPUT_FLAG(choices)                                                                                        \
    {                                                                                                                  \
        "output", "FORMAT", choices, NULL, 'o', false                                                                  \
    }

/* Reads -o. allowed: the sum of the formats that the command has; fallback: the one without -o. Reports. */
bool xg_output_pick(const xg_args *args, unsigned allowed, xg_output_format fallback, xg_output_format *ret_format);

typedef struct xg_output_column {
    const char *head;   /* in the table */
    const char *member; /* of each row: a string, number, boolean, null, or list of strings */
} xg_output_column;

/* An array of objects as a table; "nothing" is what is printed when it is empty. */
void xg_output_table(const struct json_t *rows, const xg_output_column *columns, size_t num_columns,
                     const char *nothing);
/*
 * A document in JSON (one line) or YAML. Its first member is "schema", like "xdsgate.keys/1": a reader that knows the
 * name and the number knows every member; a member is added without a new number, never removed or given another
 * meaning. Members keep the order in which they were put in. NULL: memory ran out, reported with a line of JSON.
 */
void xg_output_document(xg_output_format format, const struct json_t *document);
/* SHA-256 of a token in lower-case hexadecimal, by which ledger, inspect and revoke know it. */
#define XG_OUTPUT_FINGERPRINT_SIZE 65
void xg_output_fingerprint(xg_str token, char text[XG_OUTPUT_FINGERPRINT_SIZE]);

/* A token: bytes alone, and a newline only for a person at a terminal. */
void xg_output_token(xg_str token);
/* From here on not even there: what stands in for kumactl prints what kumactl prints. */
void xg_output_never_end_line(void);
/* Writes all of it to an open file, past every buffer. 0, or an errno value. */
int xg_output_bytes(int fd, const char *bytes, size_t len);
/* Writes out what is buffered. XG_EXIT_OK, or XG_EXIT_IO with a report. */
int xg_output_finish(void);
/* A decision as the object of --json and --batch; to be released with json_decref. NULL when memory ran out. */
struct json_t *xg_output_decision(const xg_decision *decision);
/* Prints one JSON value on one line. */
void xg_output_json(const struct json_t *value);
const char *xg_output_binding_name(uint32_t binding);

/* ---- input.c: what is not secret ---- */

/* Reads a whole file, pipe or, for "-", stdin, of at most 16 MiB, into fresh memory with a NUL behind it. `action` is
 * for the report: "read the resource". */
int xg_input_read(const char *action, const char *path, char **ret_text, size_t *ret_len);

/* ---- secret.c: private bytes in guarded memory ---- */

#define XG_SECRET_MAX 65536
typedef struct xg_secret {
    char *ptr; /* from sodium_malloc; NULL when there is none */
    size_t len;
} xg_secret;

/* How careful reading has to be. */
typedef enum xg_secret_rule {
    XG_SECRET_PRIVATE = 1, /* ours, and closed to group and others */
    XG_SECRET_EITHER = 2,  /* the same if it holds a private key, else anything */
    XG_SECRET_PHRASE = 3   /* as private; reports speak of a passphrase */
} xg_secret_rule;

/* Reads a key file, relative to directory dirfd; "-" (with AT_FDCWD) is stdin. Reports; XG_EXIT_OK, _KEY or _IO. */
int xg_secret_read_key(int dirfd, const char *name, const char *path, xg_secret_rule rule, xg_secret *ret_secret);
/* Reads a token, from a file or, for "-", from stdin; line ends around it are not part of it. */
int xg_secret_read_token(const char *path, xg_secret *ret_secret);
/* Reads what an open descriptor holds to its end; path is for reports. */
int xg_secret_read_fd(int fd, const char *path, xg_secret *ret_secret);
void xg_secret_done(xg_secret *secret);

/* ---- custody.c: the directories that hold keys ---- */

#define XG_CUSTODY_PATH_SIZE 4096

/* Which set a key belongs to: a mesh's, the zone's, or the one that counts for every mesh. */
typedef struct xg_custody_set {
    const char *mesh; /* NULL: the zone's, or every mesh's */
    bool is_any_mesh;
} xg_custody_set;

typedef enum xg_custody_place {
    XG_CUSTODY_AUTHORITY = 1, /* private halves: 0700 and 0600 */
    XG_CUSTODY_STORE = 2      /* public halves, as the plugin reads them: 0755 and 0644 */
} xg_custody_place;

/* An open directory, the path it was reached by, and how many of its components were made on the way. */
typedef struct xg_custody_dir {
    int fd;
    xg_custody_place place;
    unsigned num_made;
    char path[XG_CUSTODY_PATH_SIZE];
} xg_custody_dir;

/* What a directory holds for one set. */
typedef struct xg_custody_kids {
    uint64_t highest; /* the highest decimal serial; 0 if there is none */
    bool has_any;
} xg_custody_kids;

/* A mesh or a kid that can be a file name: letters, digits, '.', '_' and '-', the first a letter or digit. */
bool xg_custody_is_name(const char *name, size_t max);
/*
 * Opens the directory of a set; with is_made it makes what is missing. *ret_is_absent (may be NULL when is_made) is
 * set, with XG_EXIT_OK, if it does not exist. Reports everything else.
 */
int xg_custody_open(const char *root, const xg_custody_set *set, xg_custody_place place, bool is_made,
                    xg_custody_dir *ret_dir, bool *ret_is_absent);
void xg_custody_close(xg_custody_dir *dir);
/* Makes the `meshes` that every store has, beside the zone's set whose keys these are. An errno value. */
int xg_custody_complete_store(const xg_custody_dir *keys);
/* Removes the directories that xg_custody_open made, as far as they are empty, and closes. */
void xg_custody_undo(xg_custody_dir *dir);
/* What a file holds: in an authority a private key, plain or encrypted; in a store a public key, or that it is gone. */
typedef enum xg_custody_form {
    XG_CUSTODY_ABSENT = 0,
    XG_CUSTODY_PLAIN,     /* <kid>.pem */
    XG_CUSTODY_ENCRYPTED, /* <kid>.pem.age */
    XG_CUSTODY_RETIRED    /* <kid>.retired */
} xg_custody_form;

#define XG_CUSTODY_NAME_SIZE (XG_KID_MAX + 16)
void xg_custody_file_name(const char *kid, xg_custody_form form, char name[XG_CUSTODY_NAME_SIZE]);
/* Calls visit for each key of the directory. False with errno when it cannot be read. */
typedef void xg_custody_visit(void *arg, const char *kid, xg_custody_form form);
bool xg_custody_list(const xg_custody_dir *dir, xg_custody_visit *visit, void *arg);
/* Adds the kids of a directory to *kids. Reports. */
int xg_custody_scan(const xg_custody_dir *dir, xg_custody_kids *kids);
xg_custody_form xg_custody_find(const xg_custody_dir *dir, const char *kid);
bool xg_custody_has(const xg_custody_dir *dir, const char *kid);
/* Writes a key, whole or not at all, never over another file: 0, or an errno value. */
int xg_custody_put(const xg_custody_dir *dir, const char *kid, xg_custody_form form, const char *bytes, size_t len);
int xg_custody_remove(const xg_custody_dir *dir, const char *kid, xg_custody_form form); /* 0, or an errno value */
/* In a store: the key counts no longer, and says so. 0, or an errno value. */
int xg_custody_retire(const xg_custody_dir *dir, const char *kid);
/* "mesh 'm'", "the zone" or "every mesh". */
const char *xg_custody_set_name(const xg_custody_set *set, char *storage, size_t cap);
/* "mesh/m", "zone" or "any-mesh": how ledger and lists name it. */
#define XG_CUSTODY_SET_SIZE (XG_MESH_NAME_MAX + 8)
xg_str xg_custody_set_id(const xg_custody_set *set, char storage[XG_CUSTODY_SET_SIZE]);
/* The flag that means the set. */
const char *xg_custody_set_flag(const xg_custody_set *set);

/* ---- proxy.c: one question to the plugin, growing as it is read ---- */

#define XG_PROXY_TAGS_MAX 4096
typedef struct xg_proxy_tags {
    xg_tag *items;
    size_t num;
    size_t cap;
} xg_proxy_tags;

typedef struct xg_proxy {
    xg_request request; /* slices borrow from whatever was read */
    xg_proxy_tags tags;
    xg_proxy_tags labels;
} xg_proxy;

void xg_proxy_init(xg_proxy *proxy);
void xg_proxy_clear(xg_proxy *proxy); /* empty again; keeps its memory */
void xg_proxy_done(xg_proxy *proxy);
bool xg_proxy_add(xg_proxy_tags *tags, xg_str key, xg_str value) XG_MUST_USE; /* false: too many, or no memory */
/* The request, complete. Valid until the proxy changes. */
const xg_request *xg_proxy_request(xg_proxy *proxy);
bool xg_proxy_kind(xg_str name, uint32_t *ret_kind);

/* ---- dataplane_yaml.c: a Kuma resource as YAML ---- */

typedef struct xg_dataplane_yaml xg_dataplane_yaml;

/* Reads a resource and puts what it says into *proxy, which borrows from *ret_yaml. Reports with line numbers. */
int xg_dataplane_yaml_read(const char *path, xg_proxy *proxy, xg_dataplane_yaml **ret_yaml);
void xg_dataplane_yaml_free(xg_dataplane_yaml *yaml);

/* ---- gate.c: the plugin, loaded and asked ---- */

typedef struct xg_gate xg_gate;

/* Loads the plugin and makes a context as the flags of `try` say. Reports. */
int xg_gate_open(const xg_args *args, xg_gate **ret_gate);
/* The same with the text of a configuration instead of the flags about it. */
int xg_gate_open_with(const xg_args *args, const char *config, xg_gate **ret_gate);
/* Whether a plugin was named, or lies where one is looked for. */
bool xg_gate_has_plugin(const xg_args *args);
void xg_gate_decide(const xg_gate *gate, const xg_request *request, xg_decision *ret_decision);
/* The policy as this program reads it; NULL if the configuration is one that only the plugin understands. */
const struct xg_policy *xg_gate_policy(const xg_gate *gate);
int64_t xg_gate_now(const xg_gate *gate); /* what the plugin is told the time is */
void xg_gate_close(xg_gate *gate);

/* ---- batch.c: questions as JSON lines ---- */

int xg_batch_run(const xg_gate *gate, const char *path);

/* ---- generate.c: kumactl's spelling; the rest of it is in generate.h ---- */

/* Scripts may put kumactl's own flags before `generate`: puts `generate` and its verb first. Leaves all else alone. */
void xg_generate_reorder(int argc, char **argv);

/* ---- the commands, one file each ---- */

extern const xg_command XG_CMD_KEY_NEW;
extern const xg_command XG_CMD_KEY_IMPORT;
extern const xg_command XG_CMD_KEY_EXPORT;
extern const xg_command XG_CMD_KEY_LIST;
extern const xg_command XG_CMD_KEY_PUBLIC;
extern const xg_command XG_CMD_KEY_ROTATE;
extern const xg_command XG_CMD_KEY_RETIRE;
extern const xg_command XG_CMD_MINT_DATAPLANE;
extern const xg_command XG_CMD_MINT_ZONE;
extern const xg_command XG_CMD_MINT_MANIFEST;
extern const xg_command XG_CMD_LEDGER_LIST;
extern const xg_command XG_CMD_LEDGER_SHOW;
extern const xg_command XG_CMD_LEDGER_EXPIRING;
extern const xg_command XG_CMD_LEDGER_EXPORT;
extern const xg_command XG_CMD_INSPECT;
extern const xg_command XG_CMD_VERIFY;
extern const xg_command XG_CMD_TRY;
extern const xg_command XG_CMD_EXPLAIN;
extern const xg_command XG_CMD_REVOKE_ADD;
extern const xg_command XG_CMD_REVOKE_REMOVE;
extern const xg_command XG_CMD_REVOKE_LIST;
extern const xg_command XG_CMD_REVOKE_IMPORT;
extern const xg_command XG_CMD_REVOKE_CHECK;
extern const xg_command XG_CMD_CONFIG_CHECK;
extern const xg_command XG_CMD_DOCTOR;
extern const xg_command XG_CMD_GENERATE_DATAPLANE_TOKEN;
extern const xg_command XG_CMD_GENERATE_ZONE_TOKEN;
extern const xg_command XG_CMD_GENERATE_SIGNING_KEY;
extern const xg_command XG_CMD_GENERATE_PUBLIC_KEY;
extern const xg_command XG_CMD_COMPLETION;
extern const xg_command XG_CMD_MAN;

#endif /* XDSGATE_CLI_H */
