/* SPDX-License-Identifier: Apache-2.0 */
/* Valid applications, each kind of body, and every way in which an application can be wrong. */
#include <stdlib.h>
#include <string.h>

#include "../../../module/transport/frame.h"
#include "stub.h"

static void list_of_bytes(void)
{
    exchange x;
    get(&x, "hello");
    CHECK_ANSWER(&x, 200, "hello world");
    CHECK(!strcmp(fields_of(&x), "Content-Type: text/plain\nContent-Length: 11\n"));
    CHECK(x.heads == 1 && x.bodies == 1 && !x.flushes);
    end(&x);
    get(&x, "tuple_body");
    CHECK_ANSWER(&x, 200, "ab");
    end(&x);
    get(&x, "empty");
    CHECK_ANSWER(&x, 200, "");
    CHECK(!strcmp(fields_of(&x), "Content-Length: 0\n") && !x.bodies);
    end(&x);
}

static void large_list_goes_as_vectors(void)
{
    exchange x;
    get(&x, "big");
    CHECK(x.outcome == WPY_COMPLETE && x.bytes.len == 200000 && !x.misuse);
    CHECK(x.most_blocks > 1 && x.bodies < 200 && !x.flushes);
    CHECK(strstr(fields_of(&x), "Content-Length: 200000\n"));
    end(&x);
}

static void write_before_iterable(void)
{
    exchange x;
    get(&x, "writer");
    CHECK_ANSWER(&x, 200, "one two three");
    CHECK(x.flushes == 2 && !strstr(fields_of(&x), "Content-Length"));
    end(&x);
}

static void generator_is_flushed_by_item(void)
{
    exchange x;
    get(&x, "generator");
    CHECK_ANSWER(&x, 200, "first second third");
    CHECK(x.flushes == 3 && x.bodies == 3 && !strstr(fields_of(&x), "Content-Length"));
    end(&x);
    get(&x, "late_start");
    CHECK_ANSWER(&x, 200, "late");
    end(&x);
}

/* What scripts/app.wsgi noted in the request before. */
static int noted(const char *wanted)
{
    exchange x;
    int same;
    get(&x, "read_events");
    same = !strcmp(bytes_of(&x), wanted);
    end(&x);
    return same;
}

static void close_is_called_once(void)
{
    exchange x;
    get(&x, "closing");
    CHECK_ANSWER(&x, 200, "ab");
    CHECK(noted("close"));
    end(&x);
    get(&x, "closing_error");
    CHECK_ANSWER(&x, 200, "ab");
    CHECK(noted("close") && occurs(log_of(&x), "ValueError: from close") == 1);
    end(&x);
    get(&x, "raise_first");
    CHECK_FAILURE(&x, 500);
    CHECK(noted("close"));
    end(&x);
    get(&x, "raise_later");
    CHECK_CUT(&x, WIO_ABORT_EXCEPTION);
    CHECK(noted("close") && !strcmp(bytes_of(&x), "begun"));
    CHECK(occurs(log_of(&x), "ValueError: in the middle") == 1);
    end(&x);
    get(&x, "no_start_iterated");
    CHECK_FAILURE(&x, 500);
    CHECK(noted("close"));
    end(&x);
}

static void failures_before_output(void)
{
    static const struct {
        const char *callable, *error;
    } list[] = {
        {"raise_early", "ValueError: early"},
        {"raise_after_start", "ValueError: after start"},
        {"raise_exit", "SystemExit: 3"},
        {"raise_first", "ValueError: at once"},
        {"no_start", "AssertionError"},
        {"no_start_empty", "AssertionError"},
        {"start_twice", "AssertionError"},
        {"bad_item", "TypeError"},
        {"bad_item_iterated", "TypeError"},
        {"bad_result", "TypeError"},
        {"recurse", "RecursionError"},
        {"wrap_closed", "ValueError"},
        {"OK", "TypeError"}, /* not callable */
    };
    size_t i;
    for (i = 0; i < sizeof list / sizeof *list; i++) {
        exchange x;
        get(&x, list[i].callable);
        CHECK_FAILURE(&x, 500);
        CHECK_THAT(occurs(log_of(&x), list[i].error) == 1 && occurs(log_of(&x), "MWS") == 1, "%s: log '%s'",
                   list[i].callable, log_of(&x));
        end(&x);
    }
}

static void missing_callable_is_404(void)
{
    exchange x;
    get(&x, "nobody");
    CHECK_FAILURE(&x, 404);
    CHECK(strstr(log_of(&x), "defines no 'nobody'"));
    end(&x);
}

static void exc_info(void)
{
    exchange x;
    get(&x, "recovers");
    CHECK_ANSWER(&x, 500, "recovered");
    CHECK(strstr(fields_of(&x), "X-New: 1") && !strstr(fields_of(&x), "X-Old"));
    end(&x);
    get(&x, "recovers_keyword");
    CHECK_ANSWER(&x, 503, "recovered");
    end(&x);
    get(&x, "caught");
    CHECK_ANSWER(&x, 500, "caught");
    end(&x);
    get(&x, "too_late");
    CHECK_CUT(&x, WIO_ABORT_EXCEPTION);
    CHECK(occurs(log_of(&x), "ValueError: the first error") == 1 && !strcmp(bytes_of(&x), "begun"));
    end(&x);
}

static void run_by_environ(exchange *x, const char *key, const char *value)
{
    target to = {.callable = "by_environ"};
    begin(x, &to);
    add(x, "REQUEST_METHOD", "GET");
    add(x, key, value);
    run(x);
}

static void bad_heads_are_refused(void)
{
    static const char *const statuses[] = {
        "''",
        "'20'",
        "'abc 1'",
        "'99'",
        "'1000'",
        "'100 Continue'",
        "'101 x'",
        "'2x0 OK'",
        "'200OK'",
        "b'200 OK'",
        "None",
        "200",
        "'200 O\\r\\nK'",
        "'200 O\\nK'",
        "'200 O\\x00K'",
        "'200 \\u20ac'",
        "' 200 OK'",
        "'200\\tOK'",
    };
    static const char *const headers[] = {
        "[('X', 'a\\r\\nSet-Cookie: b')]",
        "[('X', 'a\\nb')]",
        "[('X', 'a\\rb')]",
        "[('X', 'a\\x00b')]",
        "[('X', 'a\\r\\n b')]",
        "[('X', 'a\\x7fb')]",
        "[('X', 'a\\x1bb')]",
        "[('', 'a')]",
        "[('X Y', 'a')]",
        "[('X:', 'a')]",
        "[('X\\r\\nY', 'a')]",
        "[('X\\u00e9', 'a')]",
        "[('\\u20ac', 'a')]",
        "[('X', '\\u20ac')]",
        "[(b'X', 'a')]",
        "[('X', b'a')]",
        "[('X', 1)]",
        "[('X', None)]",
        "[('X',)]",
        "[('X', 'a', 'b')]",
        "[['X', 'a']]",
        "['XY']",
        "[None]",
        "(('X', 'a'),)",
        "{'X': 'a'}",
        "None",
        "iter([])",
        "[('Connection', 'close')]",
        "[('connection', 'keep-alive')]",
        "[('Keep-Alive', 'timeout=5')]",
        "[('Transfer-Encoding', 'chunked')]",
        "[('TE', 'trailers')]",
        "[('Trailer', 'X')]",
        "[('Upgrade', 'x')]",
        "[('Proxy-Authenticate', 'x')]",
        "[('PROXY-CONNECTION', 'x')]",
        "[('Content-Length', '4'), ('Content-Length', '4')]",
        "[('Content-Length', '4'), ('content-length', '5')]",
        "[('Content-Length', '')]",
        "[('Content-Length', '-1')]",
        "[('Content-Length', '+4')]",
        "[('Content-Length', '4 ')]",
        "[('Content-Length', '0x4')]",
        "[('Content-Length', '4, 4')]",
        "[('Content-Length', '1' * 30)]",
        "[('Content-Length', '9223372036854775808')]",
        "[('X-Large', 'x' * 2000000)]",
        "[('X-Many', 'x' * 1000)] * 1100",
    };
    size_t i;
    exchange x;
    for (i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        run_by_environ(&x, "test.status", statuses[i]);
        CHECK_THAT(x.outcome == WPY_NO_RESPONSE && x.failure == 500 && !x.heads && !x.misuse, "status %s", statuses[i]);
        end(&x);
    }
    for (i = 0; i < sizeof headers / sizeof *headers; i++) {
        run_by_environ(&x, "test.headers", headers[i]);
        CHECK_THAT(x.outcome == WPY_NO_RESPONSE && x.failure == 500 && !x.heads && !x.misuse, "headers %s", headers[i]);
        end(&x);
    }
    run_by_environ(&x, "test.headers", "[('X-Large', 'x' * 2000000)]");
    CHECK(strstr(log_of(&x), "X-Large") && strstr(log_of(&x), "2000000"));
    end(&x);
}

static void odd_heads_pass(void)
{
    static const struct {
        const char *key, *value;
        int code;
        const char *field;
    } list[] = {
        {"test.status", "'200'", 200, ""},
        {"test.status", "'200 '", 200, ""},
        {"test.status", "'600 Odd'", 600, ""},
        {"test.status", "'404 Nicht gefunden \\xe4'", 404, ""},
        {"test.headers", "[('X', '')]", 200, "X: \n"},
        {"test.headers", "[('X', 'a\\tb \\xe9')]", 200, "X: a\tb \xe9\n"},
        {"test.headers", "[('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2')]", 200, "Set-Cookie: a=1\nSet-Cookie: b=2\n"},
        {"test.headers", "[('X!#$%&*+-.^_`|~9', '1')]", 200, "X!#$%&*+-.^_`|~9: 1\n"},
        {"test.headers", "[('X', 'v' * 65000)]", 200, "X: vvvv"},
        {"test.headers", "[('X-%d' % n, 'v') for n in range(2000)]", 200, "X-1999: v\n"},
        {"test.headers", "type('L', (list,), {})([('X', '1')])", 200, "X: 1\n"},
    };
    size_t i;
    exchange x;
    for (i = 0; i < sizeof list / sizeof *list; i++) {
        run_by_environ(&x, list[i].key, list[i].value);
        CHECK_ANSWER(&x, list[i].code, "body");
        CHECK_THAT(strstr(fields_of(&x), list[i].field), "%s: '%.300s'", list[i].value, fields_of(&x));
        end(&x);
    }
}

static void declare(exchange *x, const char *callable, const char *length, const char *method)
{
    target to = {.callable = callable};
    begin(x, &to);
    add(x, "REQUEST_METHOD", method);
    add(x, "test.length", length);
    run(x);
}

static void content_length_account(void)
{
    static const char *const callables[] = {"declared", "declared_list"};
    size_t i;
    exchange x;
    for (i = 0; i < 2; i++) {
        declare(&x, callables[i], "10", "GET");
        CHECK_ANSWER(&x, 200, "1234567890");
        CHECK(occurs(fields_of(&x), "Content-Length") == 1);
        end(&x);
        declare(&x, callables[i], "7", "GET");
        CHECK_ANSWER(&x, 200, "1234567");
        CHECK(strstr(log_of(&x), "surplus"));
        end(&x);
        declare(&x, callables[i], "0", "GET");
        CHECK_ANSWER(&x, 200, "");
        end(&x);
        declare(&x, callables[i], "11", "GET");
        CHECK_CUT(&x, WIO_ABORT_SHORT);
        CHECK(!strcmp(bytes_of(&x), "1234567890") && strstr(log_of(&x), "less than its Content-Length of 11"));
        end(&x);
        declare(&x, callables[i], "11", "HEAD");
        CHECK(x.outcome == WPY_COMPLETE && !x.misuse);
        end(&x);
    }
}

static void statuses_without_body(void)
{
    exchange x;
    run_by_environ(&x, "test.status", "'204 No Content'");
    CHECK_ANSWER(&x, 204, "");
    CHECK(!strstr(fields_of(&x), "Content-Length"));
    end(&x);
    run_by_environ(&x, "test.status", "'304 Not Modified'");
    CHECK_ANSWER(&x, 304, "");
    end(&x);
}

static void head_declares_nothing_by_itself(void)
{
    target to = {.callable = "empty"};
    exchange x;
    begin(&x, &to);
    add(&x, "REQUEST_METHOD", "HEAD");
    run(&x);
    CHECK_ANSWER(&x, 200, "");
    CHECK(!strcmp(fields_of(&x), ""));
    end(&x);
}

static void client_that_leaves(void)
{
    static const char *const callables[] = {"hello", "generator", "writer", "big", "wrap", "closing"};
    target to = {0};
    size_t i;
    int after;
    for (i = 0; i < sizeof callables / sizeof *callables; i++)
        for (after = 0; after < 2; after++) {
            exchange x;
            to.callable = callables[i];
            begin(&x, &to);
            x.gone_after = after;
            run(&x);
            CHECK_THAT(x.outcome == WPY_TRUNCATED && x.finishes == 1 && !x.misuse, "%s after %d: outcome %d misuse %d",
                       callables[i], after, x.outcome, x.misuse);
            CHECK_THAT(!*log_of(&x), "%s: '%s'", callables[i], log_of(&x));
            end(&x);
        }
    CHECK(noted("close"));
}

static void broken_variables(void)
{
    target to = {.callable = "hello"};
    exchange x;
    begin(&x, &to);
    x.vars.len -= 1;
    x.request.fixed_len -= 1;
    run(&x);
    CHECK_FAILURE(&x, 500);
    end(&x);
    begin(&x, &to);
    add(&x, "REQUEST_METHOD", "GET");
    x.vars.len -= 1;
    run(&x);
    CHECK_FAILURE(&x, 500);
    end(&x);
    begin(&x, &to);
    x.request.fixed_len += 10;
    run(&x);
    CHECK_FAILURE(&x, 500);
    end(&x);
}

static long blocks_in_use(void)
{
    exchange x;
    long count;
    get(&x, "blocks");
    count = atol(bytes_of(&x));
    end(&x);
    return count;
}

static void repeat(const char *callable, int times)
{
    exchange x;
    while (times--) {
        get(&x, callable);
        end(&x);
    }
}

/* Python's own count of memory blocks does not grow with requests; caches of the standard library settle first. It
 * reads 0 under PYTHONMALLOC=malloc. */
static void requests_leave_nothing(void)
{
    static const char *const callables[] = {
        "hello",       "generator",   "writer",   "big",      "wrap",      "wrap_text", "closing", "raise_early",
        "raise_later", "start_twice", "bad_item", "recovers", "log_lines", "empty",     "nobody",  "show_modules"};
    long before, after;
    size_t i;
    for (i = 0; i < sizeof callables / sizeof *callables; i++) {
        repeat(callables[i], 200);
        before = blocks_in_use();
        repeat(callables[i], 200);
        after = blocks_in_use();
        CHECK_THAT(after - before < 150, "%s: %ld blocks before, %ld after 200 more", callables[i], before, after);
    }
}

static const tap_test tests[] = {
    TAP_TEST(list_of_bytes),
    TAP_TEST(large_list_goes_as_vectors),
    TAP_TEST(write_before_iterable),
    TAP_TEST(generator_is_flushed_by_item),
    TAP_TEST(close_is_called_once),
    TAP_TEST(failures_before_output),
    TAP_TEST(missing_callable_is_404),
    TAP_TEST(exc_info),
    TAP_TEST(bad_heads_are_refused),
    TAP_TEST(odd_heads_pass),
    TAP_TEST(content_length_account),
    TAP_TEST(statuses_without_body),
    TAP_TEST(head_declares_nothing_by_itself),
    TAP_TEST(client_that_leaves),
    TAP_TEST(broken_variables),
    TAP_TEST(requests_leave_nothing),
};

PYTHON_MAIN(tests)
