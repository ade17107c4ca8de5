/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_completion.c: `xdsgate completion`: the script that makes a shell complete this program's command line.
 *
 * Must never print anything that the table of commands does not say. One thread.
 */
#include <string.h>

#include "completion.h"

static const struct {
    const char *name;
    void (*print)(void);
} SHELLS[] = {{"bash", xg_completion_bash}, {"zsh", xg_completion_zsh}, {"fish", xg_completion_fish}};

static int run(const xg_args *args)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(SHELLS); i++) {
        if (strcmp(args->operand, SHELLS[i].name) == 0) {
            SHELLS[i].print();
            return XG_EXIT_OK;
        }
    }
    xg_errors_summary("unknown shell '%.40s'", args->operand);
    xg_errors_help("shells: bash, zsh, fish");
    return XG_EXIT_USAGE;
}

const xg_command XG_CMD_COMPLETION = {
    .noun = "completion",
    .operand = "SHELL",
    .summary = "print the completion script of a shell: bash, zsh or fish",
    .usage = "bash|zsh|fish",
    .detail =
        "Packages install these scripts where the shells look for them. Mesh names and key ids are completed from\n"
        "the directories that --store and --authority name on the line; key files are never opened for it.\n",
    .example = "  xdsgate completion bash > ~/.local/share/bash-completion/completions/xdsgate\n"
               "  xdsgate completion zsh > ~/.zfunc/_xdsgate\n"
               "  xdsgate completion fish > ~/.config/fish/completions/xdsgate.fish\n",
    .run = run,
};
