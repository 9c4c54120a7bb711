/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <dirent.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool failed;
static char reason[512];

void tap_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    pthread_mutex_lock(&mutex);
    if (!failed) {
        int used = snprintf(reason, sizeof reason, "%s:%d: ", file, line);
        vsnprintf(reason + used, sizeof reason - (size_t)used, format, arguments);
        failed = 1;
    }
    pthread_mutex_unlock(&mutex);
    va_end(arguments);
}

int tap_failed(void)
{
    return failed;
}

int tap_run(const tap_test *tests, int count)
{
    int bad = 0;

    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        failed = 0;
        tests[i].run();
        if (failed) {
            bad++;
            printf("not ok %d - %s\n# %s\n", i + 1, tests[i].name, reason);
        } else {
            printf("ok %d - %s\n", i + 1, tests[i].name);
        }
        fflush(stdout);
    }
    return bad ? 1 : 0;
}

long tap_rounds(long normally)
{
    const char *wanted = getenv("TAP_ROUNDS");

    return wanted ? atol(wanted) : normally;
}

unsigned tap_random(unsigned *seed)
{
    unsigned x = *seed ? *seed : 1;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *seed = x;
}

int tap_open_fds(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");

    if (!dir)
        return -1;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 3; /* ".", ".." and the directory itself */
}
