/* SPDX-License-Identifier: Apache-2.0 */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void wio_spool_init(wio_spool *spool, wio_spool_place *place, int64_t bound)
{
    *spool = (wio_spool){.place = place, .bound = bound, .fd = -1};
}

void wio_spool_close(wio_spool *spool)
{
    if (spool->fd >= 0)
        close(spool->fd);
    atomic_fetch_sub(&spool->place->used, spool->in);
    wio_spool_init(spool, spool->place, spool->bound);
}

/* A file of mode 0600 that nobody finds by its name. */
static int open_file(wio_spool *spool)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/wsgi-spool-XXXXXX", spool->place->directory) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    spool->fd = mkstemp(path);
    if (spool->fd < 0)
        return -1;
    unlink(path);
    fcntl(spool->fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

/* How many of the bytes are allowed; they are counted as used. */
static size_t reserve(wio_spool *spool, size_t len)
{
    int64_t room = spool->bound - spool->in, rest;

    if (room <= 0)
        return 0;
    if ((uint64_t)room < len)
        len = (size_t)room;
    rest = spool->place->limit - atomic_fetch_add(&spool->place->used, (int64_t)len);
    if (rest >= (int64_t)len)
        return len;
    atomic_fetch_sub(&spool->place->used, (int64_t)len);
    return 0;
}

size_t wio_spool_put(wio_spool *spool, const void *bytes, size_t len)
{
    size_t reserved = spool->error ? 0 : reserve(spool, len), done = 0;

    if (reserved && spool->fd < 0 && open_file(spool) < 0)
        spool->error = errno;
    while (done < reserved && !spool->error) {
        ssize_t put =
            pwrite(spool->fd, (const char *)bytes + done, reserved - done, (off_t)(spool->in + (int64_t)done));
        if (put > 0)
            done += (size_t)put;
        else if (put == 0 || errno != EINTR)
            spool->error = put ? errno : ENOSPC;
    }
    atomic_fetch_sub(&spool->place->used, (int64_t)(reserved - done));
    spool->in += (int64_t)done;
    return done;
}

ssize_t wio_spool_get(wio_spool *spool, void *buf, size_t max)
{
    int64_t waiting = wio_spool_waiting(spool);
    ssize_t got;

    if ((uint64_t)waiting < max)
        max = (size_t)waiting;
    if (max == 0)
        return 0;
    do
        got = pread(spool->fd, buf, max, (off_t)spool->out);
    while (got < 0 && errno == EINTR);
    if (got == 0) {
        errno = EIO; /* somebody has cut the file */
        return -1;
    }
    if (got > 0)
        wio_spool_skip(spool, got);
    return got;
}

void wio_spool_skip(wio_spool *spool, int64_t len)
{
    spool->out += len;
    if (wio_spool_waiting(spool) || ftruncate(spool->fd, 0) < 0)
        return;
    atomic_fetch_sub(&spool->place->used, spool->in);
    spool->in = spool->out = 0;
    spool->error = 0; /* there is room on the disk again */
}
