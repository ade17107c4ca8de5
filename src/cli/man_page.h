/* SPDX-License-Identifier: Apache-2.0 */
/*
 * man_page.h: a man page as roff. Thread rule: one thread.
 */
#ifndef XDSGATE_MAN_PAGE_H
#define XDSGATE_MAN_PAGE_H

#include <stdio.h>

#include "cli.h"

/* The page of a command, or with NULL that of the program, section 1, in the man(7) macros. */
void xg_man_page(FILE *page, const xg_command *command);

#endif /* XDSGATE_MAN_PAGE_H */
