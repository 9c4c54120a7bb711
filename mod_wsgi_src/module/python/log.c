/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"
#include "active.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 8000 /* longer lines are split: httpd cuts a record at about 8 KiB */
#define CODE_LENGTH    (sizeof "MWS1234: " - 1)
#define KEEP_BYTES     65536 /* a buffer that grew beyond this is given back */

static struct {
    void (*log)(void *context, int level, const char *text, size_t len);
    void *context;
} process_log;

void wpy_log_start(void (*log)(void *context, int level, const char *text, size_t len), void *context)
{
    process_log.context = context;
    process_log.log = log;
}

static void put_line(wpy_call *call, int level, const char *line, size_t len)
{
    if (call)
        call->channel->log(call->channel, level, line, len);
    else if (process_log.log)
        process_log.log(process_log.context, level, line, len);
}

static size_t escape(char *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = '\\';
    out[1] = 'x';
    out[2] = hex[c >> 4];
    out[3] = hex[c & 15];
    return 4;
}

/* GIL not held, the turn taken. */
static void put_lines(wpy_call *call, int level, const char *text, size_t len)
{
    char line[LINE_MAX_BYTES + 4];
    size_t used = 0, i;
    for (i = 0; i < len; i++) {
        if (text[i] == '\n' || used >= LINE_MAX_BYTES) {
            put_line(call, level, line, used);
            used = 0;
            if (text[i] == '\n')
                continue;
        }
        if (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n')
            continue;
        used += escape(line + used, (unsigned char)text[i]);
    }
    if (used)
        put_line(call, level, line, used);
}

/* The request of this thread that may be logged to, its turn taken; else NULL. GIL held. */
static wpy_call *take_call(wpy_thread *thread)
{
    wpy_call *call = thread ? thread->call : NULL;
    if (!call || call->over)
        return NULL;
    if (!wpy_call_take(call))
        return call;
    PyErr_Clear();
    return NULL;
}

static void put_text(wpy_thread *thread, int held, int level, const char *text, size_t len)
{
    PyThreadState *state;
    wpy_call *call;
    if (!held) {
        put_lines(thread ? thread->call : NULL, level, text, len);
        return;
    }
    call = take_call(thread);
    state = PyEval_SaveThread();
    put_lines(call, level, text, len);
    PyEval_RestoreThread(state);
    if (call)
        wpy_call_give(call);
}

void wpy_log_text(int held, int level, const char *text, size_t len)
{
    put_text(wpy_thread_self(), held, level, text, len);
}

/* Messages with a code tell which request they are about, as httpd's own log id has it. `text` has room for `size`. */
static void name_request(char *text, size_t len, size_t size)
{
    const wpy_thread *thread = wpy_thread_self();
    const wpy_call *call = thread ? thread->call : NULL;
    char name[80];
    size_t added;
    if (!call || !call->request || len < CODE_LENGTH || strncmp(text, "MWS", 3))
        return;
    snprintf(name, sizeof name, "request %s: ", wpy_active_variable(call->request, "mod_wsgi.request_id"));
    added = strlen(name);
    if (len + added >= size)
        len = size - added - 1;
    memmove(text + CODE_LENGTH + added, text + CODE_LENGTH, len - CODE_LENGTH);
    memcpy(text + CODE_LENGTH, name, added);
    text[len + added] = 0;
}

void wpy_log(int held, int level, const char *format, ...)
{
    char text[2048];
    va_list args;
    int len;
    va_start(args, format);
    len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len < 0)
        return;
    name_request(text, strlen(text), sizeof text);
    wpy_log_text(held, level, text, strlen(text));
}

/* Joins the list of str that a function of `traceback` returned (or NULL) and logs it. Takes the list over. */
static int put_list(int level, const char *intro, PyObject *lines)
{
    PyObject *empty = NULL, *text = NULL, *bytes = NULL;
    int result = -1;
    if (lines && (empty = PyUnicode_FromString("")) && (text = PyUnicode_Join(empty, lines)) &&
        (bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"))) {
        wpy_log(1, level, "%s", intro);
        wpy_log_text(1, level, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
        result = 0;
    }
    Py_XDECREF(empty);
    Py_XDECREF(text);
    Py_XDECREF(bytes);
    Py_XDECREF(lines);
    return result;
}

void wpy_log_exception(const char *intro)
{
    PyObject *value = wpy_take_exception(), *module, *trace, *lines = NULL;
    if (!value)
        return;
    trace = PyException_GetTraceback(value);
    module = PyImport_ImportModule("traceback");
    if (module)
        lines = PyObject_CallMethod(module, "format_exception", "OOO", (PyObject *)Py_TYPE(value), value,
                                    trace ? trace : Py_None);
    if (put_list(WPY_LOG_ERROR, intro, lines)) {
        PyErr_Clear();
        wpy_log(1, WPY_LOG_ERROR, "%s: %s (its traceback could not be formatted)", intro, Py_TYPE(value)->tp_name);
    }
    Py_XDECREF(module);
    Py_XDECREF(trace);
    Py_DECREF(value);
}

void wpy_log_stack(int level, const char *intro)
{
    PyObject *module = PyImport_ImportModule("traceback");
    PyObject *lines = module ? PyObject_CallMethod(module, "format_stack", NULL) : NULL;
    if (put_list(level, intro, lines)) {
        PyErr_Clear();
        wpy_log(1, level, "%s", intro);
    }
    Py_XDECREF(module);
}

static void drop_front(wio_buf *buf, size_t count)
{
    buf->len -= count;
    memmove(buf->data, buf->data + count, buf->len);
    if (!buf->len && buf->cap > KEEP_BYTES)
        wio_buf_free(buf);
}

int wpy_log_write(enum wpy_stream stream, const char *text, size_t len)
{
    wpy_thread *thread = wpy_thread_self();
    wio_buf *partial;
    size_t ready;
    if (!thread || wio_buf_append(&thread->partial[stream], text, len)) {
        PyErr_NoMemory();
        return -1;
    }
    partial = &thread->partial[stream];
    ready = partial->len;
    if (ready < LINE_MAX_BYTES)
        while (ready && partial->data[ready - 1] != '\n')
            ready--;
    if (ready) {
        put_text(thread, 1, WPY_LOG_ERROR, (const char *)partial->data, ready);
        drop_front(partial, ready);
    }
    return 0;
}

void wpy_log_flush(wpy_thread *thread, enum wpy_stream stream, int held)
{
    wio_buf *partial = &thread->partial[stream];
    if (partial->len) {
        put_text(thread, held, WPY_LOG_ERROR, (const char *)partial->data, partial->len);
        drop_front(partial, partial->len);
    }
}

void wpy_log_flush_all(wpy_thread *thread, int held)
{
    int stream;
    for (stream = 0; stream < WPY_STREAMS; stream++)
        wpy_log_flush(thread, (enum wpy_stream)stream, held);
}
