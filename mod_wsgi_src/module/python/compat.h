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
#define WPY_ABI_SUFFIX      "t"
#define WPY_CAN_FREE_THREAD 1
#else
#define WPY_ABI_SUFFIX      ""
#define WPY_CAN_FREE_THREAD 0
#endif

/* Whether sub-interpreters can have a GIL of their own. */
#define WPY_CAN_OWN_GIL (PY_VERSION_HEX >= 0x030C0000)

/* Guards what "under the GIL" guards elsewhere, in a build that can do without. Nothing that makes objects happens
 * under it. */
#ifdef Py_GIL_DISABLED
typedef PyMutex wpy_gil_mutex;
#define WPY_GIL_MUTEX_LOCK(mutex)   PyMutex_Lock(mutex)
#define WPY_GIL_MUTEX_UNLOCK(mutex) PyMutex_Unlock(mutex)
#else
typedef char wpy_gil_mutex;
#define WPY_GIL_MUTEX_LOCK(mutex)   (void)(mutex)
#define WPY_GIL_MUTEX_UNLOCK(mutex) (void)(mutex)
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

/* A new sub-interpreter, whose first thread state is the current one afterwards; NULL when there is none, and the
 * current state is what it was. With a GIL of its own, where Python can do that, the other one is free then.
 * GIL held. */
static inline PyThreadState *wpy_new_interpreter(int own_gil)
{
#if WPY_CAN_OWN_GIL
    const PyInterpreterConfig config = {
        .allow_exec = 1,
        .allow_threads = 1,
        .allow_daemon_threads = 1,
        .check_multi_interp_extensions = 1,
        .gil = PyInterpreterConfig_OWN_GIL,
    };
    PyThreadState *state = NULL;
    if (own_gil)
        return PyStatus_Exception(Py_NewInterpreterFromConfig(&state, &config)) ? NULL : state;
#else
    (void)own_gil;
#endif
    return Py_NewInterpreter();
}

/* Unless asked to leave it off, a free-threaded build runs with its GIL on: many extension modules count on one. When
 * left off, Python still turns it on for an extension module that does not say that it can do without. */
static inline void wpy_config_gil(PyConfig *config, int free_threading)
{
#ifdef Py_GIL_DISABLED
    if (!free_threading)
        config->enable_gil = 1;
#else
    (void)config;
    (void)free_threading;
#endif
}

#endif
