/* SPDX-License-Identifier: Apache-2.0 */
/* The encodings: what goes in comes out, and nothing malformed is taken. Inputs to decoders stand at the very end of heap
 * blocks of their own, so that the address sanitizer sees a read one byte too far. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../module/transport/frame.h"
#include "tap.h"

#define MAX_HEAD (1u << 20)

static uint8_t *exact_copy(const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    if (!copy)
        abort();
    if (len)
        memcpy(copy, bytes, len);
    return copy;
}

/* --- frames ------------------------------------------------------------------------------------------------------ */

static const struct {
    uint8_t type;
    uint32_t least, most;
} lengths[] = {
    {WIO_HELLO, sizeof(wio_hello), sizeof(wio_hello)},
    {WIO_HEAD, sizeof(wio_request), MAX_HEAD},
    {WIO_READ, 4, 4},
    {WIO_DATA, 0, WIO_MAX_DATA},
    {WIO_RESPONSE, 9, WIO_MAX_RESPONSE},
    {WIO_FILE, sizeof(wio_file), sizeof(wio_file)},
    {WIO_END, sizeof(wio_end), sizeof(wio_end)},
    {WIO_ABORT, 0, WIO_MAX_TEXT},
    {WIO_RETRY, 0, 0},
    {WIO_LENT, sizeof(wio_lent), sizeof(wio_lent)},
};

static int taken(uint8_t type, uint8_t flags, uint16_t arg, uint32_t len)
{
    uint8_t bytes[WIO_FRAME_SIZE];
    wio_frame frame;

    wio_frame_put(bytes, type, flags, arg, len);
    if (wio_frame_get(bytes, MAX_HEAD, &frame) < 0)
        return 0;
    return frame.type == type && frame.flags == flags && frame.arg == arg && frame.len == len;
}

static void frame_lengths_are_bounded_for_each_type(void)
{
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t type = lengths[i].type;
        CHECK_THAT(taken(type, 0, 0, lengths[i].least), "type %d at its least", type);
        CHECK_THAT(taken(type, 0, 0, lengths[i].most), "type %d at its most", type);
        CHECK_THAT(!taken(type, 0, 0, lengths[i].most + 1), "type %d one above", type);
        CHECK_THAT(!taken(type, 0, 0, UINT32_MAX), "type %d at 4 GiB", type);
        if (lengths[i].least)
            CHECK_THAT(!taken(type, 0, 0, lengths[i].least - 1), "type %d one below", type);
    }
}

static void frame_types_and_reserved_bits_are_refused(void)
{
    for (unsigned type = 0; type < 256; type++) {
        int known = type >= WIO_HELLO && type <= WIO_LENT;
        for (unsigned flags = 0; flags < 256; flags++) {
            uint32_t len = known ? lengths[type - 1].least : 0;
            int legal = known && (flags == 0 || (type == WIO_DATA && flags <= (WIO_LAST | WIO_FAILED)));
            CHECK_THAT(taken((uint8_t)type, (uint8_t)flags, 0, len) == legal, "type %u flags %u", type, flags);
        }
    }
    CHECK(!taken(WIO_END, 0, 1, sizeof(wio_end)));
    CHECK(!taken(WIO_DATA, WIO_LAST, 5, 0));
    CHECK(taken(WIO_DATA, WIO_FAILED, 104, 0));
    CHECK(taken(WIO_ABORT, 0, WIO_ABORT_TIMEOUT, 12));
    CHECK(taken(WIO_RETRY, 0, WIO_RETRY_DRAINING, 0));
}

/* --- request heads ----------------------------------------------------------------------------------------------- */

/* A sealed HEAD frame with three variables and a body of four bytes. */
static wio_request sealed_head(wio_buf *buf)
{
    wio_request request = {.id = 42, .content_length = 4, .flags = WIO_REQUEST_BODY_DONE, .word = 3, .vhost = 1};

    wio_buf_init(buf, NULL, 0);
    wio_buf_reserve(buf, WIO_HEAD_ROOM);
    buf->len = WIO_HEAD_ROOM;
    wio_pair_put(buf, 0, "SERVER_NAME", 11, "example.org", 11);
    request.fixed_len = (uint32_t)(buf->len - WIO_HEAD_ROOM);
    wio_pair_put(buf, WIO_PAIR_PATH, "SCRIPT_FILENAME", 15, "/srv/\xff.wsgi", 11);
    wio_pair_put(buf, 0, "QUERY_STRING", 12, "", 0);
    request.vars_len = (uint32_t)(buf->len - WIO_HEAD_ROOM);
    wio_buf_append(buf, "body", 4);
    request.body_len = 4;
    wio_head_seal(buf, &request);
    return request;
}

static void head_opens_as_it_was_sealed(void)
{
    wio_buf buf;
    wio_request sent = sealed_head(&buf), got;
    wio_frame frame;
    const uint8_t *vars, *body;
    wio_pair pair;

    CHECK(wio_frame_get(buf.data, MAX_HEAD, &frame) == 0);
    CHECK(frame.type == WIO_HEAD && frame.len == buf.len - WIO_FRAME_SIZE);
    CHECK(wio_head_open(buf.data + WIO_FRAME_SIZE, frame.len, &got, &vars, &body) == 0);
    CHECK(memcmp(&sent, &got, sizeof got) == 0);
    CHECK(memcmp(body, "body", 4) == 0 && body + 4 == buf.data + buf.len);

    wio_cursor cursor = {vars, vars + got.vars_len};
    CHECK(wio_pair_next(&cursor, &pair) == 1 && strcmp(pair.key, "SERVER_NAME") == 0);
    CHECK(strcmp(pair.value, "example.org") == 0 && pair.flags == 0);
    CHECK(cursor.at == vars + got.fixed_len);
    CHECK(wio_pair_next(&cursor, &pair) == 1 && pair.flags == WIO_PAIR_PATH && pair.value_len == 11);
    CHECK(wio_pair_next(&cursor, &pair) == 1 && pair.value_len == 0 && pair.value[0] == 0);
    CHECK(wio_pair_next(&cursor, &pair) == 0);
    wio_buf_free(&buf);
}

static void head_lengths_must_add_up(void)
{
    wio_buf buf;
    wio_request sent = sealed_head(&buf), got;
    const uint8_t *vars, *body;
    uint32_t len = (uint32_t)(buf.len - WIO_FRAME_SIZE);

    for (uint32_t cut = 0; cut < len; cut++) {
        uint8_t *copy = exact_copy(buf.data + WIO_FRAME_SIZE, cut);
        int result = wio_head_open(copy, cut, &got, &vars, &body);
        free(copy);
        CHECK_THAT(result == -1, "taken although cut to %u bytes", cut);
    }

    struct {
        uint32_t vars_len, body_len, fixed_len, flags;
        int64_t content_length;
    } wrong[] = {
        {sent.vars_len + 1, 4, 0, 0, 4},
        {sent.vars_len, 5, 0, 0, 5},
        {sent.vars_len - 1, 4, 0, 0, 4},
        {UINT32_MAX, sent.vars_len + 5, 0, 0, -1},
        {sent.vars_len, 4, sent.vars_len + 1, 0, 4},
        {sent.vars_len, 4, 0, 0x8000, 4},
        {sent.vars_len, 4, 0, 0, 3},
        {sent.vars_len, 4, 0, 0, -2},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        wio_request bad = sent;
        bad.vars_len = wrong[i].vars_len;
        bad.body_len = wrong[i].body_len;
        bad.fixed_len = wrong[i].fixed_len;
        bad.flags = wrong[i].flags;
        bad.content_length = wrong[i].content_length;
        memcpy(buf.data + WIO_FRAME_SIZE, &bad, sizeof bad);
        CHECK_THAT(wio_head_open(buf.data + WIO_FRAME_SIZE, len, &got, &vars, &body) == -1, "wrong head %zu taken", i);
    }
    wio_buf_free(&buf);
}

/* --- pairs ------------------------------------------------------------------------------------------------------- */

/* Reads pairs to their end. How many, or -1 when malformed. Touches every byte that the decoder vouches for. */
static int count_pairs(const uint8_t *bytes, size_t len)
{
    wio_cursor cursor = {bytes, bytes + len};
    wio_pair pair;
    int count = 0, more;

    while ((more = wio_pair_next(&cursor, &pair)) > 0) {
        if (pair.key[pair.key_len] || pair.value[pair.value_len])
            abort();
        count++;
    }
    return more < 0 ? -1 : count;
}

static void pairs_keep_order_doubles_and_zero_bytes(void)
{
    wio_buf buf;
    wio_pair pair;

    wio_buf_init(&buf, NULL, 0);
    CHECK(wio_pair_put(&buf, WIO_PAIR_HIDDEN, "", 0, "a\0b", 3) == 0);
    CHECK(wio_pair_put(&buf, 0, "K", 1, "1", 1) == 0);
    CHECK(wio_pair_put(&buf, 0, "K", 1, "2", 1) == 0);
    wio_cursor cursor = {buf.data, buf.data + buf.len};
    CHECK(wio_pair_next(&cursor, &pair) == 1 && pair.key_len == 0 && memcmp(pair.value, "a\0b", 4) == 0);
    CHECK(wio_pair_next(&cursor, &pair) == 1 && pair.value[0] == '1');
    CHECK(wio_pair_next(&cursor, &pair) == 1 && pair.value[0] == '2');
    CHECK(wio_pair_next(&cursor, &pair) == 0);
    wio_buf_free(&buf);
}

static void pairs_too_long_are_refused(void)
{
    wio_buf buf;
    char *key = calloc(1, 65536);

    wio_buf_init(&buf, NULL, 0);
    CHECK(wio_pair_put(&buf, 0, key, 65535, "", 0) == 0);
    errno = 0;
    CHECK(wio_pair_put(&buf, 0, key, 65536, "", 0) == -1 && errno == EMSGSIZE);
    CHECK(wio_pair_put(&buf, 0, "k", 1, key, (size_t)INT32_MAX + 1) == -1 && errno == EMSGSIZE);
    CHECK(count_pairs(buf.data, buf.len) == 1);
    free(key);
    wio_buf_free(&buf);
}

static void pairs_cut_anywhere_are_malformed(void)
{
    wio_buf buf;
    size_t whole[3];

    wio_buf_init(&buf, NULL, 0);
    for (int i = 0; i < 3; i++) {
        whole[i] = buf.len;
        wio_pair_put(&buf, 0, "HTTP_ACCEPT", 11, "text/html, */*", 14);
    }
    for (size_t cut = 0; cut < buf.len; cut++) {
        uint8_t *copy = exact_copy(buf.data, cut);
        int count = count_pairs(copy, cut);
        free(copy);
        int expected = cut == whole[0] ? 0 : cut == whole[1] ? 1 : cut == whole[2] ? 2 : -1;
        CHECK_THAT(count == expected, "cut to %zu: %d", cut, count);
    }
    wio_buf_free(&buf);
}

static void mutated_pairs_never_lead_outside(void)
{
    wio_buf buf;
    unsigned seed = 11;

    wio_buf_init(&buf, NULL, 0);
    for (int i = 0; i < 4; i++)
        wio_pair_put(&buf, 0, "HTTP_HOST", 9, "localhost:8080", 14);
    for (long round = 0; round < tap_rounds(100000); round++) {
        uint8_t *copy = exact_copy(buf.data, buf.len);
        for (unsigned i = 0; i < 1 + round % 4; i++)
            copy[tap_random(&seed) % buf.len] = (uint8_t)tap_random(&seed);
        count_pairs(copy, buf.len);
        free(copy);
    }
    wio_buf_free(&buf);
}

/* --- responses --------------------------------------------------------------------------------------------------- */

static void build_response(wio_buf *buf, uint16_t status, const char *reason, const char *name, const char *value)
{
    size_t start;

    wio_buf_init(buf, NULL, 0);
    wio_buf_append(buf, "before", 6);
    start = buf->len;
    wio_response_begin(buf, status, reason, strlen(reason));
    wio_pair_put(buf, 0, name, strlen(name), value, strlen(value));
    wio_pair_put(buf, 0, "Set-Cookie", 10, "a=b", 3);
    wio_response_count(buf, start, 2);
}

static int response_taken(uint16_t status, const char *reason, const char *name, const char *value)
{
    wio_buf buf;
    wio_head head;

    build_response(&buf, status, reason, name, value);
    int result = wio_response_open(buf.data + 6, buf.len - 6, &head);
    wio_buf_free(&buf);
    return result == 0;
}

static void response_opens_as_it_was_built(void)
{
    wio_buf buf;
    wio_head head;
    wio_pair pair;

    build_response(&buf, 418, "I'm a teapot", "X-Tea", "green\tleaf \xe9");
    CHECK(wio_response_open(buf.data + 6, buf.len - 6, &head) == 0);
    CHECK(head.status == 418 && head.fields == 2 && strcmp(head.reason, "I'm a teapot") == 0);
    CHECK(wio_pair_next(&head.pairs, &pair) == 1 && strcmp(pair.key, "X-Tea") == 0);
    CHECK(wio_pair_next(&head.pairs, &pair) == 1 && strcmp(pair.value, "a=b") == 0);
    CHECK(wio_pair_next(&head.pairs, &pair) == 0);
    wio_buf_free(&buf);
}

static void response_refuses_what_could_inject(void)
{
    CHECK(response_taken(200, "OK", "X", ""));
    CHECK(response_taken(200, "", "X-1_a.b~", "v"));
    CHECK(!response_taken(99, "OK", "X", "v") && !response_taken(1000, "OK", "X", "v"));
    CHECK(!response_taken(200, "OK\r\nX: y", "X", "v") && !response_taken(200, "OK\x7f", "X", "v"));
    CHECK(!response_taken(200, "OK", "", "v") && !response_taken(200, "OK", "X Y", "v"));
    CHECK(!response_taken(200, "OK", "X:", "v") && !response_taken(200, "OK", "X\r", "v"));
    CHECK(!response_taken(200, "OK", "X\xe9", "v") && !response_taken(200, "OK", "X", "v\nY: z"));
    CHECK(!response_taken(200, "OK", "X", "v\rY") && !response_taken(200, "OK", "X", "v\x01"));
}

static void response_count_must_be_right(void)
{
    wio_buf buf;
    wio_head head;

    build_response(&buf, 200, "OK", "X", "v");
    for (unsigned fields = 0; fields < 5; fields++) {
        wio_response_count(&buf, 6, (uint16_t)fields);
        CHECK((wio_response_open(buf.data + 6, buf.len - 6, &head) == 0) == (fields == 2));
    }
    wio_buf_free(&buf);
}

static void response_with_a_zero_byte_is_refused(void)
{
    wio_buf buf;
    wio_head head;

    wio_buf_init(&buf, NULL, 0);
    wio_response_begin(&buf, 200, "OK", 2);
    wio_pair_put(&buf, 0, "X", 1, "a\0b", 3);
    wio_response_count(&buf, 0, 1);
    CHECK(wio_response_open(buf.data, buf.len, &head) == -1);
    wio_buf_free(&buf);
}

static void response_cut_anywhere_is_refused(void)
{
    wio_buf buf;
    wio_head head;

    build_response(&buf, 200, "OK", "Content-Type", "text/plain");
    for (size_t cut = 0; cut < buf.len - 6; cut++) {
        uint8_t *copy = exact_copy(buf.data + 6, cut);
        int result = wio_response_open(copy, cut, &head);
        free(copy);
        CHECK_THAT(result == -1, "taken although cut to %zu bytes", cut);
    }
    wio_buf_free(&buf);
}

static void mutated_responses_never_lead_outside(void)
{
    wio_buf buf;
    wio_head head;
    unsigned seed = 5;

    build_response(&buf, 200, "OK", "Content-Type", "text/plain");
    size_t len = buf.len - 6;
    for (long round = 0; round < tap_rounds(100000); round++) {
        uint8_t *copy = exact_copy(buf.data + 6, len);
        for (unsigned i = 0; i < 1 + round % 3; i++)
            copy[tap_random(&seed) % len] = (uint8_t)tap_random(&seed);
        if (wio_response_open(copy, len, &head) == 0 &&
            count_pairs(head.pairs.at, (size_t)(head.pairs.end - head.pairs.at)) != head.fields)
            tap_fail(__FILE__, __LINE__, "round %ld: the count is wrong", round);
        free(copy);
    }
    wio_buf_free(&buf);
}

static const tap_test tests[] = {
    TAP_TEST(frame_lengths_are_bounded_for_each_type),
    TAP_TEST(frame_types_and_reserved_bits_are_refused),
    TAP_TEST(head_opens_as_it_was_sealed),
    TAP_TEST(head_lengths_must_add_up),
    TAP_TEST(pairs_keep_order_doubles_and_zero_bytes),
    TAP_TEST(pairs_too_long_are_refused),
    TAP_TEST(pairs_cut_anywhere_are_malformed),
    TAP_TEST(mutated_pairs_never_lead_outside),
    TAP_TEST(response_opens_as_it_was_built),
    TAP_TEST(response_refuses_what_could_inject),
    TAP_TEST(response_count_must_be_right),
    TAP_TEST(response_with_a_zero_byte_is_refused),
    TAP_TEST(response_cut_anywhere_is_refused),
    TAP_TEST(mutated_responses_never_lead_outside),
};

TAP_MAIN(tests)
