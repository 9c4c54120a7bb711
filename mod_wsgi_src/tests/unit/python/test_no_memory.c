/* SPDX-License-Identifier: Apache-2.0 */
/* Python is out of memory: each allocation of a call fails in turn. The call then says so, or does without; it neither
 * crashes nor tells something untrue, and the next one works. */
#include "../../../module/python/interpreters.h"

#include <string.h>

#include "../../../module/python/module.h"
#include "stub.h"

#define MOST 20000 /* more allocations than any of these calls makes */

/* ---- an allocator that fails once; the counters are under the GIL ---- */

static PyMemAllocatorEx real[2];
static const PyMemAllocatorDomain domains[] = {PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};
static int left = -1; /* allocations before the one that fails; -1: none does */

static int fails_now(void)
{
    return left >= 0 && !left--;
}

static void *fail_malloc(void *context, size_t size)
{
    PyMemAllocatorEx *under = context;
    return fails_now() ? NULL : under->malloc(under->ctx, size);
}

static void *fail_calloc(void *context, size_t count, size_t size)
{
    PyMemAllocatorEx *under = context;
    return fails_now() ? NULL : under->calloc(under->ctx, count, size);
}

static void *fail_realloc(void *context, void *block, size_t size)
{
    PyMemAllocatorEx *under = context;
    return fails_now() ? NULL : under->realloc(under->ctx, block, size);
}

static void pass_free(void *context, void *block)
{
    PyMemAllocatorEx *under = context;
    under->free(under->ctx, block);
}

static void put_allocator(void)
{
    int i;
    for (i = 0; i < 2; i++) {
        PyMemAllocatorEx failing = {&real[i], fail_malloc, fail_calloc, fail_realloc, pass_free};
        PyMem_GetAllocator(domains[i], &real[i]);
        PyMem_SetAllocator(domains[i], &failing);
    }
}

/* The allocation after `count` others fails. */
static void arm(int count)
{
    left = count;
}

/* 1 when it has failed. */
static int disarm(void)
{
    int reached = left < 0;
    left = -1;
    return reached;
}

/* ---- the calls ---- */

static wpy_interp *interp;
static wpy_thread *self;

static int enter_python(void)
{
    self = wpy_thread_begin();
    interp = self ? wpy_interp_get(self, "") : NULL;
    return interp ? wpy_enter(self, interp) : -1;
}

static void leave_python(void)
{
    wpy_leave();
    wpy_thread_end(self);
}

/* A function of mod_wsgi gives an object or a MemoryError. */
static void call_function(const char *name)
{
    PyObject *module, *function, *result;
    int n, failed;
    CHECK(!enter_python());
    module = PyImport_ImportModule("mod_wsgi");
    function = module ? PyObject_GetAttrString(module, name) : NULL;
    for (n = 0, failed = 1; function && failed && n < MOST && !tap_failed(); n++) {
        arm(n);
        result = PyObject_CallNoArgs(function);
        failed = disarm();
        if (!result && !(failed && PyErr_ExceptionMatches(PyExc_MemoryError)))
            tap_fail(__FILE__, __LINE__, "%s(), allocation %d: no MemoryError", name, n);
        if (result && !failed && !PyDict_Check(result))
            tap_fail(__FILE__, __LINE__, "%s() is no dictionary", name);
        PyErr_Clear();
        Py_XDECREF(result);
    }
    if (n < 2 || n == MOST)
        tap_fail(__FILE__, __LINE__, "%s(): %d rounds", name, n);
    Py_XDECREF(function);
    Py_XDECREF(module);
    leave_python();
}

static void metrics(void)
{
    exchange x;
    target to = {.script = "scripts/scarce.wsgi", .callable = "short"};
    begin(&x, &to);
    add(&x, "REQUEST_METHOD", "GET");
    run(&x);
    CHECK_ANSWER(&x, 200, "onetwo");
    end(&x);
    call_function("request_metrics");
    call_function("process_metrics");
    call_function("server_metrics");
}

static void attributes(void)
{
    int n, result, failed = 1;
    CHECK(!enter_python());
    for (n = 0; failed && n < MOST && !tap_failed(); n++) {
        arm(n);
        result = wpy_modules_install(interp);
        failed = disarm();
        if (result ? !failed : !!PyErr_Occurred())
            tap_fail(__FILE__, __LINE__, "allocation %d: result %d, exception %p", n, result, (void *)PyErr_Occurred());
        PyErr_Clear();
    }
    if (n < 2 || n == MOST)
        tap_fail(__FILE__, __LINE__, "%d rounds", n);
    leave_python();
}

/* Whatever fails: one answer, whole and right, or none, or cut; and the contract is kept. */
static void requests(void)
{
    static const struct {
        const char *callable, *body;
    } list[] = {{"short", "onetwo"}, {"whole", "0123\n56789onetwo"}};
    size_t i;
    for (i = 0; i < sizeof list / sizeof *list; i++) {
        int n, failed = 1;
        /* The first round, -1, fails nothing: it loads what is loaded once, where Python itself crashes on a failure. */
        for (n = -1; failed && n < MOST; n++) {
            exchange x;
            target to = {.script = "scripts/scarce.wsgi", .callable = list[i].callable};
            begin(&x, &to);
            add(&x, "REQUEST_METHOD", "POST");
            add(&x, "CONTENT_LENGTH", "10");
            add(&x, "HTTP_X_SOMETHING", "text");
            x.request.body_done = 0;
            x.request.content_length = 10;
            x.rest = "0123\n56789";
            x.rest_len = 10;
            arm(n);
            run(&x);
            failed = disarm();
            CHECK_THAT(x.finishes == 1 && !x.misuse, "%s, allocation %d: finishes %d misuse %d log '%.500s'",
                       list[i].callable, n, x.finishes, x.misuse, log_of(&x));
            CHECK_THAT(x.outcome != WPY_COMPLETE || x.code != 200 || !strcmp(bytes_of(&x), list[i].body),
                       "%s, allocation %d: '%.200s' passes for a whole answer", list[i].callable, n, bytes_of(&x));
            CHECK_THAT(x.outcome != WPY_NO_RESPONSE || (x.failure == 500 && !x.heads), "%s, allocation %d: failure %d",
                       list[i].callable, n, x.failure);
            CHECK_THAT(failed || x.outcome == WPY_COMPLETE, "%s fails with enough memory: '%.500s'", list[i].callable,
                       log_of(&x));
            end(&x);
        }
        CHECK_THAT(n > 1 && n < MOST, "%s: %d rounds", list[i].callable, n);
    }
}

/* ---- a scoreboard ---- */

static int score_server(wpy_score_server *score)
{
    *score = (wpy_score_server){.server_limit = 2, .thread_limit = 2, .restart_us = 1};
    return 0;
}

static void score_process(int process, wpy_score_process *score)
{
    *score = (wpy_score_process){.pid = process};
}

static void score_worker(int process, int worker, wpy_score_worker *score)
{
    (void)process;
    *score = (wpy_score_worker){.number = worker, .status = '_', .client = "192.0.2.1", .request = "GET /"};
}

int main(void)
{
    static const tap_test tests[] = {TAP_TEST(metrics), TAP_TEST(requests), TAP_TEST(attributes)};
    static const wpy_scoreboard scoreboard = {score_server, score_process, score_worker};
    wpy_config config = plain_config();
    PyObject *module, *done;
    config.scoreboard = &scoreboard;
    start(&config);
    if (enter_python())
        return 2;
    module = PyImport_ImportModule("mod_wsgi");
    done = module ? PyObject_CallMethod(module, "start_recording_metrics", NULL) : NULL;
    if (!done)
        return 2;
    Py_DECREF(done);
    Py_DECREF(module);
    put_allocator();
    leave_python();
    return tap_run(tests, (int)(sizeof tests / sizeof *tests));
}
