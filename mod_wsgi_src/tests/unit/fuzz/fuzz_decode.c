/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer target for every decoder of frame.c. The first byte chooses the decoder; the rest is its input. Whatever is
 * taken must encode back to the same bytes: the encodings have one form only. */
#include <stdlib.h>
#include <string.h>

#include "../../../module/transport/frame.h"

#ifndef DECODER
#define DECODER (-1) /* the first byte chooses */
#endif

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

/* Appends what a cursor gives to `buf`. The number of pairs, or -1 when malformed. */
static int copy_pairs(wio_cursor cursor, wio_buf *buf)
{
    wio_pair pair;
    int count = 0, more;

    while ((more = wio_pair_next(&cursor, &pair)) > 0) {
        REQUIRE(pair.key[pair.key_len] == 0 && pair.value[pair.value_len] == 0);
        REQUIRE(wio_pair_put(buf, pair.flags, pair.key, pair.key_len, pair.value, pair.value_len) == 0);
        count++;
    }
    return more < 0 ? -1 : count;
}

static void pairs(const uint8_t *data, size_t size)
{
    wio_buf buf;

    wio_buf_init(&buf, NULL, 0);
    if (copy_pairs((wio_cursor){data, data + size}, &buf) > 0)
        REQUIRE(buf.len == size && memcmp(buf.data, data, size) == 0);
    wio_buf_free(&buf);
}

static void frame(const uint8_t *data, size_t size)
{
    uint8_t again[WIO_FRAME_SIZE];
    wio_frame got;

    if (size < WIO_FRAME_SIZE || wio_frame_get(data, 1u << 16, &got) < 0)
        return;
    wio_frame_put(again, got.type, got.flags, got.arg, got.len);
    REQUIRE(memcmp(again, data, WIO_FRAME_SIZE) == 0);
}

static void head(const uint8_t *data, size_t size)
{
    wio_request request;
    const uint8_t *vars, *body;

    if (wio_head_open(data, (uint32_t)size, &request, &vars, &body) < 0)
        return;
    REQUIRE(vars + request.vars_len == body && body + request.body_len == data + size);
    pairs(vars, request.vars_len);
}

static void response(const uint8_t *data, size_t size)
{
    wio_buf buf;
    wio_head got;

    if (wio_response_open(data, size, &got) < 0)
        return;
    wio_buf_init(&buf, NULL, 0);
    REQUIRE(wio_response_begin(&buf, got.status, got.reason, strlen(got.reason)) == 0);
    REQUIRE(copy_pairs(got.pairs, &buf) == got.fields);
    wio_response_count(&buf, 0, got.fields);
    REQUIRE(buf.len == size && memcmp(buf.data, data, size) == 0);
    wio_buf_free(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    data++;
    size--;
    switch (DECODER >= 0 ? DECODER : data[-1] % 4) {
    case 0:
        frame(data, size);
        break;
    case 1:
        head(data, size);
        break;
    case 2:
        response(data, size);
        break;
    default:
        pairs(data, size);
        break;
    }
    return 0;
}
