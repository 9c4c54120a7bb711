/* SPDX-License-Identifier: Apache-2.0 */
/* The spool: what comes out is what went in, in order; bounds hold; the account of its place is right. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../module/transport/spool.h"
#include "tap.h"

static uint8_t pattern(int64_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

static size_t put(wio_spool *spool, int64_t *at, size_t len)
{
    uint8_t bytes[5000];

    for (size_t i = 0; i < len; i++)
        bytes[i] = pattern(*at + (int64_t)i);
    size_t done = wio_spool_put(spool, bytes, len);
    *at += (int64_t)done;
    return done;
}

/* 0 when the bytes are not the next ones. */
static int get(wio_spool *spool, int64_t *at, size_t max)
{
    uint8_t bytes[5000];
    ssize_t got = wio_spool_get(spool, bytes, max);

    for (ssize_t i = 0; i < got; i++)
        if (bytes[i] != pattern((*at)++))
            return 0;
    return got >= 0;
}

static void order_is_kept(void)
{
    wio_spool_place place = {.directory = "/tmp", .limit = 1 << 20};
    wio_spool spool;
    int64_t in = 0, out = 0;
    int right = 1;

    wio_spool_init(&spool, &place, 1 << 16);
    CHECK(spool.fd < 0 && wio_spool_get(&spool, &right, 1) == 0);
    srand(1);
    for (int i = 0; i < 20000 && right; i++) {
        put(&spool, &in, (size_t)rand() % 5000);
        right = get(&spool, &out, (size_t)rand() % 5000) && wio_spool_waiting(&spool) == in - out &&
                place.used == spool.in && spool.in <= 1 << 16;
    }
    while (right && wio_spool_waiting(&spool))
        right = get(&spool, &out, 5000);
    CHECK(right && in == out && in > 1 << 16);
    wio_spool_close(&spool);
    CHECK(place.used == 0 && spool.fd < 0);
}

static void bounds_hold(void)
{
    wio_spool_place place = {.directory = "/tmp", .limit = 6000};
    wio_spool one, two;
    int64_t at = 0, out = 0;

    wio_spool_init(&one, &place, 5000);
    wio_spool_init(&two, &place, 5000);
    CHECK(put(&one, &at, 3000) == 3000 && put(&one, &at, 3000) == 2000 && put(&one, &at, 1) == 0);
    CHECK(put(&two, &at, 3000) == 0 && place.used == 5000);
    at = 5000;
    CHECK(get(&one, &out, 4999) && put(&one, &at, 1) == 0);
    CHECK(get(&one, &out, 1) && place.used == 0 && put(&one, &at, 100) == 100);
    wio_spool_close(&one);
    wio_spool_close(&two);
    CHECK(place.used == 0);
}

static void failures_are_told(void)
{
    wio_spool_place place = {.directory = "/no/such/directory", .limit = 6000};
    wio_spool spool;
    int64_t at = 0;

    wio_spool_init(&spool, &place, 5000);
    CHECK(put(&spool, &at, 10) == 0 && spool.error == ENOENT && place.used == 0);
    CHECK(put(&spool, &at, 10) == 0 && wio_spool_waiting(&spool) == 0);
    wio_spool_close(&spool);

    char *longest = malloc(10000);
    memset(longest, 'x', 9999);
    longest[9999] = 0;
    place.directory = longest;
    wio_spool_init(&spool, &place, 5000);
    CHECK(put(&spool, &at, 10) == 0 && spool.error == ENAMETOOLONG);
    free(longest);
}

static const tap_test tests[] = {
    TAP_TEST(order_is_kept),
    TAP_TEST(bounds_hold),
    TAP_TEST(failures_are_told),
};

TAP_MAIN(tests)
