/* SPDX-License-Identifier: Apache-2.0 */
#include "active.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../transport/frame.h"
#include "../transport/clock.h"
#include "environ.h"
#include "events.h"
#include "file_wrapper.h"
#include "input.h"
#include "log.h"
#include "measure.h"
#include "recorder.h"
#include "response.h"
#include "send.h"
#include "setup.h"
#include "target.h"

#define BLOCKS 64 /* handed to the channel at once */

/* ---- failures; GIL held, an exception set ---- */

static void fail(wpy_call *call, int status, const char *what, const char *script)
{
    const char *blamed;
    char intro[1024];
    if (call->client_gone && PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear(); /* write() said so to the application: nobody's mistake */
    } else if ((blamed = wpy_input_blamed(call))) {
        PyErr_Clear();
        wpy_log(1, WPY_LOG_INFO, MWS(2047) "%s '%s' gave up, since the request's body is lost: %s", what, script,
                blamed);
    } else {
        int timed_out = PyErr_ExceptionMatches(call->interp->request_timeout), told = timed_out && call->interrupted;
        if (call->announced)
            wpy_events_exception(call);
        snprintf(intro, sizeof intro, MWS(2041) "%s '%s' raised an exception:", what, script);
        if (timed_out)
            status = 504;
        if (told) /* by who raised it, and where the application stood */
            PyErr_Clear();
        else
            wpy_log_exception(intro);
    }
    call->failed = 1;
    call->failure = status;
}

static int not_bytes(PyObject *item)
{
    PyErr_Format(PyExc_TypeError, "the response's body must be made of bytes, not %s", Py_TYPE(item)->tp_name);
    return -1;
}

static int need_start(const wpy_call *call)
{
    if (call->started)
        return 0;
    PyErr_SetString(PyExc_AssertionError, "the application gave a body without a valid start_response()");
    return -1;
}

/* ---- bodies; GIL held; 0, or -1 with an exception ---- */

/* Sends a tuple of bytes without the GIL: neither it nor its items can change. */
static int send_tuple(wpy_call *call, PyObject *items)
{
    Py_ssize_t count = PyTuple_GET_SIZE(items), i = 0;
    struct iovec blocks[BLOCKS];
    PyThreadState *state;
    int used, gone = 0;
    if (wpy_call_take(call))
        return -1;
    state = PyEval_SaveThread();
    while (i < count && !gone) {
        for (used = 0; used < BLOCKS && i < count; i++) {
            PyObject *item = PyTuple_GET_ITEM(items, i);
            blocks[used].iov_base = PyBytes_AS_STRING(item);
            blocks[used].iov_len = wpy_send_admit(call, (size_t)PyBytes_GET_SIZE(item));
            used += blocks[used].iov_len != 0;
        }
        gone = wpy_send(call, blocks, used, WPY_LATER);
    }
    wpy_measure_resume(call, state);
    wpy_call_give(call);
    return 0;
}

/* The bytes of a list or tuple of which all is known. -1 with an exception when an item is of another type. */
static int64_t total_length(PyObject *items)
{
    int64_t total = 0;
    Py_ssize_t i;
    for (i = 0; i < PySequence_Fast_GET_SIZE(items); i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(items, i);
        if (!PyBytes_Check(item))
            return not_bytes(item);
        total += PyBytes_GET_SIZE(item);
    }
    return total;
}

/* A list or tuple: its length is known, so nothing needs to be flushed in between. A small one is copied, and sent when
 * the GIL has been dropped for good. */
static int send_sequence(wpy_call *call, PyObject *items)
{
    int64_t total = total_length(items);
    Py_ssize_t i;
    PyObject *tuple;
    int result;
    if (total < 0 || need_start(call))
        return -1;
    if (!call->head_request && !call->head_sent && wpy_send_declare(call, total)) {
        PyErr_NoMemory();
        return -1;
    }
    if (total <= WPY_SMALL_BODY && !call->outer) {
        for (i = 0; i < PySequence_Fast_GET_SIZE(items); i++) {
            PyObject *item = PySequence_Fast_GET_ITEM(items, i);
            size_t len = wpy_send_admit(call, (size_t)PyBytes_GET_SIZE(item));
            memcpy(call->thread->small + call->small_len, PyBytes_AS_STRING(item), len);
            call->small_len += len;
        }
        return 0;
    }
    tuple = PyList_Check(items) ? PyList_AsTuple(items) : wpy_new_ref(items);
    result = tuple ? send_tuple(call, tuple) : -1;
    Py_XDECREF(tuple);
    return result;
}

static int send_iterable(wpy_call *call, PyObject *iterable)
{
    PyObject *iterator = PyObject_GetIter(iterable), *item;
    int failed = 0;
    if (!iterator)
        return -1;
    while (!failed && (item = PyIter_Next(iterator))) {
        if (!PyBytes_Check(item))
            failed = not_bytes(item);
        else if (PyBytes_GET_SIZE(item))
            failed = need_start(call) || wpy_send_block(call, item) ? -1 : 0;
        Py_DECREF(item);
    }
    Py_DECREF(iterator);
    if (failed && call->client_gone) {
        PyErr_Clear(); /* nothing went wrong here */
        return 0;
    }
    return failed || PyErr_Occurred() ? -1 : need_start(call);
}

/* A file that can be sent by its descriptor. */
static int send_file(wpy_call *call, int fd, off_t offset, off_t length)
{
    PyThreadState *state;
    int64_t since_us;
    if (need_start(call) || wpy_call_take(call))
        return -1;
    if (wpy_send_declare(call, length)) {
        wpy_call_give(call);
        PyErr_NoMemory();
        return -1;
    }
    state = PyEval_SaveThread();
    length = (off_t)wpy_send_admit(call, (size_t)length);
    since_us = wpy_measure_now(call);
    if (!wpy_send(call, NULL, 0, WPY_LATER) && length && call->channel->file(call->channel, fd, offset, length))
        call->client_gone = 1;
    wpy_measure_write(call, since_us);
    wpy_measure_resume(call, state);
    wpy_call_give(call);
    return 0;
}

static int send_body(wpy_call *call, PyObject *body)
{
    off_t offset, length;
    int fd;
    if (PyList_CheckExact(body) || PyTuple_CheckExact(body))
        return send_sequence(call, body);
    if (Py_IS_TYPE(body, call->interp->file_wrapper_type) && !call->head_sent &&
        wpy_file_wrapper_open(call->interp, body, &fd, &offset, &length))
        return send_file(call, fd, offset, length);
    return send_iterable(call, body);
}

/* PEP 3333: once, whatever happened. Its failure does not change the response. */
static void close_body(wpy_call *call, PyObject *body, const char *script)
{
    PyObject *close, *result;
    char intro[1024];
    if (PyList_CheckExact(body) || PyTuple_CheckExact(body))
        return;
    close = PyObject_GetAttr(body, call->interp->names.close);
    if (!close && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        return;
    }
    result = close ? PyObject_CallNoArgs(close) : NULL;
    if (!result) {
        snprintf(intro, sizeof intro, MWS(2042) "close() of the response of '%s' raised an exception:", script);
        wpy_log_exception(intro);
    }
    Py_XDECREF(result);
    Py_XDECREF(close);
}

/* ---- the application; GIL held ---- */

/* Whether a handler script that is loaded wants to be loaded again for its resource. A failure to tell is logged, and
 * does no harm. */
static int wants_reload(const wpy_template *tmpl)
{
    PyObject *globals = wpy_target_globals(tmpl->target), *function = NULL, *resource, *result = NULL;
    int wanted;
    if (globals)
        function = PyDict_GetItemString(globals, "reload_required");
    Py_XINCREF(function);
    Py_XDECREF(globals);
    if (!function)
        return 0;
    if ((resource = PyUnicode_DecodeFSDefault(tmpl->resource)))
        result = PyObject_CallOneArg(function, resource);
    wanted = result ? PyObject_IsTrue(result) : -1;
    if (wanted < 0) {
        char intro[1024];
        snprintf(intro, sizeof intro, MWS(2048) "reload_required() of '%s' raised an exception:", tmpl->target->path);
        wpy_log_exception(intro);
    }
    Py_XDECREF(result);
    Py_XDECREF(resource);
    Py_DECREF(function);
    return wanted > 0;
}

static int load_script(wpy_call *call, wpy_template *tmpl)
{
    const wpy_config *config = wpy_runtime_config();
    int embedded = !config->process_group || !*config->process_group;
    int64_t mtime_us = embedded && tmpl->reloading ? call->request->script_mtime_us : 0;
    int was_loaded = atomic_load_explicit(&tmpl->target->mtime_us, memory_order_relaxed) != 0;
    if (wpy_template_build(call, tmpl) || wpy_target_load(tmpl->target, mtime_us))
        return -1;
    if (tmpl->resource && tmpl->reloading && was_loaded && wants_reload(tmpl))
        return wpy_target_reload(tmpl->target);
    return 0;
}

/* The callable, its script loaded or loaded again; new reference. NULL: call->failure says what to answer. */
static PyObject *find_callable(wpy_call *call, wpy_template *tmpl)
{
    PyObject *globals, *callable;
    if (load_script(call, tmpl)) {
        fail(call, 500, "loading the script", tmpl->target->path);
        return NULL;
    }
    globals = wpy_target_globals(tmpl->target);
    callable = globals ? PyDict_GetItemWithError(globals, tmpl->callable) : NULL;
    Py_XINCREF(callable);
    Py_XDECREF(globals);
    if (!callable) {
        PyErr_Clear();
        wpy_log(1, WPY_LOG_ERROR, MWS(2043) "the script '%s' defines no '%s'", tmpl->target->path, tmpl->callable_name);
        call->failed = 1;
        call->failure = 404;
    }
    return callable;
}

static void run_application(wpy_call *call, wpy_template *tmpl)
{
    PyObject *args[3] = {NULL, NULL, NULL}, *callable, *input = NULL, *body = NULL;
    const char *script = tmpl->target->path;
    if (!(callable = find_callable(call, tmpl)))
        return;
    wpy_active_enter(call);
    wpy_measure_begin(call); /* the script may have asked for it */
    if ((input = wpy_input_new(call)) && (args[1] = wpy_environ_new(call, tmpl, input)))
        args[2] = wpy_response_new(call);
    if (args[2] && wpy_events_wanted(call->interp))
        callable = wpy_events_started(call, tmpl, callable, args[1]);
    if (args[2])
        body = PyObject_Vectorcall(callable, args + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    if (!body || send_body(call, body))
        fail(call, 500, "the application in", script);
    if (body)
        close_body(call, body, script);
    if (call->measure)
        wpy_measure_end(call);
    if (call->announced)
        wpy_events_finished(call);
    wpy_active_leave(call);
    wpy_call_end(call);
    if (args[2])
        wpy_response_cut(args[2]);
    if (input)
        wpy_input_cut(input);
    if (call->request_rec)
        wpy_request_rec_cut(call->request_rec);
    Py_XDECREF(call->request_rec);
    Py_XDECREF(body);
    Py_XDECREF(args[2]);
    Py_XDECREF(args[1]);
    Py_XDECREF(input);
    Py_DECREF(callable);
}

/* ---- the end; GIL not held ---- */

static void finish(wpy_call *call, wpy_outcome outcome, int status, int reason, int64_t started_us)
{
    int64_t now_us = wio_now_us(), spent = now_us - started_us;
    if (call->measure)
        wpy_recorder_end(call, now_us);
    atomic_fetch_add_explicit(&call->thread->requests, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&call->thread->busy_us, (unsigned long long)spent, memory_order_relaxed);
    wpy_log_flush_all(call->thread, 0);
    call->channel->finish(call->channel, outcome, status, reason, (uint64_t)spent);
}

/* Sends what waits for the GIL to be gone, and says how it ended. */
static void conclude(wpy_call *call, int64_t started_us)
{
    struct iovec block = {call->thread->small, call->small_len};
    if (wpy_runtime_forked()) {
        wpy_log(0, WPY_LOG_WARNING, MWS(2044) "a process that the application forked came back to the server; it ends");
        _exit(0);
    }
    if (call->failed) {
        if (call->head_sent)
            finish(call, WPY_TRUNCATED, 0, WIO_ABORT_EXCEPTION, started_us);
        else
            finish(call, WPY_NO_RESPONSE, call->failure, 0, started_us);
        return;
    }
    if (wpy_send(call, &block, call->small_len ? 1 : 0, WPY_LAST)) {
        finish(call, WPY_TRUNCATED, 0, WIO_ABORT_INTERNAL, started_us);
        return;
    }
    if (call->surplus)
        wpy_log(0, WPY_LOG_WARNING,
                MWS(2045) "the application gave more bytes than its Content-Length of %lld: the "
                          "surplus was dropped",
                (long long)call->content_length);
    if (call->sent < call->content_length && !call->bodyless && !call->head_request) {
        wpy_log(0, WPY_LOG_ERROR,
                MWS(2046) "the application gave %lld bytes, less than its Content-Length of %lld: the "
                          "connection is cut",
                (long long)call->sent, (long long)call->content_length);
        finish(call, WPY_TRUNCATED, 0, WIO_ABORT_SHORT, started_us);
        return;
    }
    finish(call, WPY_COMPLETE, 0, 0, started_us);
}

static void init_call(wpy_call *call, const wpy_request *request, wpy_channel *channel, wpy_thread *thread)
{
    memset(call, 0, sizeof *call);
    call->request = request;
    call->channel = channel;
    call->thread = thread;
    call->body = request->body;
    call->body_len = request->body_len;
    call->body_done = request->body_done;
    call->content_length = -1;
    call->failure = 500;
    call->outer = thread->call;
    wio_buf_init(&call->head, call->outer ? NULL : thread->head, call->outer ? 0 : sizeof thread->head);
}

void wpy_run_request(const wpy_request *request, wpy_channel *channel)
{
    wpy_thread *thread = wpy_thread_begin();
    int64_t started_us = wio_now_us(), since_us;
    wpy_template *tmpl;
    wpy_call call;
    if (!thread) {
        channel->finish(channel, WPY_NO_RESPONSE, 503, 0, 0);
        return;
    }
    init_call(&call, request, channel, thread);
    thread->call = &call;
    wpy_measure_begin(&call);
    if (call.measure)
        wpy_recorder_begin(&call, started_us);
    tmpl = wpy_template_get(thread, request);
    since_us = wpy_measure_now(&call);
    if (tmpl && !wpy_enter(thread, tmpl->interp)) {
        if (call.measure)
            call.measure->gil_us = wio_now_us() - since_us;
        call.interp = tmpl->interp;
        run_application(&call, tmpl);
        wpy_leave();
    } else {
        call.failed = 1;
    }
    conclude(&call, started_us);
    thread->call = call.outer;
    wio_buf_free(&call.head);
    free(call.body_memory);
    if (!call.outer)
        wpy_thread_end(thread);
}

/* What the request's script was loaded as, when its file has changed since and that matters. */
static wpy_target *find_stale(wpy_thread *thread, const wpy_request *request)
{
    wpy_template *tmpl;
    wpy_target *target = NULL;
    wpy_interp *interp;
    wpy_choice choice;
    int64_t loaded_us;
    int reloading = 0;
    if ((tmpl = wpy_template_peek(thread, request))) {
        target = tmpl->target;
        reloading = tmpl->reloading;
    } else if (!wpy_choice_read(request, &choice)) {
        reloading = choice.reloading;
        interp = reloading ? wpy_interp_find(choice.group) : NULL;
        target = interp ? wpy_target_find(interp, choice.script) : NULL;
    }
    loaded_us = target && reloading && request->script_mtime_us ? atomic_load(&target->mtime_us) : 0;
    return loaded_us && loaded_us != request->script_mtime_us ? target : NULL;
}

int wpy_script_is_stale(const wpy_request *request)
{
    wpy_thread *thread = wpy_thread_begin();
    int stale = thread && find_stale(thread, request);
    if (thread)
        wpy_thread_end(thread);
    return stale;
}

void wpy_script_keep(const wpy_request *request)
{
    wpy_thread *thread = wpy_thread_begin();
    wpy_target *target = thread ? find_stale(thread, request) : NULL;
    if (target)
        atomic_store(&target->mtime_us, request->script_mtime_us);
    if (thread)
        wpy_thread_end(thread);
}
