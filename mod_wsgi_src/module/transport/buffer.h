/* SPDX-License-Identifier: Apache-2.0 */
/* A byte buffer that grows.
 *
 * It may start on memory the caller lends (a stack array, pool memory) and moves to the heap only when that is
 * full, so that an ordinary request costs no allocation. Not thread safe; any thread, GIL either.
 */
#ifndef WSGI_TRANSPORT_BUFFER_H
#define WSGI_TRANSPORT_BUFFER_H

#include <stddef.h>
#include <stdint.h>

typedef struct wio_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    int owned; /* data came from malloc */
} wio_buf;

/* Starts empty on `memory` of `size` bytes, which must outlive the buffer. NULL and 0: starts on nothing. */
void wio_buf_init(wio_buf *buf, void *memory, size_t size);

/* Makes room for `extra` more bytes. 0, or -1 with errno ENOMEM; the buffer stays valid then. */
int wio_buf_grow(wio_buf *buf, size_t extra);
static inline int wio_buf_reserve(wio_buf *buf, size_t extra)
{
    return extra <= buf->cap - buf->len ? 0 : wio_buf_grow(buf, extra);
}

/* Appends a copy. 0, or -1 with errno ENOMEM and the buffer unchanged. */
int wio_buf_append(wio_buf *buf, const void *bytes, size_t len);

/* Frees what it owns; the buffer is as after wio_buf_init(buf, NULL, 0). */
void wio_buf_free(wio_buf *buf);

#endif
