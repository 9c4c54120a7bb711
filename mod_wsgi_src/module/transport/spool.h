/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that wait in a file without a name: first in, first out. So many and no more: the file of each spool has a
 * bound, and all spools of a process have one together. What does not fit, or finds the disk full, is not taken: then
 * whoever fills the spool has to wait for whoever empties it.
 *
 * A spool has one user at a time; the place is shared by all threads. */
#ifndef WSGI_TRANSPORT_SPOOL_H
#define WSGI_TRANSPORT_SPOOL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct wio_spool_place {
    const char *directory;
    int64_t limit;        /* bytes of all spools together */
    _Atomic int64_t used; /* by those of this process */
} wio_spool_place;

typedef struct wio_spool {
    wio_spool_place *place;
    int64_t bound;
    int fd;          /* -1: not needed yet */
    int error;       /* why no file could be made, or no more be written; 0: nothing went wrong */
    int64_t in, out; /* bytes put and got since the file was last empty */
} wio_spool;

void wio_spool_init(wio_spool *spool, wio_spool_place *place, int64_t bound);
/* Also before it has a file. */
void wio_spool_close(wio_spool *spool);

static inline int64_t wio_spool_waiting(const wio_spool *spool)
{
    return spool->in - spool->out;
}

/* Takes what it can of the bytes. Their number, 0 when it is full or its file fails. */
size_t wio_spool_put(wio_spool *spool, const void *bytes, size_t len);

/* Gets up to max of the bytes that wait. Their number; -1 with errno: they cannot be read again. */
ssize_t wio_spool_get(wio_spool *spool, void *buf, size_t max);

/* What has been read by other means, from spool->fd at spool->out. */
void wio_spool_skip(wio_spool *spool, int64_t len);

#endif
