/* SPDX-License-Identifier: Apache-2.0 */
#include "shortage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CGROUPS "/sys/fs/cgroup"
#define COUNTER "oom_kill "
#define ROOM    1024

/* The file with the counter: of the second version's one hierarchy, or of the first version's for memory. Lines are
 * number:controllers:path. 0, or -1. */
static int find_file(char *path, size_t size)
{
    char line[ROOM];
    int found = -1;
    FILE *file = fopen("/proc/self/cgroup", "re");

    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        controllers++;
        if (!strcmp(controllers, "memory")) {
            snprintf(path, size, CGROUPS "/memory%s/memory.oom_control", group);
            found = 0;
            break;
        }
        if (!*controllers) {
            snprintf(path, size, CGROUPS "%s/memory.events", group);
            found = 0;
        }
    }
    if (file)
        fclose(file);
    return found;
}

long wdm_memory_kills(void)
{
    char path[ROOM + 64], line[ROOM];
    long kills = 0;
    FILE *file = find_file(path, sizeof path) < 0 ? NULL : fopen(path, "re");

    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, COUNTER, sizeof COUNTER - 1))
            kills = strtol(line + sizeof COUNTER - 1, NULL, 10);
    if (file)
        fclose(file);
    return kills;
}
