/* SPDX-License-Identifier: Apache-2.0 */
#include "roster.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LONGEST_PATH 4096
#define FIRST_WORDS  "{\"manager\": %ld,"

static const char *state_name(uint32_t state)
{
    switch (state) {
    case WIO_PROCESS_STARTING:
        return "starting";
    case WIO_PROCESS_READY:
        return "ready";
    case WIO_PROCESS_RECYCLING:
        return "recycling";
    case WIO_PROCESS_DRAINING:
        return "draining";
    default:
        return "none";
    }
}

static void write_text(FILE *file, const char *text)
{
    putc('"', file);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(file, "\\%c", c);
        else if (c < ' ')
            fprintf(file, "\\u%04x", c);
        else
            putc(c, file);
    }
    putc('"', file);
}

static void write_seat(FILE *file, const wdm_table *table, uint32_t group, uint32_t seat)
{
    const char *comma = "";

    fprintf(file, "{\"failures\": %d, \"daemons\": [", table->plans[group][seat].quick_deaths);
    for (int i = 0; i < table->count; i++) {
        const wdm_daemon *daemon = &table->daemons[i];
        if (daemon->group != group || daemon->seat != seat)
            continue;
        fprintf(file, "%s{\"pid\": %ld, \"state\": \"%s\"}", comma, (long)daemon->pid, state_name(daemon->state));
        comma = ", ";
    }
    fputs("]}", file);
}

static void write_all(FILE *file, const wdm_table *table)
{
    const wdm_config *config = table->generation->config;

    fprintf(file, FIRST_WORDS " \"server\": %ld, \"generation\": %u, \"groups\": {", (long)getpid(),
            (long)table->generation->owner, config->generation);
    for (int i = 0; i < config->n_groups; i++) {
        fputs(i ? ", " : "", file);
        write_text(file, config->groups[i].name);
        fputs(": [", file);
        for (int j = 0; j < config->groups[i].processes; j++) {
            fputs(j ? ", " : "", file);
            write_seat(file, table, (uint32_t)i, (uint32_t)j);
        }
        putc(']', file);
    }
    fputs("}}\n", file);
}

int wdm_roster_write(const wdm_table *table, const char *path)
{
    char beside[LONGEST_PATH];

    if ((size_t)snprintf(beside, sizeof beside, "%s.%ld", path, (long)getpid()) >= sizeof beside) {
        errno = ENAMETOOLONG;
        return -1;
    }
    unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    FILE *file = fdopen(fd, "w");
    if (!file) {
        close(fd);
        unlink(beside);
        return -1;
    }
    write_all(file, table);
    int failed = ferror(file);
    if (fclose(file) != 0 || failed || rename(beside, path) < 0) {
        int error = errno;
        unlink(beside);
        errno = error;
        return -1;
    }
    return 0;
}

void wdm_roster_remove(const char *path)
{
    char found[64] = "", mine[64];
    FILE *file = fopen(path, "r");

    if (!file)
        return;
    snprintf(mine, sizeof mine, FIRST_WORDS, (long)getpid());
    if (fgets(found, sizeof found, file) && strncmp(found, mine, strlen(mine)) == 0)
        unlink(path);
    fclose(file);
}
