/* SPDX-License-Identifier: Apache-2.0 */
#include "buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_HEAP_BUFFER 1024

void wio_buf_init(wio_buf *buf, void *memory, size_t size)
{
    buf->data = memory;
    buf->len = 0;
    buf->cap = size;
    buf->owned = 0;
}

int wio_buf_grow(wio_buf *buf, size_t extra)
{
    if (extra > SIZE_MAX / 2 - buf->len) {
        errno = ENOMEM;
        return -1;
    }

    size_t need = buf->len + extra;
    size_t cap = buf->cap < SMALLEST_HEAP_BUFFER / 2 ? SMALLEST_HEAP_BUFFER : buf->cap;
    while (cap < need)
        cap = cap > SIZE_MAX / 4 ? need : cap * 2;

    uint8_t *data = realloc(buf->owned ? buf->data : NULL, cap);
    if (!data) {
        errno = ENOMEM;
        return -1;
    }
    if (!buf->owned && buf->len)
        memcpy(data, buf->data, buf->len);
    buf->data = data;
    buf->cap = cap;
    buf->owned = 1;
    return 0;
}

int wio_buf_append(wio_buf *buf, const void *bytes, size_t len)
{
    if (len == 0)
        return 0;
    if (wio_buf_reserve(buf, len) < 0)
        return -1;
    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    return 0;
}

void wio_buf_free(wio_buf *buf)
{
    if (buf->owned)
        free(buf->data);
    wio_buf_init(buf, NULL, 0);
}
