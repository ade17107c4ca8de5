/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixture_make.c: makes a fixture for hosts that must not link libcrypto themselves, and prints its folder. Beside the
 * store it holds config.json, dataplane.jwt and forged.jwt (one character of the signature changed).
 * run_with_fixture.sh removes it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static void write_beside(const fixture *fx, const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "../%s", name);
    fixture_write(fx, path, text, strlen(text));
}

int main(void)
{
    fixture fx;
    fixture_init(&fx);
    char *config = fixture_config(&fx, "");
    char *token = fixture_dataplane_token("made");
    write_beside(&fx, "config.json", config);
    write_beside(&fx, "dataplane.jwt", token);
    token[strlen(token) - 10] = token[strlen(token) - 10] == 'A' ? 'B' : 'A';
    write_beside(&fx, "forged.jwt", token);
    printf("%s\n", fx.dir);
    free(config);
    free(token);
    return 0;
}
