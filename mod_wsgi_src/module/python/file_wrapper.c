/* SPDX-License-Identifier: Apache-2.0 */
#include "file_wrapper.h"

#include <stddef.h>
#include <sys/stat.h>
#include "structmember.h"

#define DEFAULT_BLOCK 8192

typedef struct wpy_file_wrapper {
    PyObject_HEAD PyObject *filelike;
    Py_ssize_t blksize;
} wpy_file_wrapper;

/* ---- the object ---- */

static PyObject *wrapper_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"filelike", "blksize", NULL};
    PyObject *filelike;
    Py_ssize_t blksize = DEFAULT_BLOCK;
    wpy_file_wrapper *self;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|n:FileWrapper", names, &filelike, &blksize))
        return NULL;
    self = (wpy_file_wrapper *)type->tp_alloc(type, 0);
    if (self) {
        self->filelike = wpy_new_ref(filelike);
        self->blksize = blksize;
    }
    return (PyObject *)self;
}

static int wrapper_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((wpy_file_wrapper *)self)->filelike);
    return 0;
}

static int wrapper_clear(PyObject *self)
{
    Py_CLEAR(((wpy_file_wrapper *)self)->filelike);
    return 0;
}

static void wrapper_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    wrapper_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *wrapper_next(PyObject *object)
{
    wpy_file_wrapper *self = (wpy_file_wrapper *)object;
    PyObject *block = PyObject_CallMethod(self->filelike, "read", "n", self->blksize);
    if (block && PyObject_Size(block) == 0)
        Py_CLEAR(block);
    if (PyErr_Occurred())
        Py_CLEAR(block);
    return block;
}

static PyObject *wrapper_close(PyObject *self, PyObject *unused)
{
    PyObject *close = PyObject_GetAttrString(((wpy_file_wrapper *)self)->filelike, "close"), *result;
    (void)unused;
    if (!close) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError))
            return NULL;
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    result = PyObject_CallNoArgs(close);
    Py_DECREF(close);
    return result;
}

static PyMethodDef wrapper_methods[] = {{"close", wrapper_close, METH_NOARGS, "Closes the file when it can be closed."},
                                        {NULL, NULL, 0, NULL}};

static PyMemberDef wrapper_members[] = {{"filelike", T_OBJECT, offsetof(wpy_file_wrapper, filelike), READONLY, NULL},
                                        {"blksize", T_PYSSIZET, offsetof(wpy_file_wrapper, blksize), READONLY, NULL},
                                        {NULL, 0, 0, 0, NULL}};

static PyType_Slot wrapper_slots[] = {
    {Py_tp_doc, "Iterates a file by blocks; a plain file is sent without reading it."},
    {Py_tp_new, wrapper_new},
    {Py_tp_dealloc, wrapper_dealloc},
    {Py_tp_traverse, wrapper_traverse},
    {Py_tp_clear, wrapper_clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, wrapper_next},
    {Py_tp_methods, wrapper_methods},
    {Py_tp_members, wrapper_members},
    {0, NULL}};

static PyType_Spec wrapper_spec = {"mod_wsgi.FileWrapper", sizeof(wpy_file_wrapper), 0,
                                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, wrapper_slots};

int wpy_file_wrapper_init(wpy_interp *interp)
{
    interp->file_wrapper_type = (PyTypeObject *)PyType_FromSpec(&wrapper_spec);
    return interp->file_wrapper_type ? 0 : -1;
}

/* ---- the descriptor behind it ---- */

/* Calls a method without arguments that returns an int. -1 when it fails, without an exception. */
static long long call_for_int(PyObject *object, PyObject *name)
{
    PyObject *result = PyObject_CallMethodNoArgs(object, name);
    long long value = result ? PyLong_AsLongLong(result) : -1;
    Py_XDECREF(result);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return -1;
    }
    return value;
}

static int is_plain(const wpy_interp *interp, PyObject *file)
{
    PyObject *raw, *flushed;
    int plain;
    if (Py_IS_TYPE(file, interp->raw_file_type))
        return 1;
    if (!Py_IS_TYPE(file, interp->reader_type) && !Py_IS_TYPE(file, interp->random_type))
        return 0;
    raw = PyObject_GetAttr(file, interp->names.raw);
    plain = raw && Py_IS_TYPE(raw, interp->raw_file_type);
    Py_XDECREF(raw);
    if (plain) {
        flushed = PyObject_CallMethodNoArgs(file, interp->names.flush);
        plain = flushed != NULL;
        Py_XDECREF(flushed);
    }
    PyErr_Clear();
    return plain;
}

int wpy_file_wrapper_open(const wpy_interp *interp, PyObject *wrapper, int *fd, off_t *offset, off_t *length)
{
    PyObject *file = ((wpy_file_wrapper *)wrapper)->filelike;
    struct stat info;
    long long at;
    if (!is_plain(interp, file))
        return 0;
    *fd = (int)call_for_int(file, interp->names.fileno);
    if (*fd < 0 || fstat(*fd, &info) || !S_ISREG(info.st_mode))
        return 0;
    at = call_for_int(file, interp->names.tell);
    if (at < 0)
        return 0;
    *offset = (off_t)at;
    *length = info.st_size > *offset ? info.st_size - *offset : 0;
    return 1;
}
