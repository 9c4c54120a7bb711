/* SPDX-License-Identifier: Apache-2.0 */
/* wio_send_all and wio_recv over faulty system calls: every byte arrives, in order, or the caller learns why not. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "faulty.h"
#include "tap.h"

#define BLOCKS 40

static uint8_t source[1 << 15];
static struct iovec vec[BLOCKS];

static const faulty_plan no_faults = {.break_at = -1};

/* Cuts the first bytes of the source into `count` blocks of seeded sizes, empty ones among them. Returns the bytes. */
static size_t cut(int count, size_t most, unsigned *seed)
{
    size_t at = 0;

    for (int i = 0; i < count; i++) {
        size_t len = tap_random(seed) % 4 == 0 ? 0 : tap_random(seed) % (most + 1);
        vec[i].iov_base = source + at;
        vec[i].iov_len = len;
        at += len;
    }
    return at;
}

static void fill_source(void)
{
    unsigned seed = 99;

    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (uint8_t)tap_random(&seed);
}

static int send_vector(int count, int iov_max, int pass_fd, int64_t deadline)
{
    return wio_send_all(&faulty_calls, 3, vec, count, iov_max, pass_fd, deadline);
}

static int arrived(size_t len)
{
    return faulty.len == len && memcmp(faulty.bytes, source, len) == 0;
}

static void every_limit_with_every_number_of_blocks(void)
{
    const int limits[] = {1, 2, 3, 16, 64, 1024, INT_MAX};
    unsigned seed = 3;

    fill_source();
    for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
        for (int count = 0; count <= BLOCKS; count++) {
            faulty_plan plan = no_faults;
            plan.system_limit = limits[l];
            size_t len = cut(count, 300, &seed);
            faulty_begin(&plan);
            CHECK_THAT(send_vector(count, limits[l], -1, 0) == 0, "limit %d, %d blocks", limits[l], count);
            CHECK_THAT(arrived(len), "limit %d, %d blocks: other bytes", limits[l], count);
            CHECK(faulty.most_blocks <= limits[l]);
        }
    }
}

static void an_unknown_limit_counts_as_sixteen(void)
{
    const int unknown[] = {0, -1, INT_MIN};
    unsigned seed = 4;

    for (size_t i = 0; i < 3; i++) {
        faulty_plan plan = no_faults;
        plan.system_limit = 16;
        cut(BLOCKS, 0, &seed);
        for (int block = 0; block < BLOCKS; block++)
            vec[block] = (struct iovec){source + block, 1};
        faulty_begin(&plan);
        CHECK(send_vector(BLOCKS, unknown[i], -1, 0) == 0 && arrived(BLOCKS));
        CHECK(faulty.most_blocks == 16);
    }
}

/* The test above must be able to fail: a writer that ignores the limit meets the system's refusal. */
static void a_limit_above_the_system_s_is_refused_by_it(void)
{
    unsigned seed = 5;
    faulty_plan plan = no_faults;

    plan.system_limit = 16;
    cut(BLOCKS, 300, &seed);
    faulty_begin(&plan);
    CHECK(send_vector(BLOCKS, 17, -1, 0) == -1 && errno == EMSGSIZE);
}

static void short_writes_and_interruptions_at_every_byte(void)
{
    const size_t most[] = {1, 7};
    unsigned seed = 6;

    for (int fault = 0; fault < 3; fault++) {
        for (size_t m = 0; m < 2; m++) {
            for (int limit = 1; limit <= 3; limit++) {
                faulty_plan plan = no_faults;
                plan.most = most[m];
                plan.interrupt = fault == 1;
                plan.again = fault == 2;
                size_t len = cut(12, 40, &seed);
                faulty_begin(&plan);
                CHECK(send_vector(12, limit, -1, 0) == 0 && arrived(len));
                CHECK(fault != 2 || faulty.polls > 0);
            }
        }
    }
}

static void a_peer_that_goes_half_way_is_told(void)
{
    const int reasons[] = {EPIPE, ECONNRESET};
    unsigned seed = 7;

    for (long at = 0; at < 60; at++) {
        faulty_plan plan = no_faults;
        plan.break_at = at;
        plan.break_errno = reasons[at % 2];
        size_t len = cut(BLOCKS, 40, &seed);
        if (len <= 60)
            continue;
        faulty_begin(&plan);
        CHECK(send_vector(BLOCKS, 16, -1, 0) == -1 && errno == reasons[at % 2]);
        CHECK(arrived((size_t)at));
    }
}

static void a_write_that_takes_nothing_does_not_spin(void)
{
    unsigned seed = 8;
    faulty_plan plan = no_faults;

    plan.break_at = 10;
    cut(BLOCKS, 300, &seed);
    faulty_begin(&plan);
    CHECK(send_vector(BLOCKS, 16, -1, 0) == -1 && errno == EIO);
    CHECK(faulty.calls == 2);
}

static void empty_vectors_cost_no_call(void)
{
    faulty_begin(&no_faults);
    for (int i = 0; i < BLOCKS; i++)
        vec[i] = (struct iovec){NULL, 0};
    CHECK(send_vector(BLOCKS, 16, -1, 0) == 0 && send_vector(0, 16, -1, 0) == 0);
    CHECK(faulty.calls == 0);
    CHECK(send_vector(BLOCKS, 16, 5, 0) == -1 && errno == EINVAL);
}

static void a_descriptor_travels_once_with_the_first_byte(void)
{
    for (int fault = 0; fault < 3; fault++) {
        faulty_plan plan = no_faults;
        plan.most = 1;
        plan.interrupt = fault == 1;
        plan.again = fault == 2;
        vec[0] = (struct iovec){NULL, 0};
        vec[1] = (struct iovec){source, 5};
        faulty_begin(&plan);
        CHECK(send_vector(2, 16, 0, 0) == 0 && arrived(5));
        CHECK(faulty.descriptors == 1 && faulty.descriptor_at == 0);
    }
}

static void a_deadline_ends_the_wait(void)
{
    faulty_plan plan = no_faults;

    plan.again = 1;
    plan.never_ready = 1;
    faulty_begin(&plan);
    vec[0] = (struct iovec){source, 100};
    CHECK(send_vector(1, 16, -1, wio_now_us() + 5000) == -1 && errno == ETIMEDOUT);
    faulty_begin(&plan);
    vec[0] = (struct iovec){source, 100};
    CHECK(send_vector(1, 16, -1, 1) == -1 && errno == ETIMEDOUT);
}

static void bytes_out_are_bytes_in_for_any_schedule(void)
{
    const int limits[] = {1, 2, 3, 15, 16, 17, -1, 1024};

    fill_source();
    for (long round = 1; round <= tap_rounds(100000); round++) {
        unsigned seed = (unsigned)round * 2654435761u;
        int count = (int)(tap_random(&seed) % (BLOCKS + 1));
        int limit = limits[tap_random(&seed) % (sizeof limits / sizeof *limits)];
        faulty_plan plan = no_faults;
        plan.system_limit = limit < 1 ? 16 : limit;
        size_t len = cut(count, 200, &seed);
        plan.random = seed | 1;
        faulty_begin(&plan);
        CHECK_THAT(send_vector(count, limit, -1, 0) == 0, "seed %ld: %s", round, strerror(errno));
        CHECK_THAT(arrived(len), "seed %ld: %zu bytes instead of %zu", round, faulty.len, len);
        for (int i = 0; i < count; i++)
            CHECK_THAT((uint8_t *)vec[i].iov_base <= source + len, "seed %ld: entry %d", round, i);
    }
}

/* --- receiving --------------------------------------------------------------------------------------------------- */

static void load_wire(const faulty_plan *plan, size_t len)
{
    faulty_begin(plan);
    memcpy(faulty.bytes, source, len);
    faulty.len = len;
}

static void exact_reads_survive_any_schedule(void)
{
    uint8_t got[3000];

    for (long round = 1; round <= tap_rounds(20000); round++) {
        unsigned seed = (unsigned)round * 2246822519u;
        size_t len = 1 + tap_random(&seed) % sizeof got;
        faulty_plan plan = no_faults;
        plan.random = seed | 1;
        load_wire(&plan, len);
        CHECK_THAT(wio_recv_all(&faulty_calls, 3, got, len, 0) == 0, "seed %ld", round);
        CHECK_THAT(memcmp(got, source, len) == 0, "seed %ld: other bytes", round);
    }
}

static void an_early_end_is_told_from_a_clean_one(void)
{
    uint8_t got[100];
    faulty_plan plan = no_faults;

    for (long at = 0; at < 100; at++) {
        plan.break_at = at;
        load_wire(&plan, 100);
        CHECK(wio_recv_all(&faulty_calls, 3, got, 100, 0) == -1);
        CHECK(errno == (at ? ECONNRESET : ENODATA));
    }
    plan.break_at = 50;
    plan.break_errno = ECONNRESET;
    load_wire(&plan, 100);
    CHECK(wio_recv_all(&faulty_calls, 3, got, 100, 0) == -1 && errno == ECONNRESET);
    CHECK(wio_recv_all(&faulty_calls, 3, got, 0, 0) == 0);
}

static void a_read_deadline_ends_the_wait(void)
{
    uint8_t got[10];
    faulty_plan plan = no_faults;

    plan.again = 1;
    plan.never_ready = 1;
    load_wire(&plan, 10);
    CHECK(wio_recv(&faulty_calls, 3, got, 10, wio_now_us() + 5000) == -1 && errno == ETIMEDOUT);
}

static void the_limit_is_useful_and_constant(void)
{
    int limit = wio_iov_max();

    CHECK(limit >= 1 && limit <= 64 && wio_iov_max() == limit);
}

static const tap_test tests[] = {
    TAP_TEST(every_limit_with_every_number_of_blocks),
    TAP_TEST(an_unknown_limit_counts_as_sixteen),
    TAP_TEST(a_limit_above_the_system_s_is_refused_by_it),
    TAP_TEST(short_writes_and_interruptions_at_every_byte),
    TAP_TEST(a_peer_that_goes_half_way_is_told),
    TAP_TEST(a_write_that_takes_nothing_does_not_spin),
    TAP_TEST(empty_vectors_cost_no_call),
    TAP_TEST(a_descriptor_travels_once_with_the_first_byte),
    TAP_TEST(a_deadline_ends_the_wait),
    TAP_TEST(bytes_out_are_bytes_in_for_any_schedule),
    TAP_TEST(exact_reads_survive_any_schedule),
    TAP_TEST(an_early_end_is_told_from_a_clean_one),
    TAP_TEST(a_read_deadline_ends_the_wait),
    TAP_TEST(the_limit_is_useful_and_constant),
};

TAP_MAIN(tests)
