/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_main.c: runs one fuzz target over files and folders of files, without libFuzzer. Makes every corpus a test of
 * every build, with any compiler. Each input is a fresh allocation of its exact size, so that a sanitizer sees an
 * overrun. Single-threaded.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    (void)data;
    (void)max_size;
    return size;
}

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    FUZZ_REQUIRE(file != NULL && fseek(file, 0, SEEK_END) == 0, "harness: corpus file can be opened");
    long size = ftell(file);
    FUZZ_REQUIRE(size >= 0 && fseek(file, 0, SEEK_SET) == 0, "harness: corpus file can be measured");
    uint8_t *data = malloc((size_t)size);
    FUZZ_REQUIRE(fread(data, 1, (size_t)size, file) == (size_t)size, "harness: corpus file can be read");
    (void)fclose(file);
    (void)fprintf(stderr, "%s\n", path); /* stays as the last line if the target ends the process */
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    int num_inputs = 0;
    for (int i = 1; i < argc; i++) {
        struct dirent **entries = NULL;
        int num_entries = scandir(argv[i], &entries, is_visible, alphasort);
        for (int j = 0; j < num_entries; j++) {
            char path[4096];
            (void)snprintf(path, sizeof path, "%s/%s", argv[i], entries[j]->d_name);
            replay_file(path);
            free(entries[j]);
        }
        free(entries);
        if (num_entries < 0) {
            replay_file(argv[i]);
            num_entries = 1;
        }
        num_inputs += num_entries;
    }
    (void)printf("%d inputs replayed\n", num_inputs);
    return num_inputs > 0 ? 0 : 1;
}
