/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <fcntl.h>
#include <stdlib.h>
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
