/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#ifndef _WIN32

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

int64_t wio_resident_bytes(void)
{
    char line[128], *second;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    ssize_t got = read(fd, line, sizeof line - 1);
    close(fd);
    if (got <= 0)
        return 0;
    line[got] = '\0';
    strtoll(line, &second, 10); /* total, then resident */
    return strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE);
}

/* What ru_maxrss counts. */
#ifdef __APPLE__
#define RESIDENT_UNIT 1
#else
#define RESIDENT_UNIT 1024
#endif

static int64_t microseconds(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

void wio_usage_read(wio_usage *usage)
{
    struct rusage read;

    getrusage(RUSAGE_SELF, &read);
    usage->user_us = microseconds(read.ru_utime);
    usage->system_us = microseconds(read.ru_stime);
    usage->most_resident = (int64_t)read.ru_maxrss * RESIDENT_UNIT;
}

#endif
