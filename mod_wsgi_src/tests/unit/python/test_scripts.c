/* SPDX-License-Identifier: Apache-2.0 */
/* Loading and reloading of scripts, interpreters by name, threads that come and go. Embedded mode. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "stub.h"

#define HEAD   "def application(environ, start_response):\n    start_response('200 OK', [])\n    return ["
#define TAIL   "]\n"
#define SECOND 1000000LL

static char path[1024];

static void begin_script(exchange *x, const char *group, long mtime)
{
    target to = {.script = path, .group = group, .reloading = 1};
    begin(x, &to);
    x->request.script_mtime_us = mtime * SECOND;
}

static void run_script(exchange *x, const char *group, long mtime)
{
    begin_script(x, group, mtime);
    run(x);
}

static int stale(long mtime)
{
    exchange x;
    int result;
    begin_script(&x, "", mtime);
    x.request.vars = x.vars.data;
    x.request.vars_len = (uint32_t)x.vars.len;
    result = wpy_script_is_stale(&x.request);
    end(&x);
    return result;
}

static void changed_script_is_loaded_again(void)
{
    exchange x;
    snprintf(path, sizeof path, "%s", scratch("reload.wsgi"));
    write_file(path, "import os\nos.counter = getattr(os, 'counter', 0) + 1\n" HEAD "b'one %d' % os.counter" TAIL,
               1000);
    CHECK(!stale(1000));
    run_script(&x, "", 1000);
    CHECK_ANSWER(&x, 200, "one 1");
    end(&x);
    run_script(&x, "", 1000);
    CHECK_ANSWER(&x, 200, "one 1");
    end(&x);
    CHECK(!stale(1000) && stale(2000) && !stale(0));
    write_file(path, "import os\nos.counter += 1\n" HEAD "b'two %d' % os.counter" TAIL, 2000);
    run_script(&x, "", 2000);
    CHECK_ANSWER(&x, 200, "two 2");
    end(&x);
    CHECK(!stale(2000) && stale(1000));
    run_script(&x, "", 0); /* 0: not to be checked */
    CHECK_ANSWER(&x, 200, "two 2");
    end(&x);
}

static void failed_load_leaves_nothing_behind(void)
{
    static const char *const broken[] = {"import nothing_of_that_name\n", "this is not Python\n",
                                         "raise SystemExit(1)\n",
                                         "import sys\nassert __name__ in sys.modules\n1 / 0\n"};
    exchange x;
    size_t i;
    snprintf(path, sizeof path, "%s", scratch("broken.wsgi"));
    for (i = 0; i < 4; i++) {
        write_file(path, broken[i], 1000);
        run_script(&x, "", 1000);
        CHECK_FAILURE(&x, 500);
        CHECK_THAT(occurs(log_of(&x), "broken.wsgi' raised an exception") == 1, "%s", log_of(&x));
        end(&x);
        CHECK(!stale(2000));
    }
    write_file(path, "import sys\n" HEAD "repr([n for n in sys.modules if n[:10] == '_mod_wsgi_']).encode()" TAIL,
               1000);
    run_script(&x, "", 1000);
    CHECK(x.outcome == WPY_COMPLETE && occurs(bytes_of(&x), "_mod_wsgi_") == 2); /* reload.wsgi and this one */
    end(&x);
    write_file(path, "1 / 0\n", 3000);
    run_script(&x, "", 3000);
    CHECK_FAILURE(&x, 500);
    end(&x);
    write_file(path, HEAD "b'mended'" TAIL, 4000);
    run_script(&x, "", 4000);
    CHECK_ANSWER(&x, 200, "mended");
    end(&x);
}

static void unreadable_scripts(void)
{
    exchange x;
    snprintf(path, sizeof path, "%s", scratch("missing.wsgi"));
    run_script(&x, "", 1);
    CHECK_FAILURE(&x, 500);
    CHECK(strstr(log_of(&x), "FileNotFoundError") && strstr(log_of(&x), path));
    end(&x);
    snprintf(path, sizeof path, "%s", scratch("."));
    run_script(&x, "", 1);
    CHECK_FAILURE(&x, 500);
    end(&x);
    snprintf(path, sizeof path, "%s", scratch("nothing.wsgi"));
    write_file(path, "", 1000);
    run_script(&x, "", 1000);
    CHECK_FAILURE(&x, 404);
    end(&x);
}

static void module_attributes(void)
{
    exchange x;
    snprintf(path, sizeof path, "%s", scratch("attributes.wsgi"));
    write_file(path,
               "# coding: latin-1\nname = '\xe9'\n" HEAD
               "f'{__name__} {__mtime__} {__file__[-15:]} {ord(name)}'.encode()" TAIL,
               5000);
    run_script(&x, "", 5000);
    CHECK(x.outcome == WPY_COMPLETE && strstr(bytes_of(&x), " 5000000000 attributes.wsgi 233"));
    end(&x);
}

static void handler_script(void)
{
    target to = {.script = "/somewhere/page.html", .callable = "application"};
    exchange x;
    snprintf(path, sizeof path, "%s", scratch("handler.wsgi"));
    write_file(path,
               "def handle_request(environ, start_response):\n    start_response('200 OK', [])\n"
               "    return [environ['SCRIPT_FILENAME'].encode()]\n",
               1000);
    to.handler = path;
    begin(&x, &to);
    run(&x);
    CHECK_ANSWER(&x, 200, "/somewhere/page.html");
    end(&x);
}

/* ---- interpreters ---- */

static void interpreters_are_apart(void)
{
    static const char *const groups[] = {"", "one", "two", "host|/mount"};
    char wanted[64];
    exchange x;
    int round, i;
    snprintf(path, sizeof path, "%s", scratch("apart.wsgi"));
    write_file(path,
               "import sys, mod_wsgi\nsys.mine = getattr(sys, 'mine', 0)\n"
               "def application(environ, start_response):\n    sys.mine += 1\n    start_response('200 OK', [])\n"
               "    yield f'{mod_wsgi.application_group} {sys.mine}'.encode()\n",
               1000);
    for (round = 1; round < 4; round++)
        for (i = 0; i < 4; i++) {
            run_script(&x, groups[i], 1000);
            snprintf(wanted, sizeof wanted, "%s %d", groups[i], round);
            CHECK_ANSWER(&x, 200, wanted);
            end(&x);
        }
}

static void everything_works_in_a_sub_interpreter(void)
{
    static const struct {
        const char *callable;
        wpy_outcome outcome;
        const char *body;
    } list[] = {
        {"hello", WPY_COMPLETE, "hello world"},    {"generator", WPY_COMPLETE, "first second third"},
        {"writer", WPY_COMPLETE, "one two three"}, {"wrap_text", WPY_COMPLETE, "in memory"},
        {"raise_early", WPY_NO_RESPONSE, ""},      {"raise_later", WPY_TRUNCATED, "begun"},
        {"log_lines", WPY_COMPLETE, "logged"},     {"echo", WPY_COMPLETE, ""},
        {"set_signal", WPY_COMPLETE, "True True"}, {"log_in_thread", WPY_COMPLETE, "logged"},
        {"read_in_thread", WPY_COMPLETE, ""},
    };
    size_t i;
    for (i = 0; i < sizeof list / sizeof *list; i++) {
        target to = {.group = "sub", .callable = list[i].callable};
        exchange x;
        begin(&x, &to);
        run(&x);
        CHECK_THAT(x.outcome == list[i].outcome && !strcmp(bytes_of(&x), list[i].body) && !x.misuse, "%s: %s %s",
                   list[i].callable, bytes_of(&x), log_of(&x));
        end(&x);
    }
}

static void F6_too_many_interpreters(void)
{
    target to = {.callable = "hello"};
    char group[32];
    exchange x;
    int i, refused = 0;
    for (i = 0; i < 260 && !refused; i++) {
        snprintf(group, sizeof group, "many-%d", i);
        to.group = group;
        begin(&x, &to);
        run(&x);
        if (x.outcome == WPY_NO_RESPONSE) {
            CHECK_FAILURE(&x, 500);
            CHECK(strstr(log_of(&x), "application groups"));
            refused = 1;
        }
        end(&x);
    }
    CHECK(refused && i > 240);
    get(&x, "hello");
    CHECK_ANSWER(&x, 200, "hello world");
    end(&x);
}

/* ---- threads ---- */

#define THREADS 8

static atomic_int wrong;

static void *work(void *seed)
{
    static const char *const groups[] = {"", "sub", "one"};
    static const char *const callables[] = {"hello", "generator", "echo", "raise_early", "log_lines"};
    unsigned random = (unsigned)(size_t)seed;
    int i;
    for (i = 0; i < 60; i++) {
        const char *callable = callables[tap_random(&random) % 5];
        target to = {.group = groups[tap_random(&random) % 3], .callable = callable};
        exchange x;
        begin(&x, &to);
        x.request.body = (const uint8_t *)"hello world";
        x.request.body_len = 11;
        run(&x);
        if (!strcmp(callable, "raise_early"))
            wrong += x.outcome != WPY_NO_RESPONSE || occurs(log_of(&x), "ValueError: early") != 1;
        else if (!strcmp(callable, "hello") || !strcmp(callable, "echo"))
            wrong += x.outcome != WPY_COMPLETE || strcmp(bytes_of(&x), "hello world");
        else
            wrong += x.outcome != WPY_COMPLETE;
        end(&x);
    }
    return NULL;
}

static void run_threads(void)
{
    pthread_t threads[THREADS];
    size_t i;
    for (i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)(i * 977 + 1));
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void threads_that_come_and_go(void)
{
    int round;
    for (round = 0; round < 4; round++)
        run_threads();
    CHECK_THAT(!wrong, "%d wrong answers", wrong);
}

/* Many threads want the same new interpreter and the same unloaded script at once: it is made and loaded once. */
static atomic_int loads_wrong;

static void *load_at_once(void *group)
{
    target to = {.script = path, .group = group};
    exchange x;
    begin(&x, &to);
    run(&x);
    loads_wrong += x.outcome != WPY_COMPLETE || strcmp(bytes_of(&x), "1");
    end(&x);
    return NULL;
}

static void one_load_for_all(void)
{
    pthread_t threads[THREADS];
    int i;
    snprintf(path, sizeof path, "%s", scratch("slow.wsgi"));
    write_file(path,
               "import sys, time, threading\nsys.loads = getattr(sys, 'loads', 0) + 1\ntime.sleep(0.2)\n"
               "t = threading.Thread(target=__import__, args=('json',))\nt.start()\nt.join()\n" HEAD
               "str(sys.loads).encode()" TAIL,
               1000);
    for (i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, load_at_once, "one");
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(!loads_wrong);
}

/* ---- watching ---- */

static void gil_probe(void)
{
    int i;
    for (i = 0; i < 20; i++)
        CHECK(!wpy_probe_gil(5000));
}

static void *sleep_in_python(void *unused)
{
    target to = {.script = path};
    exchange x;
    (void)unused;
    begin(&x, &to);
    run(&x);
    end(&x);
    return NULL;
}

/* The stacks are written while an application sleeps, until the log has that text. */
static int stacks_say(const char *wanted)
{
    struct timespec pause = {0, 20000000};
    pthread_t thread;
    int tries = 0;
    snprintf(path, sizeof path, "%s", scratch("sleepy.wsgi"));
    write_file(path,
               "import time\ndef nap_of_the_application():\n    time.sleep(1)\n"
               "def application(environ, start_response):\n    nap_of_the_application()\n",
               1000);
    pthread_create(&thread, NULL, sleep_in_python, NULL);
    while (!strstr(process_log_text(), wanted) && tries++ < 100) {
        nanosleep(&pause, NULL);
        wpy_dump_stacks(2000);
    }
    pthread_join(thread, NULL);
    return strstr(process_log_text(), wanted) != NULL;
}

static void stacks(void)
{
    CHECK(stacks_say("in nap_of_the_application") && strstr(process_log_text(), "Thread "));
}

static void stacks_that_cannot_be_read(void)
{
    snprintf(path, sizeof path, "%s", scratch("spoils.wsgi"));
    write_file(path, "import traceback\ntraceback.kept, traceback.format_stack = traceback.format_stack, None\n", 1000);
    CHECK(!wpy_import_script(path, "") && stacks_say("MWS2055"));
    snprintf(path, sizeof path, "%s", scratch("mends.wsgi"));
    write_file(path, "import traceback\ntraceback.format_stack = traceback.kept\n", 1000);
    CHECK(!wpy_import_script(path, ""));
}

static void import_script(void)
{
    snprintf(path, sizeof path, "%s", scratch("import.wsgi"));
    write_file(path, "print('imported')\n", 1000);
    CHECK(!wpy_import_script(path, "") && !wpy_import_script(path, "one"));
    CHECK(occurs(process_log_text(), "imported\n") == 2);
    write_file(path, "1 / 0\n", 1000);
    CHECK(wpy_import_script(path, "two") == -1);
    CHECK(strstr(process_log_text(), "ZeroDivisionError"));
}

static const tap_test tests[] = {
    TAP_TEST(changed_script_is_loaded_again),
    TAP_TEST(failed_load_leaves_nothing_behind),
    TAP_TEST(unreadable_scripts),
    TAP_TEST(module_attributes),
    TAP_TEST(handler_script),
    TAP_TEST(interpreters_are_apart),
    TAP_TEST(everything_works_in_a_sub_interpreter),
    TAP_TEST(threads_that_come_and_go),
    TAP_TEST(one_load_for_all),
    TAP_TEST(gil_probe),
    TAP_TEST(stacks),
    TAP_TEST(stacks_that_cannot_be_read),
    TAP_TEST(import_script),
    TAP_TEST(F6_too_many_interpreters),
};

PYTHON_MAIN(tests)
