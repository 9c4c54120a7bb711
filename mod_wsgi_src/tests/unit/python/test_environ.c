/* SPDX-License-Identifier: Apache-2.0 */
/* environ, wsgi.input, wsgi.file_wrapper, the logs and the in-process modules. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "stub.h"

#define CHECK_SHOWN(x, text) CHECK_THAT(strstr(bytes_of(x), text), "no %s in:\n%s", text, bytes_of(x))

static void environ_has_everything(void)
{
    target to = {.callable = "show_environ"};
    exchange x;
    begin(&x, &to);
    add(&x, "REQUEST_METHOD", "GET");
    add(&x, "PATH_INFO", "/caf\xc3\xa9");
    add(&x, "HTTP_X_INVENTED", "");
    add(&x, "HTTP_COOKIE", "a=\xff");
    x.request.queue_start_us = 1700000000000002;
    run(&x);
    CHECK(x.outcome == WPY_COMPLETE);
    CHECK_SHOWN(&x, "REQUEST_METHOD='GET'\n");
    CHECK_SHOWN(&x, "SERVER_NAME='test.example'\n");
    CHECK_SHOWN(&x, "PATH_INFO='/caf\xc3\x83\xc2\xa9'\n"); /* latin-1, shown as UTF-8 */
    CHECK_SHOWN(&x, "HTTP_X_INVENTED=''\n");
    CHECK_SHOWN(&x, "HTTP_COOKIE='a=\xc3\xbf'\n");
    CHECK_SHOWN(&x, "wsgi.version=(1, 0)\n");
    CHECK_SHOWN(&x, "wsgi.url_scheme='http'\n");
    CHECK_SHOWN(&x, "wsgi.multithread=True\n");
    CHECK_SHOWN(&x, "wsgi.multiprocess=False\n");
    CHECK_SHOWN(&x, "wsgi.run_once=False\n");
    CHECK_SHOWN(&x, "wsgi.input_terminated=True\n");
    CHECK_SHOWN(&x, "mod_wsgi.version=(4, 4, 11)\n");
    CHECK_SHOWN(&x, "apache.version=(2, 4, 99)\n");
    CHECK_SHOWN(&x, "mod_wsgi.application_group=''\n");
    CHECK_SHOWN(&x, "mod_wsgi.callable_object='show_environ'\n");
    CHECK_SHOWN(&x, "mod_wsgi.request_start='1700000000000001'\n");
    CHECK_SHOWN(&x, "mod_wsgi.queue_start='1700000000000002'\n");
    CHECK_SHOWN(&x, "mod_wsgi.script_start='1");
    CHECK_SHOWN(&x, "mod_wsgi.application_start=1");
    CHECK_SHOWN(&x, "mod_wsgi.thread_id=1\n");
    CHECK(!strstr(bytes_of(&x), "daemon_start"));
    end(&x);
}

static void paths_use_the_file_system_encoding(void)
{
    target to = {.callable = "show_environ"};
    exchange x;
    begin(&x, &to);
    add(&x, "DOCUMENT_ROOT", "/caf\xc3\xa9/\xff");
    run(&x);
    CHECK_SHOWN(&x, "DOCUMENT_ROOT='/caf\xc3\xa9/\\udcff'\n");
    end(&x);
}

static void each_request_has_its_own_environ(void)
{
    int i;
    for (i = 0; i < 3; i++) {
        exchange x;
        get(&x, "own_dict");
        CHECK_ANSWER(&x, 200, "nothing True");
        end(&x);
    }
}

/* A browser says the same with each request, and its name is made once; a credential is gone with its request. */
static void values_that_repeat(void)
{
    static const char *const wanted[] = {"", "HTTP_USER_AGENT"};
    target to = {.callable = "same_values"};
    for (int i = 0; i < 2; i++) {
        exchange x;
        begin(&x, &to);
        add(&x, "HTTP_USER_AGENT", "browser");
        add(&x, "HTTP_COOKIE", "session=secret");
        add(&x, "HTTP_AUTHORIZATION", "Basic secret");
        add(&x, "HTTP_PROXY_AUTHORIZATION", "Basic secret");
        run(&x);
        CHECK_ANSWER(&x, 200, wanted[i]);
        end(&x);
    }
}

/* More fixed parts than templates are kept: old ones give way, nothing is mixed up. */
static void many_fixed_parts(void)
{
    target to = {.callable = "show_environ"};
    char name[32], wanted[64];
    int i;
    for (i = 0; i < 100; i++) {
        exchange x;
        snprintf(name, sizeof name, "host%d.example", (i * 7) % 40);
        snprintf(wanted, sizeof wanted, "SERVER_NAME='%s'\n", name);
        to.name = name;
        begin(&x, &to);
        run(&x);
        CHECK_SHOWN(&x, wanted);
        end(&x);
    }
}

/* Invented header names push each other out of the table of keys, never into wrong places. */
static void many_header_names(void)
{
    target to = {.callable = "show_environ"};
    char key[32], line[64];
    exchange x;
    int i;
    begin(&x, &to);
    for (i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "HTTP_X_%d", i);
        add(&x, key, key + 5);
    }
    run(&x);
    for (i = 0; i < 5000; i += 333) {
        snprintf(line, sizeof line, "HTTP_X_%d='X_%d'\n", i, i);
        CHECK_SHOWN(&x, line);
    }
    end(&x);
}

/* ---- wsgi.input ---- */

typedef struct upload {
    const char *calls, *here, *rest, *wanted;
    size_t chunk;
    long long length; /* Content-Length; -1 unknown */
} upload;

static void send_upload(exchange *x, const upload *up, const char *callable)
{
    target to = {.callable = callable};
    begin(x, &to);
    if (up->calls)
        add(x, "test.calls", up->calls);
    x->request.body = (const uint8_t *)up->here;
    x->request.body_len = (uint32_t)strlen(up->here);
    x->request.body_done = !up->rest;
    x->request.content_length = up->length;
    x->rest = up->rest ? up->rest : "";
    x->rest_len = strlen(x->rest);
    x->chunk = up->chunk;
    run(x);
}

static void input_methods(void)
{
    static const upload list[] = {
        {"input.read()", "", NULL, "b''", 0, 0},
        {"input.read()", "abc", NULL, "b'abc'", 0, 3},
        {"input.read()", "abc", "defgh", "b'abcdefgh'", 1, 8},
        {"input.read()", "", "abcdefgh", "b'abcdefgh'", 3, -1},
        {"input.read()", "abc", "defgh", "b'abcdefgh'", 0, 4}, /* filters may make it longer */
        {"input.read()", "abc", "de", "b'abcde'", 0, 400},     /* ... or shorter */
        {"input.read(-1)", "abc", NULL, "b'abc'", 0, 3},
        {"input.read(None)", "abc", NULL, "b'abc'", 0, 3},
        {"(input.read(0), input.read(2), input.read(2), input.read(2), input.read())", "abc", "de",
         "(b'', b'ab', b'cd', b'e', b'')", 1, 5},
        {"input.read(10**15)", "abc", "de", "b'abcde'", 0, 5},
        {"(input.readline(), input.readline(), input.readline(), input.readline())", "a\nb", "c\nd",
         "(b'a\\n', b'bc\\n', b'd', b'')", 1, 6},
        {"(input.readline(2), input.readline(0), input.readline(-1), input.readline(None))", "abc\nd", NULL,
         "(b'ab', b'', b'c\\n', b'd')", 0, 5},
        {"input.readlines()", "a\n\nb", "\nc", "[b'a\\n', b'\\n', b'b\\n', b'c']", 0, 6},
        {"input.readlines(3)", "aa\nbb\ncc\n", NULL, "[b'aa\\n']", 0, 9},
        {"input.readlines(4)", "aa\nbb\ncc\n", NULL, "[b'aa\\n', b'bb\\n']", 0, 9},
        {"list(input)", "a\nb\n", "c", "[b'a\\n', b'b\\n', b'c']", 1, 5},
        {"(next(iter(input)), input.read(1), input.readline(), input.read())", "a\nbc\nd", NULL,
         "(b'a\\n', b'b', b'c\\n', b'd')", 0, 6},
        {"input.close() or input.read()", "abc", NULL, "b'abc'", 0, 3},
    };
    size_t i;
    for (i = 0; i < sizeof list / sizeof *list; i++) {
        exchange x;
        send_upload(&x, &list[i], "by_calls");
        CHECK_THAT(x.outcome == WPY_COMPLETE && !strcmp(bytes_of(&x), list[i].wanted) && !x.misuse, "%s: %s %s",
                   list[i].calls, bytes_of(&x), log_of(&x));
        end(&x);
    }
}

static void unread_body_is_not_asked_for(void)
{
    static const upload up = {NULL, "", "never read", "", 0, 10};
    exchange x;
    send_upload(&x, &up, "hello");
    CHECK_ANSWER(&x, 200, "hello world");
    CHECK(!x.reads);
    end(&x);
}

static void large_body(void)
{
    static char bytes[300001];
    static const size_t chunks[] = {0, 1000, 65536};
    upload up = {NULL, "head", bytes, NULL, 0, 300004};
    size_t i;
    for (i = 0; i < sizeof bytes - 1; i++)
        bytes[i] = (char)('a' + i % 26);
    for (i = 0; i < 6; i++) {
        exchange x;
        up.chunk = chunks[i % 3];
        up.length = i < 3 ? 300004 : -1;
        send_upload(&x, &up, "echo");
        CHECK(x.outcome == WPY_COMPLETE && x.bytes.len == 300004);
        CHECK(!memcmp(x.bytes.data, "head", 4) && !memcmp(x.bytes.data + 4, bytes, 300000));
        end(&x);
    }
}

static void lost_body_is_an_error_for_ever(void)
{
    static const int errors[] = {ECONNRESET, ETIMEDOUT, EFBIG};
    char wanted[128];
    size_t i;
    for (i = 0; i < 3; i++) {
        target to = {.callable = "survives_input"};
        exchange x;
        begin(&x, &to);
        x.request.body_done = 0;
        x.request.content_length = 100;
        x.rest = "half";
        x.rest_len = 4;
        x.read_error = errors[i];
        run(&x);
        snprintf(wanted, sizeof wanted, "OSError %d OSError %d OSError %d", errors[i], errors[i], errors[i]);
        CHECK_ANSWER(&x, 200, wanted);
        CHECK(x.reads == 2);
        end(&x);
    }
}

static void what_is_kept_expires(void)
{
    exchange x;
    get(&x, "keep");
    CHECK_ANSWER(&x, 200, "kept");
    end(&x);
    get(&x, "use_kept");
    CHECK_ANSWER(&x, 200, "RuntimeError RuntimeError RuntimeError");
    end(&x);
}

static void threads_of_the_application_take_turns(void)
{
    static const upload up = {NULL, "1111", "222233334444", "", 1, 16};
    exchange x;
    send_upload(&x, &up, "read_in_thread");
    CHECK(x.outcome == WPY_COMPLETE && x.bytes.len == 16 && !x.misuse);
    end(&x);
}

static void request_waits_for_a_reading_thread(void)
{
    target to = {.callable = "thread_outlives"};
    exchange x;
    begin(&x, &to);
    x.request.body_done = 0;
    x.request.content_length = 1;
    x.rest = "z";
    x.rest_len = 1;
    x.read_delay_ms = 200;
    run(&x);
    CHECK_ANSWER(&x, 200, "ended");
    end(&x);
    get(&x, "join_thread");
    CHECK(x.outcome == WPY_COMPLETE);
    CHECK(!strcmp(bytes_of(&x), "z") || strstr(bytes_of(&x), "RuntimeError"));
    end(&x);
}

/* ---- files ---- */

static int closed_file(void)
{
    exchange x;
    int closed;
    get(&x, "file_is_closed");
    closed = !strcmp(bytes_of(&x), "True");
    end(&x);
    return closed;
}

static void plain_file_by_descriptor(void)
{
    target to = {.callable = "wrap"};
    exchange x;
    get(&x, "wrap");
    CHECK(x.outcome == WPY_COMPLETE && x.files == 1 && !x.bodies && x.bytes.len == 10000 && !x.misuse);
    CHECK(strstr(fields_of(&x), "Content-Length: 10000\n") && closed_file());
    end(&x);
    begin(&x, &to);
    add(&x, "test.offset", "9995");
    run(&x);
    CHECK_ANSWER(&x, 200, "56789");
    CHECK(x.files == 1 && strstr(fields_of(&x), "Content-Length: 5\n"));
    end(&x);
    begin(&x, &to);
    add(&x, "test.length", "3");
    run(&x);
    CHECK_ANSWER(&x, 200, "012");
    CHECK(x.files == 1);
    end(&x);
    begin(&x, &to);
    add(&x, "test.length", "10001");
    run(&x);
    CHECK(x.outcome == WPY_TRUNCATED && x.bytes.len == 10000 && closed_file());
    end(&x);
    begin(&x, &to);
    add(&x, "test.offset", "20000");
    run(&x);
    CHECK_ANSWER(&x, 200, "");
    CHECK(!x.files);
    end(&x);
}

static void other_files_are_iterated(void)
{
    exchange x;
    get(&x, "wrap_text");
    CHECK_ANSWER(&x, 200, "in memory");
    CHECK(!x.files && x.bodies == 3);
    end(&x);
    get(&x, "wrap_gzip");
    CHECK_ANSWER(&x, 200, "plain text");
    CHECK(!x.files);
    end(&x);
    get(&x, "wrap_after_write");
    CHECK_ANSWER(&x, 200, "before file");
    CHECK(!x.files);
    end(&x);
    get(&x, "wrap_unflushed");
    CHECK_ANSWER(&x, 200, "not on disk yet");
    end(&x);
}

/* ---- logs ---- */

static void log_is_by_line_and_not_forgeable(void)
{
    exchange x;
    get(&x, "log_lines");
    CHECK_ANSWER(&x, 200, "logged");
    CHECK_THAT(!strcmp(log_of(&x), "one\ntwo more\nprinted\nto stderr\nunfinished\nforged\\x0d\\x1b[1m\\x00 line\n"),
               "%s", log_of(&x));
    end(&x);
    get(&x, "log_long");
    CHECK(occurs(log_of(&x), "\n") == 3 && x.log.len == 20003);
    end(&x);
    get(&x, "log_odd");
    CHECK_THAT(
        !strcmp(log_of(&x), "caf\xc3\xa9 \\udc80\nbytes\nUnsupportedOperation <wsgi.errors> utf-8 False False\n"), "%s",
        log_of(&x));
    end(&x);
}

static void traceback_is_logged_once(void)
{
    exchange x;
    get(&x, "log_traceback");
    CHECK_FAILURE(&x, 500);
    CHECK(occurs(log_of(&x), "Traceback (most recent call last):") == 1);
    CHECK(occurs(log_of(&x), "ValueError: line one") == 1 && !strchr(log_of(&x), '\x1b'));
    CHECK(!strstr(process_log_text(), "line one"));
    end(&x);
}

static void threads_log_to_the_process(void)
{
    exchange x;
    get(&x, "log_in_thread");
    CHECK_ANSWER(&x, 200, "logged");
    CHECK(!*log_of(&x) && strstr(process_log_text(), "from a thread of the application\n"));
    end(&x);
}

/* ---- modules ---- */

static void modules(void)
{
    exchange x;
    get(&x, "show_modules");
    CHECK_ANSWER(
        &x, 200,
        "(4, 4, 11) [] []\n1 5\nTrue\n(2, 4, 99) Test/1.0 test today\n1 5\n['mod_wsgi'] '' _mod_wsgi_ 42 app.wsgi\n"
        "True True ['active_requests', 'cpu_system_time', 'cpu_time', 'cpu_user_time', 'current_time', "
        "'memory_max_rss', "
        "'memory_rss', 'pid', 'request_busy_time', 'request_count', 'request_threads', 'restart_time', 'running_time', "
        "'threads']");
    end(&x);
}

static void signals_are_restricted(void)
{
    exchange x;
    get(&x, "set_signal");
    CHECK_ANSWER(&x, 200, "True True");
    CHECK(strstr(log_of(&x), "WSGIRestrictSignal") && strstr(log_of(&x), "in set_signal"));
    end(&x);
}

static const tap_test tests[] = {
    TAP_TEST(environ_has_everything),
    TAP_TEST(paths_use_the_file_system_encoding),
    TAP_TEST(each_request_has_its_own_environ),
    TAP_TEST(values_that_repeat),
    TAP_TEST(many_fixed_parts),
    TAP_TEST(many_header_names),
    TAP_TEST(input_methods),
    TAP_TEST(unread_body_is_not_asked_for),
    TAP_TEST(large_body),
    TAP_TEST(lost_body_is_an_error_for_ever),
    TAP_TEST(what_is_kept_expires),
    TAP_TEST(threads_of_the_application_take_turns),
    TAP_TEST(request_waits_for_a_reading_thread),
    TAP_TEST(plain_file_by_descriptor),
    TAP_TEST(other_files_are_iterated),
    TAP_TEST(log_is_by_line_and_not_forgeable),
    TAP_TEST(traceback_is_logged_once),
    TAP_TEST(threads_log_to_the_process),
    TAP_TEST(modules),
    TAP_TEST(signals_are_restricted),
};

PYTHON_MAIN(tests)
