/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_mint_manifest.c: `xdsgate mint manifest`: from a deployment's values file to everything its zone proxies need.
 *
 * Owns the flags, the order of the run and what is said of it. Must never decide what becomes of a proxy. One thread.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manifest_job.h"

#define NANOS_PER_SECOND INT64_C(1000000000)
#define PORT_MAX         65535

static const xg_flag FLAGS[] = {
    {"file", "FILE", "the deployment's values.yaml ('-' = stdin); required", "values", 'f', false},
    {"out", "DIR", "where the files are written; required unless --dry-run", NULL, 0, false},
    {"authority", "DIR", "directory of the private keys and the ledger", NULL, 0, false},
    {"key", "FILE", "sign all tokens with this one key instead; needs --kid", "signing-key-path", 0, false},
    {"kid", "KID", "with --key: its id", NULL, 0, false},
    XG_PASSPHRASE_FLAGS,
    {"valid-for", "DURATION", "how long the tokens are valid: 24h, 90d; required", NULL, 0, false},
    {"renew-before", "DURATION", "mint anew what expires sooner (default: a third of --valid-for)", NULL, 0, false},
    {"renew", NULL, "mint every token anew", NULL, 0, false},
    {"secrets", NULL, "write a Kubernetes Secret for each proxy", NULL, 0, false},
    {"dataplanes", NULL, "write the Universal Dataplane resource of each proxy; needs an address", NULL, 0, false},
    {"meshes", "FORM", "write the Mesh resources of an unfederated zone: universal or kubernetes", NULL, 0, false},
    {"release", "NAME", "Helm's release, the beginning of Service names (default: kuma)", NULL, 0, false},
    {"namespace", "NAME", "of entries that name none (default: kuma-system)", NULL, 'n', false},
    {"address", "ADDRESS", "of Dataplanes whose entry has none", NULL, 0, false},
    {"advertised-address", "ADDRESS", "of ingresses whose entry has none", NULL, 0, false},
    {"advertised-port", "PORT", "the same (default: the ingress port)", NULL, 0, false},
    {"ingress-port", "PORT", "of ingress listeners (default: 10001)", NULL, 0, false},
    {"egress-port", "PORT", "of egress listeners (default: 10002)", NULL, 0, false},
    {"overwrite", NULL, "replace files that are there with other content", NULL, 0, false},
    {"policy", "FILE", "guard rails in YAML that the tokens must keep, beside the authority's own", NULL, 0, false},
    {"ledger", "FILE", "with --key: where the mints are recorded", NULL, 0, false},
    {"jobs", "N", "sign on so many processors (default: all)", NULL, 'j', false},
    {"now", "UNIX[.NANOS]", "mint as if it were this time", NULL, 0, false},
    {"quiet", NULL, "no progress on stderr", NULL, 'q', false},
    {"dry-run", NULL, "show what would be done, and do nothing", NULL, 0, false},
    XG_OUTPUT_FLAG("table, json or yaml: what became of each proxy"),
};

static bool read_port(const xg_args *args, const char *name, uint16_t *ret_port)
{
    uint64_t port = 0;
    if (!xg_args_has(args, name)) {
        return true;
    }
    if (!xg_str_to_u64(xg_args_str(args, name), PORT_MAX, &port) || port == 0) {
        xg_errors_summary("--%s is not a port", name);
        xg_errors_help("write a number from 1 to %d", PORT_MAX);
        return false;
    }
    *ret_port = (uint16_t)port;
    return true;
}

static bool read_options(const xg_args *args, xg_manifest_options *options)
{
    const char *file = xg_args_value(args, "file");
    *options = (xg_manifest_options){
        .file = strcmp(file, "-") == 0 ? "stdin" : file,
        .release = xg_args_str(args, "release"),
        .space = xg_args_str(args, "namespace"),
        .address = xg_args_str(args, "address"),
        .advertised_address = xg_args_str(args, "advertised-address"),
        .wants_dataplanes = xg_args_has(args, "dataplanes"),
    };
    return read_port(args, "advertised-port", &options->advertised_port) &&
           read_port(args, "ingress-port", &options->ingress_port) &&
           read_port(args, "egress-port", &options->egress_port);
}

static bool check_words(const xg_args *args)
{
    const char *form = xg_args_value(args, "meshes");
    uint64_t num = 0;
    if (form != NULL && strcmp(form, "universal") != 0 && strcmp(form, "kubernetes") != 0) {
        xg_errors_summary("invalid --meshes value");
        xg_errors_help("forms: universal, kubernetes");
        return false;
    }
    if (xg_args_has(args, "jobs") && (!xg_str_to_u64(xg_args_str(args, "jobs"), 256, &num) || num == 0)) {
        xg_errors_summary("--jobs is not a number from 1 to 256");
        xg_errors_help("leave it out to use every processor");
        return false;
    }
    if (!xg_args_has(args, "out") && !xg_args_has(args, "dry-run")) {
        xg_errors_summary("--out is required");
        xg_errors_help("name the directory for the files, or look first: --dry-run");
        return false;
    }
    return true;
}

static bool read_times(const xg_args *args, xg_manifest_job *job)
{
    int64_t nanos = 0;
    if (!xg_minting_times(args, &job->base)) {
        return false;
    }
    if (job->base.valid_for_nanos < NANOS_PER_SECOND) {
        xg_errors_summary("--valid-for is shorter than a second");
        xg_errors_help("zone proxies need tokens that live: write it like 24h or 90d");
        return false;
    }
    job->renew_before = job->base.valid_for_nanos / NANOS_PER_SECOND / 3;
    if (!xg_args_has(args, "renew-before")) {
        return true;
    }
    if (!xg_duration_parse(xg_args_str(args, "renew-before"), &nanos) || nanos < 0) {
        xg_errors_summary("--renew-before is not a duration");
        xg_errors_help("write it like 8h or 30d");
        return false;
    }
    if (nanos >= job->base.valid_for_nanos) {
        xg_errors_summary("--renew-before is not shorter than --valid-for");
        xg_errors_note("every run would mint every token anew");
        xg_errors_help("give a shorter one, or --renew if that is what you want");
        return false;
    }
    job->renew_before = nanos / NANOS_PER_SECOND;
    return true;
}

/* ---- the plan ---- */

static void print_reports(const xg_manifest_reports *reports, bool are_warnings)
{
    for (size_t i = 0; i < reports->num; i++) {
        if (are_warnings) {
            xg_errors_trouble_warning(&reports->items[i]);
        } else {
            (void)xg_errors_trouble(&reports->items[i]);
        }
    }
    if (reports->total > reports->num) {
        xg_errors_note("and %zu more %s", reports->total - reports->num, are_warnings ? "warnings" : "errors");
    }
}

static int make_plan(const xg_args *args, const xg_manifest_options *options, xg_manifest_plan **ret_plan)
{
    char *text = NULL;
    size_t len = 0;
    int code = xg_input_read("read the values", xg_args_value(args, "file"), &text, &len);
    if (code != XG_EXIT_OK) {
        return code;
    }
    xg_manifest_plan *plan = xg_manifest_plan_new((xg_str){text, len}, options);
    free(text);
    if (plan == NULL) {
        return xg_errors_io("plan the run in", "memory", ENOMEM);
    }
    print_reports(&plan->warnings, true);
    print_reports(&plan->troubles, false);
    if (plan->troubles.total > 0) {
        static const int CODES[] = {[XG_TROUBLE_INPUT] = XG_EXIT_USAGE, [XG_TROUBLE_IO] = XG_EXIT_IO};
        xg_trouble_kind kind = plan->troubles.items[0].kind;
        code = kind == XG_TROUBLE_INPUT || kind == XG_TROUBLE_IO ? CODES[kind] : XG_EXIT_CONFIG;
        xg_manifest_plan_free(plan);
        return code;
    }
    *ret_plan = plan;
    return XG_EXIT_OK;
}

/* ---- the output ---- */

static json_t *item_json(const xg_manifest_job *job, const xg_manifest_item *item, bool is_dry)
{
    const xg_manifest_proxy *proxy = item->proxy;
    char until[XG_CLOCK_TEXT_SIZE] = "";
    xg_str role = xg_manifest_plan_role(proxy->role);
    bool has_token = item->fingerprint[0] != '\0';
    if (has_token) {
        (void)xg_clock_format(item->expires_at, until);
    }
    json_t *row = json_pack("{s:s%, s:s%, s:s, s:s%, s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "mesh", proxy->mesh.ptr,
                            proxy->mesh.len, "role", role.ptr, role.len, "workload", proxy->workload, "namespace",
                            proxy->space.ptr, proxy->space.len, "service", proxy->service, "kid", item->kid, "action",
                            xg_manifest_job_action(item->action), "jti", item->jti, "fingerprint", item->fingerprint,
                            "expires_at", until, "replicas", (json_int_t)proxy->replicas);
    if (proxy->chart_service[0] != '\0') {
        json_object_set_new(row, "chart_service", json_string(proxy->chart_service));
    }
    if (!is_dry) {
        json_object_set_new(row, "done", json_boolean(item->is_done));
    }
    (void)job;
    return row;
}

static void print_items(const xg_manifest_job *job, xg_output_format format)
{
    static const xg_output_column COLUMNS[] = {
        {"MESH", "mesh"},       {"ROLE", "role"}, {"WORKLOAD", "workload"}, {"NAMESPACE", "namespace"},
        {"SERVICE", "service"}, {"KID", "kid"},   {"ACTION", "action"},     {"EXPIRES", "expires_at"},
    };
    bool is_dry = xg_args_has(job->args, "dry-run");
    json_t *rows = json_array();
    for (size_t i = 0; i < job->plan->num_proxies; i++) {
        json_array_append_new(rows, item_json(job, &job->items[i], is_dry));
    }
    if (format == XG_OUTPUT_TABLE) {
        xg_output_table(rows, COLUMNS, XG_ARRAY_LEN(COLUMNS), "no zone proxies");
    } else {
        json_t *document = json_pack("{s:s, s:s%, s:b, s:b, s:O}", "schema", "xdsgate.manifest/1", "zone",
                                     job->plan->zone.ptr != NULL ? job->plan->zone.ptr : "", job->plan->zone.len,
                                     "federated", job->plan->is_federated, "dry_run", is_dry, "proxies", rows);
        xg_output_document(format, document);
        json_decref(document);
    }
    json_decref(rows);
}

/* What the next run has to do, where this one came to an end. */
static void say_how_to_go_on(const xg_manifest_job *job)
{
    if (xg_args_has(job->args, "renew")) {
        xg_errors_note("what is done stays");
        xg_errors_help("run the same command again without --renew to go on: with it, all would be minted once more");
    } else {
        xg_errors_note("what is done stays; run the same command again to go on: nothing is minted twice");
    }
}

static int sum_up(const xg_manifest_job *job, int code)
{
    size_t num_done = job->num_minted + job->num_restored + job->num_kept;
    if (!xg_args_has(job->args, "quiet")) {
        fprintf(stderr, "%zu minted, %zu restored, %zu kept, %zu of %zu proxies done, in %s\n", job->num_minted,
                job->num_restored, job->num_kept, num_done, job->plan->num_proxies, job->files.path);
    }
    if (code != XG_EXIT_OK && (num_done > 0 || job->num_recorded > 0)) {
        say_how_to_go_on(job);
        return XG_EXIT_PARTLY;
    }
    if (code == XG_EXIT_OK && job->num_left_alone > 0) {
        xg_errors_summary("%zu files were left alone: they are there with other content", job->num_left_alone);
        xg_errors_help("look at them; --overwrite replaces them");
        return XG_EXIT_PARTLY;
    }
    return code;
}

/* ---- the run ---- */

/* The key that signs for more than one mesh: the one of --key, or that of the set for every mesh. */
static int find_shared(const xg_args *args, xg_manifest_job *job)
{
    xg_custody_dir dir;
    bool is_absent = false;
    const xg_custody_set set = {NULL, true};
    if (xg_args_has(args, "key")) {
        job->is_shared_only = true;
        int loaded = xg_minting_load_key(args, &set, job->ledger, &job->keychain, &job->shared, job->shared_kid);
        if (loaded == XG_EXIT_OK) {
            xg_keychain_fingerprint(xg_signer_pubkey(job->shared), job->shared_key);
        }
        return loaded;
    }
    int code = xg_custody_open(xg_args_value(args, "authority"), &set, XG_CUSTODY_AUTHORITY, false, &dir, &is_absent);
    if (code != XG_EXIT_OK || is_absent) {
        return code;
    }
    code = xg_keychain_find_signing(job->ledger, &dir, &set, job->shared_kid);
    xg_custody_close(&dir);
    return code;
}

static int do_it(const xg_args *args, xg_manifest_job *job)
{
    int code = xg_manifest_job_unlock(job);
    if (code == XG_EXIT_OK && job->ledger == NULL) {
        code = xg_minting_ledger(args, true, &job->ledger);
    }
    return code == XG_EXIT_OK ? sum_up(job, xg_manifest_job_run(job)) : code;
}

/* Everything that is looked at before a decision is made. The directory is made early because it is what is locked; it
 * goes again if nothing comes into it. */
static int open_all(const xg_args *args, xg_manifest_job *job)
{
    const char *out = xg_args_value(args, "out");
    int code = xg_minting_ledger(args, false, &job->ledger);
    if (code == XG_EXIT_OK) {
        code = xg_minting_policies_load(args, &job->policies);
    }
    if (code == XG_EXIT_OK) {
        code = find_shared(args, job);
    }
    if (code == XG_EXIT_OK && out != NULL) {
        code = xg_manifest_files_open(out, !xg_args_has(args, "dry-run"), &job->files);
    }
    return code;
}

static int run_job(const xg_args *args, xg_manifest_job *job, xg_output_format format)
{
    bool is_dry = xg_args_has(args, "dry-run");
    int code = open_all(args, job);
    if (code == XG_EXIT_OK) {
        code = xg_manifest_job_prepare(job);
    }
    if (code == XG_EXIT_OK && !is_dry) {
        code = do_it(args, job);
    }
    if (is_dry ? code == XG_EXIT_OK : xg_args_has(args, "output") && (code == XG_EXIT_OK || code == XG_EXIT_PARTLY)) {
        print_items(job, format);
    }
    return code;
}

/* Two runs on one authority would each mint what the other has not recorded yet. */
static int run_locked(const xg_args *args, xg_manifest_job *job, xg_output_format format)
{
    int lock = -1;
    if (!xg_args_has(args, "authority") || xg_args_has(args, "dry-run")) {
        return run_job(args, job, format);
    }
    int code = xg_manifest_files_lock(xg_args_value(args, "authority"), &lock);
    if (code == XG_EXIT_OK) {
        code = run_job(args, job, format);
        close(lock);
    }
    return code;
}

/* Each mesh has its own key in an authority: one kid for all of them is a misunderstanding. */
static bool check_source(const xg_args *args)
{
    if (!xg_minting_check_source(args)) {
        return false;
    }
    if (xg_args_has(args, "authority") && xg_args_has(args, "kid")) {
        xg_errors_summary("--kid goes with --key");
        xg_errors_help("with --authority the key that signs for each mesh is taken");
        return false;
    }
    return true;
}

static int run(const xg_args *args)
{
    static const char *const REQUIRED[] = {"file", "valid-for"};
    xg_manifest_options options;
    xg_manifest_plan *plan = NULL;
    xg_output_format format = XG_OUTPUT_TABLE;
    xg_manifest_job job = {.args = args, .files = {.fd = -1}};
    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED)) || !check_source(args) || !check_words(args) ||
        !read_options(args, &options) || !read_times(args, &job) ||
        !xg_output_pick(args, XG_OUTPUT_TABLE | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format)) {
        return XG_EXIT_USAGE;
    }
    int code = make_plan(args, &options, &plan);
    if (code != XG_EXIT_OK || plan == NULL) {
        return code;
    }
    job.plan = plan;
    xg_text origin;
    xg_text_init(&origin, job.origin, sizeof(job.origin));
    xg_text_add(&origin, XG_STR("manifest:"));
    xg_text_add(&origin, plan->zone);
    xg_keychain_init(&job.keychain, args);
    /* A file that may not grow further is an error like a full disk, and reported like one. */
    (void)signal(SIGXFSZ, SIG_IGN);
    code = run_locked(args, &job, format);
    xg_manifest_job_done(&job);
    xg_manifest_plan_free(plan);
    return code;
}

const xg_command XG_CMD_MINT_MANIFEST = {
    .noun = "mint",
    .verb = "manifest",
    .summary = "mint the tokens that a deployment's values.yaml asks for",
    .usage = "-f FILE --out DIR --valid-for DURATION (--authority DIR | --key FILE --kid KID) [flags]",
    .detail =
        "Reads the `meshes:` list of Helm values, of Konnect's generated values, of an unfederated zone and of a "
        "rendered\n"
        "Terraform template alike, with entries of either shape: name and role (all, ingress, egress, separate), or\n"
        "ingress.enabled, egress.enabled and combinedProxies.enabled. Writes zone-proxy-MESH-ROLE.token for each "
        "proxy,\n"
        "and what is asked for beside it. Run it again at any time: a token that is good is kept, one whose file is "
        "gone\n"
        "is restored with the same bytes, one that expires soon is minted anew. A run that was stopped goes on where "
        "it\n"
        "was. Exit code 6: some of it is done.\n",
    .example =
        "  xdsgate mint manifest -f values.yaml --dry-run --valid-for 90d --authority ./authority\n"
        "  xdsgate mint manifest -f values.yaml --out ./zone-proxies --valid-for 90d --authority ./authority "
        "--secrets\n"
        "  xdsgate mint manifest -f values.yaml --out ./zone-proxies --valid-for 90d --authority ./authority \\\n"
        "      --dataplanes --address 192.0.2.10 --meshes universal\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
