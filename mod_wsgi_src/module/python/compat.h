/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that differs between CPython 3.9 and 3.14 stands here, and here only. Included first by every file of
 * python/, since Python.h wants to come before the system's headers. */
#ifndef WSGI_PYTHON_COMPAT_H
#define WSGI_PYTHON_COMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x03090000
#error "CPython 3.9 or newer is needed"
#endif

/* The suffix of a free-threaded build in directory names: lib/python3.13t. */
#ifdef Py_GIL_DISABLED
#define WPY_ABI_SUFFIX "t"
#else
#define WPY_ABI_SUFFIX ""
#endif

static inline PyObject *wpy_new_ref(PyObject *object)
{
    Py_INCREF(object);
    return object;
}

/* Before 3.12 a str may still wait to be brought into its final form. 0, or -1 with an exception. */
static inline int wpy_text_ready(PyObject *text)
{
#if PY_VERSION_HEX < 0x030C0000
    return PyUnicode_READY(text);
#else
    (void)text;
    return 0;
#endif
}

/* Takes the current exception: an instance with its traceback (new reference), or NULL when none is set. */
static inline PyObject *wpy_take_exception(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    if (!type)
        return NULL;
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace)
        PyException_SetTraceback(value, trace);
    Py_DECREF(type);
    Py_XDECREF(trace);
    return value;
#endif
}

/* Raises an exception again; takes the reference. */
static inline void wpy_put_exception(PyObject *value)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(value);
#else
    PyErr_Restore(wpy_new_ref((PyObject *)Py_TYPE(value)), value, PyException_GetTraceback(value));
#endif
}

/* Ends the sub-interpreter of the current thread state and goes back to `main_state`, holding the GIL. Since 3.12 the
 * call returns without the GIL, before it kept it. */
static inline void wpy_end_interpreter(PyThreadState *current, PyThreadState *main_state)
{
    Py_EndInterpreter(current);
#if PY_VERSION_HEX >= 0x030C0000
    PyEval_RestoreThread(main_state);
#else
    PyThreadState_Swap(main_state);
#endif
}

/* A free-threaded build runs with its GIL on: this layer counts on it. */
static inline void wpy_config_gil(PyConfig *config)
{
#ifdef Py_GIL_DISABLED
    config->enable_gil = 1;
#else
    (void)config;
#endif
}

#endif
