/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "../../module/transport/buffer.h"
#include "tap.h"

static void starts_on_lent_memory_and_moves_when_full(void)
{
    char lent[8];
    wio_buf buf;

    wio_buf_init(&buf, lent, sizeof lent);
    CHECK(wio_buf_append(&buf, "12345678", 8) == 0);
    CHECK(buf.data == (uint8_t *)lent && !buf.owned);
    CHECK(wio_buf_append(&buf, "9", 1) == 0);
    CHECK(buf.data != (uint8_t *)lent && buf.owned);
    CHECK(buf.len == 9 && memcmp(buf.data, "123456789", 9) == 0);
    wio_buf_free(&buf);
    CHECK(buf.data == NULL && buf.len == 0 && buf.cap == 0 && !buf.owned);
}

static void starts_on_nothing(void)
{
    wio_buf buf;

    wio_buf_init(&buf, NULL, 0);
    CHECK(wio_buf_append(&buf, NULL, 0) == 0 && buf.data == NULL);
    CHECK(wio_buf_append(&buf, "x", 1) == 0 && buf.len == 1 && buf.data[0] == 'x');
    wio_buf_free(&buf);
    wio_buf_free(&buf);
}

static void keeps_every_byte_while_it_grows(void)
{
    wio_buf buf;
    unsigned seed = 7;

    wio_buf_init(&buf, NULL, 0);
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t piece[97];
        size_t len = tap_random(&seed) % sizeof piece;
        for (size_t j = 0; j < len; j++)
            piece[j] = (uint8_t)((buf.len + j) * 31);
        CHECK(wio_buf_append(&buf, piece, len) == 0);
    }
    for (size_t i = 0; i < buf.len; i++)
        CHECK_THAT(buf.data[i] == (uint8_t)(i * 31), "byte %zu changed", i);
    wio_buf_free(&buf);
}

static void reserves_exactly_what_was_asked_at_least(void)
{
    wio_buf buf;

    wio_buf_init(&buf, NULL, 0);
    CHECK(wio_buf_reserve(&buf, 100000) == 0);
    CHECK(buf.cap >= 100000 && buf.len == 0);
    memset(buf.data, 1, 100000);
    uint8_t *before = buf.data;
    CHECK(wio_buf_reserve(&buf, 100000) == 0 && buf.data == before);
    wio_buf_free(&buf);
}

static void refuses_absurd_sizes_and_stays_valid(void)
{
    wio_buf buf;

    wio_buf_init(&buf, NULL, 0);
    CHECK(wio_buf_append(&buf, "kept", 4) == 0);
    errno = 0;
    CHECK(wio_buf_reserve(&buf, SIZE_MAX) == -1 && errno == ENOMEM);
    CHECK(wio_buf_reserve(&buf, SIZE_MAX - 3) == -1);
    CHECK(buf.len == 4 && memcmp(buf.data, "kept", 4) == 0);
    wio_buf_free(&buf);
}

static const tap_test tests[] = {
    TAP_TEST(starts_on_lent_memory_and_moves_when_full), TAP_TEST(starts_on_nothing),
    TAP_TEST(keeps_every_byte_while_it_grows),           TAP_TEST(reserves_exactly_what_was_asked_at_least),
    TAP_TEST(refuses_absurd_sizes_and_stays_valid),
};

TAP_MAIN(tests)
