/* SPDX-License-Identifier: Apache-2.0 */
/* mod_wsgi.RequestTimeout from outside: it hits the request that is meant, wherever it runs, and never another one. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "stub.h"

static const char *const endless = "import time\n"
                                   "def application(environ, start_response):\n"
                                   "    start_response('200 OK', [])\n"
                                   "    while True:\n"
                                   "        time.sleep(0)\n";
/* The response is the request's body, read by C alone: no Python code runs between the interrupt and the end. */
static const char *const only_c = "def application(environ, start_response):\n"
                                  "    start_response('200 OK', [])\n"
                                  "    return environ['wsgi.input'] if environ['QUERY_STRING'] else [b'next']\n";
/* Holds the GIL from before it says so until it is told to go on; then there is time to be hit. */
static const char *const holds_gil = "import ctypes, sys, time\n"
                                     "libc = ctypes.PyDLL(None)\n"
                                     "def application(environ, start_response):\n"
                                     "    start_response('200 OK', [])\n"
                                     "    usual = sys.getswitchinterval()\n"
                                     "    sys.setswitchinterval(60)\n"
                                     "    test = int(environ['QUERY_STRING'])\n"
                                     "    libc.write(test, b'x', 1)\n"
                                     "    libc.read(test, ctypes.create_string_buffer(1), 1)\n"
                                     "    sys.setswitchinterval(usual)\n"
                                     "    for _ in range(3000):\n"
                                     "        time.sleep(0.01)\n"
                                     "    return []\n";

/* Two requests, one after the other, on a thread of their own. */
typedef struct run {
    exchange first, second;
    target to;
    atomic_int first_ended;
    pthread_t thread;
} run_t;

static void *run_both(void *argument)
{
    run_t *both = argument;
    run(&both->first);
    atomic_store(&both->first_ended, 1);
    if (both->second.request.id)
        run(&both->second);
    return NULL;
}

static void launch(run_t *both, const char *group, const char *code, const char *name, int with_second)
{
    static char path[1024];
    memset(both, 0, sizeof *both);
    snprintf(path, sizeof path, "%s", scratch(name));
    write_file(path, code, 1000);
    both->to = (target){.script = path, .group = group};
    begin(&both->first, &both->to);
    both->first.request.id = 7;
    if (with_second) {
        begin(&both->second, &both->to);
        add(&both->second, "QUERY_STRING", "");
        both->second.request.id = 8;
    }
}

static void nap(void)
{
    struct timespec pause = {0, 2000000};
    nanosleep(&pause, NULL);
}

/* Tries until the request has begun. */
static int interrupt(run_t *both, uint64_t id)
{
    int result = 0, tries = 0;
    while (!(result = wpy_interrupt(&both->first.channel, id, 5000)) && tries++ < 2000)
        nap();
    return result;
}

static void ends_an_endless_request_in(const char *group)
{
    run_t both;
    launch(&both, group, endless, "endless.wsgi", 0);
    pthread_create(&both.thread, NULL, run_both, &both);
    CHECK(interrupt(&both, 7) == 1);
    pthread_join(both.thread, NULL);
    CHECK_FAILURE(&both.first, 504);
    CHECK(wpy_interrupt(&both.first.channel, 7, 5000) == 0);
    end(&both.first);
}

static void ends_an_endless_request(void)
{
    ends_an_endless_request_in("");
}

static void ends_one_in_a_sub_interpreter(void)
{
    ends_an_endless_request_in("one");
}

static void leaves_another_request_alone(void)
{
    run_t both;
    launch(&both, "", endless, "alone.wsgi", 0);
    pthread_create(&both.thread, NULL, run_both, &both);
    for (int i = 0; i < 20; i++) {
        CHECK(wpy_interrupt(&both.first.channel, 6, 5000) == 0);
        nap();
    }
    CHECK(!atomic_load(&both.first_ended));
    CHECK(interrupt(&both, 7) == 1);
    pthread_join(both.thread, NULL);
    end(&both.first);
}

static void never_hits_the_next_request(void)
{
    run_t both;
    launch(&both, "", only_c, "only_c.wsgi", 1);
    add(&both.first, "QUERY_STRING", "x");
    both.first.rest = "one line";
    both.first.rest_len = 8;
    both.first.request.content_length = -1;
    both.first.request.body_done = 0;
    both.first.read_delay_ms = 300;
    pthread_create(&both.thread, NULL, run_both, &both);
    CHECK(interrupt(&both, 7) == 1);
    pthread_join(both.thread, NULL);
    CHECK_ANSWER(&both.first, 200, "one line");
    CHECK_ANSWER(&both.second, 200, "next");
    end(&both.first);
    end(&both.second);
}

static void waits_for_the_gil_only_so_long(void)
{
    run_t both;
    int ends[2];
    char number[16], sign;
    launch(&both, "", holds_gil, "holds_gil.wsgi", 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    snprintf(number, sizeof number, "%d", ends[1]);
    add(&both.first, "QUERY_STRING", number);
    pthread_create(&both.thread, NULL, run_both, &both);
    CHECK(read(ends[0], &sign, 1) == 1);
    CHECK(wpy_interrupt(&both.first.channel, 7, 20) == -1);
    CHECK(write(ends[0], &sign, 1) == 1);
    pthread_join(both.thread, NULL); /* it was on its way all the same */
    CHECK_FAILURE(&both.first, 504);
    close(ends[0]);
    close(ends[1]);
    end(&both.first);
}

static const tap_test tests[] = {
    TAP_TEST(ends_an_endless_request),        TAP_TEST(ends_one_in_a_sub_interpreter),
    TAP_TEST(leaves_another_request_alone),   TAP_TEST(never_hits_the_next_request),
    TAP_TEST(waits_for_the_gil_only_so_long),
};

PYTHON_MAIN(tests)
