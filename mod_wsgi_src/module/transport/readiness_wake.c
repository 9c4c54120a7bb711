/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* pipe2 */
#endif

#include "readiness_wake.h"

#include "readiness_choice.h"

#ifndef WIO_READY_PORTS

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int wio_wake_open(int ends[2])
{
    int failed;

#ifdef __linux__
    failed = pipe2(ends, O_CLOEXEC | O_NONBLOCK);
#else
    failed = pipe(ends);
    for (int i = 0; !failed && i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
#endif
    if (failed)
        ends[0] = ends[1] = -1;
    return failed;
}

void wio_wake_close(const int ends[2])
{
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

/* A full pipe is as readable as can be. */
void wio_wake_ring(const int ends[2])
{
    while (write(ends[1], "", 1) < 0 && errno == EINTR)
        ;
}

#endif
