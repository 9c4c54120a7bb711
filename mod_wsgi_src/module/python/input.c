/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "setup.h"
#include "streams.h"

#define AHEAD_BYTES 65536     /* how much readline() fetches at once */
#define FIRST_BYTES (1 << 20) /* most that is allocated on a client's word alone */
#define UNLIMITED   ((size_t)-1)

typedef struct wpy_input {
    PyObject_HEAD wpy_call *call; /* NULL: the request has ended */
} wpy_input;

/* ---- bytes from the channel; the turn is taken, GIL held ---- */

static const char *explain(int error)
{
    return error == ETIMEDOUT    ? "the client sent nothing for too long"
           : error == EFBIG      ? "it is larger than LimitRequestBody allows"
           : error == ECONNRESET ? "the client went away"
                                 : strerror(error);
}

static void raise_lost(int error)
{
    PyObject *args =
        Py_BuildValue("(iN)", error, PyUnicode_FromFormat("the request's body could not be read: %s", explain(error)));
    if (args)
        PyErr_SetObject(PyExc_OSError, args);
    Py_XDECREF(args);
}

/* >0 bytes, 0 the end, -1 with an exception, now and at every later try. */
static Py_ssize_t pull(wpy_call *call, void *to, size_t max)
{
    PyThreadState *state;
    int64_t since_us;
    Py_ssize_t got;
    int error;
    if ((call->client_gone || wpy_runtime_forked()) && !call->body_error)
        call->body_error = ECONNRESET;
    if (call->body_error) {
        raise_lost(call->body_error);
        return -1;
    }
    if (call->body_done)
        return 0;
    state = PyEval_SaveThread();
    since_us = wpy_measure_now(call);
    errno = 0;
    got = call->channel->read(call->channel, to, max);
    error = errno;
    wpy_measure_read(call, since_us);
    wpy_measure_resume(call, state);
    if (got == 0)
        call->body_done = 1;
    if (got < 0) {
        call->body_error = error ? error : EIO;
        raise_lost(call->body_error);
    }
    return got;
}

const char *wpy_input_blamed(const wpy_call *call)
{
    PyObject *value, *number;
    long error;
    if (!call->body_error || !PyErr_ExceptionMatches(PyExc_OSError))
        return NULL;
    value = wpy_take_exception();
    number = PyObject_GetAttrString(value, "errno");
    error = number && PyLong_Check(number) ? PyLong_AsLong(number) : -1;
    Py_XDECREF(number);
    wpy_put_exception(value); /* instead of what the attribute may have raised */
    return error == call->body_error ? explain(call->body_error) : NULL;
}

static Py_ssize_t fetch(wpy_call *call, void *to, size_t max)
{
    Py_ssize_t got;
    if (call->body_len) {
        got = (Py_ssize_t)(call->body_len < max ? call->body_len : max);
        memcpy(to, call->body, (size_t)got);
        call->body += got;
        call->body_len -= (size_t)got;
    } else {
        got = pull(call, to, max);
    }
    if (got > 0)
        call->body_taken += got;
    return got;
}

/* What to allocate first for a read of `want` bytes. Content-Length is a hint: filters may change the length. */
static size_t first_room(const wpy_call *call, size_t want)
{
    size_t room = call->body_len;
    int64_t length = call->request->content_length;
    if (length > call->body_taken && (uint64_t)(length - call->body_taken) > room)
        room = length - call->body_taken < FIRST_BYTES ? (size_t)(length - call->body_taken) : FIRST_BYTES;
    else if (length < 0 && room < AHEAD_BYTES && !call->body_done)
        room = AHEAD_BYTES;
    return room < want ? room : want;
}

static PyObject *read_bytes(wpy_call *call, size_t want)
{
    size_t room = first_room(call, want), have = 0;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)room);
    Py_ssize_t got;
    while (bytes && have < want) {
        if (have == room) {
            if (call->body_done && !call->body_len)
                break;
            room = room < AHEAD_BYTES / 2 ? AHEAD_BYTES : room * 2;
            room = room < want ? room : want;
            if (_PyBytes_Resize(&bytes, (Py_ssize_t)room))
                return NULL;
        }
        got = fetch(call, PyBytes_AS_STRING(bytes) + have, room - have);
        if (got < 0)
            Py_CLEAR(bytes);
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    if (bytes && have < room)
        _PyBytes_Resize(&bytes, (Py_ssize_t)have);
    return bytes;
}

/* Makes some bytes stand in call->body. >0; 0 the end; -1 with an exception. */
static Py_ssize_t look_ahead(wpy_call *call)
{
    Py_ssize_t got;
    if (call->body_len)
        return (Py_ssize_t)call->body_len;
    if (!call->body_memory && !(call->body_memory = malloc(AHEAD_BYTES))) {
        PyErr_NoMemory();
        return -1;
    }
    got = pull(call, call->body_memory, AHEAD_BYTES);
    if (got > 0) {
        call->body = call->body_memory;
        call->body_len = (size_t)got;
    }
    return got;
}

static PyObject *read_line(wpy_call *call, size_t limit)
{
    PyObject *line = NULL;
    const uint8_t *end;
    wio_buf parts;
    Py_ssize_t got = 0;
    size_t count;
    int complete = 0;
    wio_buf_init(&parts, NULL, 0);
    while (!complete && parts.len < limit && (got = look_ahead(call)) > 0) {
        count = call->body_len < limit - parts.len ? call->body_len : limit - parts.len;
        end = memchr(call->body, '\n', count);
        if (end) {
            count = (size_t)(end - call->body) + 1;
            complete = 1;
        }
        if (wio_buf_append(&parts, call->body, count)) {
            PyErr_NoMemory();
            got = -1;
            break;
        }
        call->body += count;
        call->body_len -= count;
        call->body_taken += (int64_t)count;
    }
    if (got >= 0)
        line = PyBytes_FromStringAndSize((const char *)parts.data, (Py_ssize_t)parts.len);
    wio_buf_free(&parts);
    return line;
}

/* ---- methods ---- */

/* An optional size argument; None and negative mean no limit. 0; -1 with an exception. */
static int size_argument(const char *name, PyObject *const *args, Py_ssize_t count, size_t *size)
{
    Py_ssize_t value;
    *size = UNLIMITED;
    if (count > 1) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most one argument", name);
        return -1;
    }
    if (!count || args[0] == Py_None)
        return 0;
    value = PyNumber_AsSsize_t(args[0], NULL);
    if (value == -1 && PyErr_Occurred())
        return -1;
    if (value >= 0)
        *size = (size_t)value;
    return 0;
}

/* The request, its turn taken; NULL with an exception. */
static wpy_call *take(PyObject *self)
{
    wpy_call *call = ((wpy_input *)self)->call;
    if (!call) {
        PyErr_SetString(PyExc_RuntimeError, "wsgi.input was used after its request had ended");
        return NULL;
    }
    if (wpy_call_take(call))
        return NULL;
    if (call->measure)
        call->measure->input_reads++;
    return call;
}

static PyObject *input_read(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    PyObject *bytes;
    wpy_call *call;
    size_t size;
    if (size_argument("read", args, count, &size) || !(call = take(self)))
        return NULL;
    bytes = read_bytes(call, size);
    wpy_call_give(call);
    return bytes;
}

static PyObject *one_line(PyObject *self, size_t limit)
{
    wpy_call *call = take(self);
    PyObject *line;
    if (!call)
        return NULL;
    line = read_line(call, limit);
    wpy_call_give(call);
    return line;
}

static PyObject *input_readline(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    size_t limit;
    return size_argument("readline", args, count, &limit) ? NULL : one_line(self, limit);
}

static PyObject *input_readlines(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    PyObject *lines, *line;
    size_t hint, total = 0;
    Py_ssize_t size = 1;
    if (size_argument("readlines", args, count, &hint) || !(lines = PyList_New(0)))
        return NULL;
    if (!hint)
        hint = UNLIMITED;
    while (size && total < hint) {
        line = one_line(self, UNLIMITED);
        size = line ? PyBytes_GET_SIZE(line) : 0;
        if (!line || (size && PyList_Append(lines, line))) {
            Py_XDECREF(line);
            Py_DECREF(lines);
            return NULL;
        }
        Py_DECREF(line);
        total += (size_t)size;
    }
    return lines;
}

static PyObject *input_next(PyObject *self)
{
    PyObject *line = one_line(self, UNLIMITED);
    if (line && !PyBytes_GET_SIZE(line))
        Py_CLEAR(line);
    return line;
}

static PyObject *input_close(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_NONE;
}

static void input_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

#define FASTCALL(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef input_methods[] = {
    {"read", FASTCALL(input_read), METH_FASTCALL, "Reads so many bytes, or all."},
    {"readline", FASTCALL(input_readline), METH_FASTCALL, "Reads a line with its newline."},
    {"readlines", FASTCALL(input_readlines), METH_FASTCALL, "Reads lines, about so many bytes of them, or all."},
    {"close", input_close, METH_NOARGS, "Does nothing."},
    {NULL, NULL, 0, NULL}};

static PyType_Slot input_slots[] = {{Py_tp_new, wpy_no_new},        {Py_tp_dealloc, input_dealloc},
                                    {Py_tp_methods, input_methods}, {Py_tp_iter, PyObject_SelfIter},
                                    {Py_tp_iternext, input_next},   {0, NULL}};

static PyType_Spec input_spec = {"mod_wsgi.Input", sizeof(wpy_input), 0, Py_TPFLAGS_DEFAULT, input_slots};

int wpy_input_init(wpy_interp *interp)
{
    interp->input_type = (PyTypeObject *)PyType_FromSpec(&input_spec);
    return interp->input_type ? 0 : -1;
}

PyObject *wpy_input_new(wpy_call *call)
{
    wpy_input *self = PyObject_New(wpy_input, call->interp->input_type);
    if (self)
        self->call = call;
    return (PyObject *)self;
}

void wpy_input_cut(PyObject *input)
{
    ((wpy_input *)input)->call = NULL;
}
