/* SPDX-License-Identifier: Apache-2.0 */
#include "streams.h"

#include "log.h"

typedef struct wpy_stream_object {
    PyObject_HEAD enum wpy_stream stream;
    int binary; /* the `buffer` of a stream: takes bytes */
} wpy_stream_object;

PyObject *wpy_no_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    return PyErr_Format(PyExc_TypeError, "%s cannot be made by an application", type->tp_name);
}

static void plain_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* ---- writing ---- */

static PyObject *write_bytes(wpy_stream_object *self, PyObject *data)
{
    Py_buffer view;
    int failed;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE))
        return NULL;
    failed = wpy_log_write(self->stream, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return failed ? NULL : PyLong_FromSsize_t(view.len);
}

static PyObject *stream_write(PyObject *object, PyObject *text)
{
    wpy_stream_object *self = (wpy_stream_object *)object;
    PyObject *bytes;
    int failed;
    if (self->binary)
        return write_bytes(self, text);
    if (!PyUnicode_Check(text))
        return PyErr_Format(PyExc_TypeError, "write() needs str, not %s", Py_TYPE(text)->tp_name);
    bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    if (!bytes)
        return NULL;
    failed = wpy_log_write(self->stream, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return failed ? NULL : PyLong_FromSsize_t(PyUnicode_GET_LENGTH(text));
}

static PyObject *stream_writelines(PyObject *self, PyObject *lines)
{
    PyObject *iterator = PyObject_GetIter(lines), *line, *result = NULL;
    if (!iterator)
        return NULL;
    while ((line = PyIter_Next(iterator))) {
        result = stream_write(self, line);
        Py_DECREF(line);
        if (!result)
            break;
        Py_DECREF(result);
    }
    Py_DECREF(iterator);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *stream_flush(PyObject *self, PyObject *unused)
{
    wpy_thread *thread = wpy_thread_self();
    (void)unused;
    if (thread)
        wpy_log_flush(thread, ((wpy_stream_object *)self)->stream, 1);
    Py_RETURN_NONE;
}

/* ---- the rest of what text streams have ---- */

static PyObject *stream_close(PyObject *self, PyObject *unused)
{
    return stream_flush(self, unused);
}

static PyObject *stream_yes(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_TRUE;
}

static PyObject *stream_no(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_FALSE;
}

static PyObject *stream_fileno(PyObject *self, PyObject *unused)
{
    PyObject *io = PyImport_ImportModule("io");
    PyObject *error = io ? PyObject_GetAttrString(io, "UnsupportedOperation") : NULL;
    (void)self;
    (void)unused;
    if (error)
        PyErr_SetString(error, "the error log has no file descriptor");
    Py_XDECREF(error);
    Py_XDECREF(io);
    return NULL;
}

static PyObject *stream_name(PyObject *self, void *unused)
{
    static const char *const names[] = {"<wsgi.errors>", "<stdout>", "<stderr>"};
    (void)unused;
    return PyUnicode_FromString(names[((wpy_stream_object *)self)->stream]);
}

static PyObject *stream_text(PyObject *self, void *text)
{
    (void)self;
    return PyUnicode_FromString(text);
}

static PyObject *stream_flag(PyObject *self, void *flag)
{
    (void)self;
    return PyBool_FromLong(*(const char *)flag == '1');
}

static PyObject *new_stream(PyTypeObject *type, enum wpy_stream stream, int binary)
{
    wpy_stream_object *self = PyObject_New(wpy_stream_object, type);
    if (self) {
        self->stream = stream;
        self->binary = binary;
    }
    return (PyObject *)self;
}

static PyObject *stream_buffer(PyObject *self, void *unused)
{
    (void)unused;
    return new_stream(Py_TYPE(self), ((wpy_stream_object *)self)->stream, 1);
}

static PyMethodDef stream_methods[] = {
    {"write", stream_write, METH_O, "Adds text; complete lines go to the error log."},
    {"writelines", stream_writelines, METH_O, "Writes each item."},
    {"flush", stream_flush, METH_NOARGS, "Sends an unfinished line to the error log."},
    {"close", stream_close, METH_NOARGS, "Does what flush() does: the log stays open."},
    {"fileno", stream_fileno, METH_NOARGS, "Raises OSError."},
    {"isatty", stream_no, METH_NOARGS, "False."},
    {"readable", stream_no, METH_NOARGS, "False."},
    {"seekable", stream_no, METH_NOARGS, "False."},
    {"writable", stream_yes, METH_NOARGS, "True."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef stream_attributes[] = {
    {"name", stream_name, NULL, NULL, NULL},        {"mode", stream_text, NULL, NULL, "w"},
    {"encoding", stream_text, NULL, NULL, "utf-8"}, {"errors", stream_text, NULL, NULL, "backslashreplace"},
    {"closed", stream_flag, NULL, NULL, "0"},       {"line_buffering", stream_flag, NULL, NULL, "1"},
    {"buffer", stream_buffer, NULL, NULL, NULL},    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot stream_slots[] = {{Py_tp_new, wpy_no_new},
                                     {Py_tp_dealloc, plain_dealloc},
                                     {Py_tp_methods, stream_methods},
                                     {Py_tp_getset, stream_attributes},
                                     {0, NULL}};

static PyType_Spec stream_spec = {"mod_wsgi.Log", sizeof(wpy_stream_object), 0, Py_TPFLAGS_DEFAULT, stream_slots};

PyObject *wpy_stream_new(wpy_interp *interp, enum wpy_stream stream)
{
    return new_stream(interp->stream_type, stream, 0);
}

/* ---- streams that raise ---- */

typedef struct wpy_closed_stream {
    PyObject_HEAD const char *what, *directive; /* string literals */
} wpy_closed_stream;

/* Python itself flushes the standard streams when it ends; that works. */
static PyObject *closed_flush(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_NONE;
}

static PyObject *closed_getattr(PyObject *object, PyObject *name)
{
    const wpy_closed_stream *self = (wpy_closed_stream *)object;
    PyObject *value = PyObject_GenericGetAttr(object, name);
    if (value || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return value;
    PyErr_Clear();
    return PyErr_Format(PyExc_OSError, "%s is not for applications here (%s Off allows it)", self->what,
                        self->directive);
}

static PyMethodDef closed_methods[] = {{"flush", closed_flush, METH_NOARGS, "Does nothing."}, {NULL, NULL, 0, NULL}};

static PyGetSetDef closed_attributes[] = {{"closed", stream_flag, NULL, NULL, "0"}, {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot closed_slots[] = {{Py_tp_new, wpy_no_new},           {Py_tp_dealloc, plain_dealloc},
                                     {Py_tp_getattro, closed_getattr},  {Py_tp_methods, closed_methods},
                                     {Py_tp_getset, closed_attributes}, {0, NULL}};

static PyType_Spec closed_spec = {"mod_wsgi.ClosedStream", sizeof(wpy_closed_stream), 0, Py_TPFLAGS_DEFAULT,
                                  closed_slots};

PyObject *wpy_closed_stream_new(wpy_interp *interp, const char *what, const char *directive)
{
    wpy_closed_stream *self = PyObject_New(wpy_closed_stream, interp->closed_stream_type);
    if (self) {
        self->what = what;
        self->directive = directive;
    }
    return (PyObject *)self;
}

int wpy_streams_init(wpy_interp *interp)
{
    interp->stream_type = (PyTypeObject *)PyType_FromSpec(&stream_spec);
    interp->closed_stream_type = (PyTypeObject *)PyType_FromSpec(&closed_spec);
    return interp->stream_type && interp->closed_stream_type ? 0 : -1;
}
