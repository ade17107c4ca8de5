/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_doctor.c: `xdsgate doctor`: what is wrong with the directories, keys, lists and the machine, and what to do.
 *
 * Looks only: it must never change anything, also not what it finds wrong. One thread.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "doctor_report.h"
#include "xdsgate/auth.h"

#define SENTENCE_SIZE 512

static const xg_flag FLAGS[] = {
    {"store", "DIR", "where xdsgate.so reads keys and lists (default: what --config says)", NULL, 0, false},
    {"authority", "DIR", "where private keys are kept", NULL, 0, false},
    {"config", "FILE", "configuration of the plugin, as JSON", NULL, 0, false},
    XG_OUTPUT_FLAG("table (default), json or yaml"),
};

static int check_config(xg_doctor_report *report, const char *path, xg_config *config, bool *ret_is_good)
{
    char storage[SENTENCE_SIZE];
    xg_text error;
    char *text = NULL;
    size_t len = 0;
    int code = xg_input_read("read the configuration", path, &text, &len);
    if (code != XG_EXIT_OK) {
        return code;
    }
    xg_text_init(&error, storage, sizeof(storage));
    xg_doctor_report_begin(report, "configuration");
    xg_result result = xg_config_parse((xg_str){text, len}, config, &error);
    *ret_is_good = xg_is_ok(result);
    if (!*ret_is_good) {
        const xg_reason_info *info = xg_reason_find(xg_result_reason(result));
        xg_doctor_report_add(report, XG_DOCTOR_FAIL, path, info->help, "%s", error.len > 0 ? storage : info->text);
    }
    xg_doctor_report_end(report, path, "profile %s", *ret_is_good ? config->policy.profile.name : "");
    free(text);
    return XG_EXIT_OK;
}

static void check_places(xg_doctor_report *report, const char *store, const char *authority)
{
    xg_store_view view = {0};
    if (authority != NULL) {
        xg_doctor_places_authority(report, authority);
    }
    if (store != NULL) {
        xg_doctor_places_store(report, store);
        xg_doctor_keys_store(report, store, &view);
    }
    if (view.snapshot != NULL) {
        xg_doctor_lists_check(report, store, view.snapshot);
    }
    if (view.snapshot != NULL && authority != NULL) {
        xg_doctor_keys_pairs(report, authority, &view);
    }
    xg_store_view_close(&view);
}

static void print(const xg_doctor_report *report, xg_output_format format)
{
    static const xg_output_column COLUMNS[] = {
        {"STATE", "state"}, {"CHECK", "check"}, {"WHERE", "where"}, {"FOUND", "found"}, {"WHAT TO DO", "help"}};
    if (format == XG_OUTPUT_TABLE) {
        xg_output_table(report->rows, COLUMNS, XG_ARRAY_LEN(COLUMNS), "nothing was looked at");
        return;
    }
    json_t *document =
        json_pack("{s:s, s:I, s:I, s:I, s:O}", "schema", "xdsgate.doctor/1", "ok",
                  (json_int_t)report->nums[XG_DOCTOR_OK], "warnings", (json_int_t)report->nums[XG_DOCTOR_WARN],
                  "failures", (json_int_t)report->nums[XG_DOCTOR_FAIL], "checks", report->rows);
    xg_output_document(format, document);
    json_decref(document);
}

static int examine(const xg_args *args, xg_doctor_report *report, xg_config *config)
{
    const char *store = xg_args_value(args, "store");
    const char *file = xg_args_value(args, "config");
    bool is_good = false;
    if (file != NULL) {
        int code = check_config(report, file, config, &is_good);
        if (code != XG_EXIT_OK) {
            return code;
        }
    }
    if (store == NULL && is_good) {
        store = config->store_path;
    }
    check_places(report, store, xg_args_value(args, "authority"));
    xg_doctor_machine_check(report);
    return report->has_lost_rows ? xg_errors_io("note what was found", "memory", ENOMEM) : XG_EXIT_OK;
}

static int run(const xg_args *args)
{
    xg_doctor_report report = {.rows = json_array()};
    xg_config *config = calloc(1, sizeof(*config));
    xg_output_format format = XG_OUTPUT_TABLE;
    int code = XG_EXIT_USAGE;
    if (report.rows == NULL || config == NULL) {
        code = xg_errors_io("look", "memory", ENOMEM);
    } else if (xg_output_pick(args, XG_OUTPUT_TABLE | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format)) {
        code = examine(args, &report, config);
        if (!xg_args_has(args, "store") && !xg_args_has(args, "authority") && !xg_args_has(args, "config")) {
            xg_errors_note("only the machine was looked at: give --store, --authority or --config for the rest");
        }
        if (code == XG_EXIT_OK) {
            print(&report, format);
            code = report.nums[XG_DOCTOR_FAIL] > 0 ? XG_EXIT_NO : XG_EXIT_OK;
        }
    }
    free(config);
    json_decref(report.rows);
    return code;
}

const xg_command XG_CMD_DOCTOR = {
    .noun = "doctor",
    .summary = "look for what is wrong with keys, lists, rights and the machine",
    .usage = "[--store DIR] [--authority DIR] [--config FILE] [-o FORMAT]",
    .detail =
        "Looks only, and changes nothing. Exit code 0: all is well, or there are warnings only; 1: something is FAIL.\n"
        "Run it as the user who runs the authority.\n",
    .example = "  xdsgate doctor --store ./store --authority ./authority\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
