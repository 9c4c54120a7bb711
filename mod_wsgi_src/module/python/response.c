/* SPDX-License-Identifier: Apache-2.0 */
#include "response.h"

#include <stddef.h>
#include <string.h>
#include "structmember.h"

#include "../transport/frame.h"
#include "events.h"
#include "send.h"
#include "streams.h"

typedef struct wpy_response {
    PyObject_HEAD vectorcallfunc start;
    wpy_call *call; /* NULL: the request has ended */
} wpy_response;

/* ---- checks ---- */

/* The latin-1 bytes of a str, in place. NULL with an exception. */
static const char *latin1(PyObject *text, const char *what, Py_ssize_t *len)
{
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "%s must be str, not %s", what, Py_TYPE(text)->tp_name);
        return NULL;
    }
    if (wpy_text_ready(text))
        return NULL;
    if (PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND) {
        PyErr_Format(PyExc_ValueError, "%s has a character beyond latin-1: %R", what, text);
        return NULL;
    }
    *len = PyUnicode_GET_LENGTH(text);
    return (const char *)PyUnicode_1BYTE_DATA(text);
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "200 OK" or "200". 0 and the parts; -1 with an exception. */
static int check_status(PyObject *status, uint16_t *code, const char **reason, Py_ssize_t *reason_len)
{
    Py_ssize_t len;
    const char *text = latin1(status, "the status", &len);
    if (!text)
        return -1;
    if (len < 3 || !is_digit(text[0]) || !is_digit(text[1]) || !is_digit(text[2]) || (len > 3 && text[3] != ' ') ||
        !wio_is_plain_text(text, (size_t)len)) {
        PyErr_Format(PyExc_ValueError, "the status must be three digits, a space and a reason, not %R", status);
        return -1;
    }
    *code = (uint16_t)((text[0] - '0') * 100 + (text[1] - '0') * 10 + text[2] - '0');
    if (*code < 200) {
        PyErr_Format(PyExc_ValueError, "the status must be final, 200 or more, not %R", status);
        return -1;
    }
    *reason = len > 4 ? text + 4 : "";
    *reason_len = len > 4 ? len - 4 : 0;
    return 0;
}

static int check_length(wpy_call *call, const char *value, Py_ssize_t len, PyObject *item)
{
    int64_t length = 0;
    Py_ssize_t i;
    for (i = 0; i < len && is_digit(value[i]) && length <= (INT64_MAX - 9) / 10; i++)
        length = length * 10 + value[i] - '0';
    if (!len || i < len) {
        PyErr_Format(PyExc_ValueError, "Content-Length is not a number of bytes: %R", item);
        return -1;
    }
    if (call->content_length >= 0) {
        PyErr_SetString(PyExc_ValueError, "Content-Length is given twice");
        return -1;
    }
    call->content_length = length;
    return 0;
}

/* 0; -1 with an exception. */
static int check_name(const char *name, Py_ssize_t len, PyObject *item)
{
    if (!wio_is_field_name(name, (size_t)len)) {
        PyErr_Format(PyExc_ValueError, "a response header's name is not made of letters, digits and hyphens: %R", item);
        return -1;
    }
    if (wio_is_hop_by_hop(name, (size_t)len)) {
        PyErr_Format(PyExc_ValueError,
                     "the header %R is the server's business: an application must not set it (PEP 3333)", item);
        return -1;
    }
    return 0;
}

/* ---- encoding ---- */

static int put_field(wpy_call *call, PyObject *item)
{
    const char *name, *value;
    Py_ssize_t name_len, value_len;
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2) {
        PyErr_Format(PyExc_TypeError, "each response header must be a tuple of name and value, not %R", item);
        return -1;
    }
    name = latin1(PyTuple_GET_ITEM(item, 0), "a response header's name", &name_len);
    if (!name || check_name(name, name_len, PyTuple_GET_ITEM(item, 0)))
        return -1;
    value = latin1(PyTuple_GET_ITEM(item, 1), "a response header's value", &value_len);
    if (!value)
        return -1;
    if (!wio_is_plain_text(value, (size_t)value_len)) {
        PyErr_Format(PyExc_ValueError, "the value of response header %R has a control character: %R",
                     PyTuple_GET_ITEM(item, 0), PyTuple_GET_ITEM(item, 1));
        return -1;
    }
    if (name_len == 14 && wio_is_field(name, "content-length", 14)) {
        if (check_length(call, value, value_len, PyTuple_GET_ITEM(item, 1)))
            return -1;
        if (call->status == 204) { /* RFC 9110 8.6: must not be sent with it */
            call->content_length = -1;
            return 0;
        }
    }
    if (call->head.len + (size_t)name_len + (size_t)value_len > WIO_MAX_RESPONSE - 64 ||
        call->fields == UINT16_MAX - 1) {
        PyErr_Format(PyExc_ValueError, "the response's headers are too large: at %R (%zd bytes) they pass %d bytes",
                     PyTuple_GET_ITEM(item, 0), value_len, (int)WIO_MAX_RESPONSE);
        return -1;
    }
    if (wio_pair_put(&call->head, 0, name, (size_t)name_len, value, (size_t)value_len)) {
        PyErr_NoMemory();
        return -1;
    }
    call->fields++;
    return 0;
}

static int encode_head(wpy_call *call, PyObject *status, PyObject *headers)
{
    const char *reason;
    Py_ssize_t reason_len, i;
    call->started = 0;
    call->head.len = 0;
    call->fields = 0;
    call->content_length = -1;
    if (check_status(status, &call->status, &reason, &reason_len))
        return -1;
    call->bodyless = call->status == 204 || call->status == 304;
    if (!PyList_Check(headers)) {
        PyErr_Format(PyExc_TypeError, "the response headers must be a list, not %s", Py_TYPE(headers)->tp_name);
        return -1;
    }
    if (reason_len > WIO_MAX_RESPONSE / 2) {
        PyErr_SetString(PyExc_ValueError, "the status is too long");
        return -1;
    }
    if (wio_response_begin(&call->head, call->status, reason, (size_t)reason_len)) {
        PyErr_NoMemory();
        return -1;
    }
    for (i = 0; i < PyList_GET_SIZE(headers); i++)
        if (put_field(call, PyList_GET_ITEM(headers, i)))
            return -1;
    call->started = 1;
    return 0;
}

/* ---- start_response(status, headers, exc_info=None) ---- */

/* PEP 3333: the application may replace its response while nothing is sent; after that its own exception is raised. */
static int check_repeated(wpy_call *call, PyObject *exc_info)
{
    PyObject *value, *trace;
    if (exc_info == Py_None) {
        if (!call->started)
            return 0;
        PyErr_SetString(PyExc_AssertionError, "start_response() was called twice, the second time without exc_info");
        return -1;
    }
    if (!PyTuple_Check(exc_info) || PyTuple_GET_SIZE(exc_info) != 3) {
        PyErr_Format(PyExc_TypeError, "exc_info must be a tuple of three, not %R", exc_info);
        return -1;
    }
    if (!call->head_sent)
        return 0;
    value = PyTuple_GET_ITEM(exc_info, 1);
    trace = PyTuple_GET_ITEM(exc_info, 2);
    if (!PyExceptionInstance_Check(value)) {
        PyErr_SetString(PyExc_RuntimeError, "start_response() was called with exc_info after the headers were sent");
        return -1;
    }
    if (PyTraceBack_Check(trace))
        PyException_SetTraceback(value, trace);
    wpy_put_exception(wpy_new_ref(value));
    return -1;
}

static PyObject *exc_info_argument(PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
    if (count + named < 2 || count < 2 || count + named > 3 ||
        (named && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "exc_info"))) {
        PyErr_SetString(PyExc_TypeError, "start_response() takes a status, a list of headers and exc_info");
        return NULL;
    }
    return count + named == 3 ? args[2] : Py_None;
}

static PyObject *response_write(PyObject *self, PyObject *data);

static PyMethodDef write_method = {"write", response_write, METH_O, "Sends a block of the body at once."};

/* A callback may change the list of headers, so it is looked at again. */
static int announce(wpy_call *call, PyObject *const *args, PyObject *exc_info)
{
    if (!call->announced)
        return 0;
    wpy_events_response(call, args[0], args[1], exc_info);
    return encode_head(call, args[0], args[1]);
}

static PyObject *response_start(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    wpy_call *call = ((wpy_response *)self)->call;
    PyObject *exc_info = exc_info_argument(args, PyVectorcall_NARGS(nargsf), names);
    if (!exc_info)
        return NULL;
    if (!call) {
        PyErr_SetString(PyExc_RuntimeError, "start_response() was called after its request had ended");
        return NULL;
    }
    if (check_repeated(call, exc_info) || encode_head(call, args[0], args[1]) || announce(call, args, exc_info))
        return NULL;
    return PyCFunction_New(&write_method, self);
}

static PyObject *response_write(PyObject *self, PyObject *data)
{
    wpy_call *call = ((wpy_response *)self)->call;
    if (!PyBytes_Check(data))
        return PyErr_Format(PyExc_TypeError, "write() needs bytes, not %s", Py_TYPE(data)->tp_name);
    if (!call) {
        PyErr_SetString(PyExc_RuntimeError, "write() was called after its request had ended");
        return NULL;
    }
    if (!call->started) {
        PyErr_SetString(PyExc_AssertionError, "write() was called without a valid start_response()");
        return NULL;
    }
    if (PyBytes_GET_SIZE(data) && wpy_send_block(call, data))
        return NULL;
    Py_RETURN_NONE;
}

/* ---- the type ---- */

static void response_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMemberDef response_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(wpy_response, start), READONLY, NULL}, {NULL, 0, 0, 0, NULL}};

static PyType_Slot response_slots[] = {{Py_tp_new, wpy_no_new},
                                       {Py_tp_dealloc, response_dealloc},
                                       {Py_tp_call, PyVectorcall_Call},
                                       {Py_tp_members, response_members},
                                       {0, NULL}};

static PyType_Spec response_spec = {"mod_wsgi.StartResponse", sizeof(wpy_response), 0,
                                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL, response_slots};

int wpy_response_init(wpy_interp *interp)
{
    interp->response_type = (PyTypeObject *)PyType_FromSpec(&response_spec);
    return interp->response_type ? 0 : -1;
}

PyObject *wpy_response_new(wpy_call *call)
{
    wpy_response *self = PyObject_New(wpy_response, call->interp->response_type);
    if (self) {
        self->start = response_start;
        self->call = call;
    }
    return (PyObject *)self;
}

void wpy_response_cut(PyObject *response)
{
    ((wpy_response *)response)->call = NULL;
}
