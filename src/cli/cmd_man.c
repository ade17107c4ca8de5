/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_man.c: `xdsgate man`: which man page, and where it goes.
 *
 * man_page.c writes the pages. A page that is there already is replaced as a whole. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "man_page.h"

#define PAGE_NAME_SIZE (XG_COMMANDS_NAME_SIZE + 16)
#define PROGRAM        "xdsgate"

static const xg_flag FLAGS[] = {
    {"all", NULL, "write every page, xdsgate.1 among them; needs --out", NULL, 0, false},
    {"out", "DIR", "with --all: the directory of the pages; made if it is missing", NULL, 0, false},
};

/* Under another name first: nobody finds half a page. An errno value. */
static int replace_file(int dirfd, const char *name, const char *bytes, size_t len)
{
    char fresh[PAGE_NAME_SIZE + 8];
    snprintf(fresh, sizeof(fresh), ".%s.new", name);
    /* What a killed run left there, or somebody put there as a link to another file, goes and is not written to. */
    (void)unlinkat(dirfd, fresh, 0);
    int fd = openat(dirfd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) {
        return errno;
    }
    int error = xg_output_bytes(fd, bytes, len);
    if (close(fd) != 0 && error == 0) {
        error = errno;
    }
    if (error == 0 && renameat(dirfd, fresh, dirfd, name) != 0) {
        error = errno;
    }
    if (error != 0) {
        unlinkat(dirfd, fresh, 0);
    }
    return error;
}

/* command: NULL for the overview. */
static int write_page(int dirfd, const char *dir, const xg_command *command)
{
    char *text = NULL;
    size_t len = 0;
    char name[PAGE_NAME_SIZE] = PROGRAM ".1";
    FILE *page = open_memstream(&text, &len);
    if (page == NULL) {
        return xg_errors_io("make the page", dir, ENOMEM);
    }
    if (command != NULL) {
        char words[XG_COMMANDS_NAME_SIZE];
        xg_commands_name(command, '-', words);
        snprintf(name, sizeof(name), PROGRAM "-%s.1", words);
    }
    xg_man_page(page, command);
    bool is_whole = ferror(page) == 0;
    is_whole = fclose(page) == 0 && is_whole;
    int error = is_whole ? replace_file(dirfd, name, text, len) : ENOMEM;
    free(text);
    return error == 0 ? XG_EXIT_OK : xg_errors_io("write the man pages", dir, error);
}

static int write_all(const char *dir)
{
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        return xg_errors_io("make the directory", dir, errno);
    }
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return xg_errors_io("open the directory", dir, errno);
    }
    int code = write_page(fd, dir, NULL);
    for (size_t i = 0; code == XG_EXIT_OK && i < xg_commands_count(); i++) {
        code = write_page(fd, dir, xg_commands_at(i));
    }
    close(fd);
    return code;
}

/* As the page is called: "key-new" or "xdsgate-key-new". */
static const xg_command *find_page(const char *word)
{
    word += strncmp(word, PROGRAM "-", strlen(PROGRAM "-")) == 0 ? strlen(PROGRAM "-") : 0;
    for (size_t i = 0; i < xg_commands_count(); i++) {
        char name[XG_COMMANDS_NAME_SIZE];
        xg_commands_name(xg_commands_at(i), '-', name);
        if (strcmp(name, word) == 0) {
            return xg_commands_at(i);
        }
    }
    return NULL;
}

static int print_page(const char *noun, const char *verb)
{
    if (noun == NULL || (verb == NULL && strcmp(noun, PROGRAM) == 0)) {
        xg_man_page(stdout, NULL);
        return XG_EXIT_OK;
    }
    const xg_command *command = xg_commands_find(noun, verb);
    if (command == NULL && verb == NULL) {
        command = find_page(noun);
    }
    if (command == NULL || (command->verb == NULL && verb != NULL)) {
        return xg_commands_refuse(noun, verb);
    }
    xg_man_page(stdout, command);
    return XG_EXIT_OK;
}

static int run(const xg_args *args)
{
    const char *dir = xg_args_value(args, "out");
    bool is_all = xg_args_has(args, "all");
    if (is_all != (dir != NULL)) {
        xg_errors_summary(is_all ? "--all needs --out DIR" : "--out needs --all");
        xg_errors_help(is_all ? "name the directory that the pages are to be written to"
                              : "a single page goes to stdout: redirect it to a file");
        return XG_EXIT_USAGE;
    }
    if (is_all && args->operand != NULL) {
        xg_errors_summary("--all and a command exclude each other");
        xg_errors_help("--all writes the page of every command");
        return XG_EXIT_USAGE;
    }
    return is_all ? write_all(dir) : print_page(args->operand, args->second);
}

const xg_command XG_CMD_MAN = {
    .noun = "man",
    .operand = "NOUN",
    .is_operand_optional = true,
    .second = "VERB",
    .summary = "print a man page, or write all of them",
    .usage = "[NOUN [VERB]] | --all --out DIR",
    .detail =
        "Without a command it is the page about xdsgate as a whole. What is printed is roff: 'man -l -' shows it.\n",
    .example = "  xdsgate man key rotate | man -l -\n"
               "  xdsgate man --all --out ./man1\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
