/* SPDX-License-Identifier: Apache-2.0 */
/* The text streams that end in the error log: wsgi.errors, sys.stdout, sys.stderr; and closed ones, which raise. */
#ifndef WSGI_PYTHON_STREAMS_H
#define WSGI_PYTHON_STREAMS_H

#include "interpreters.h"

/* New types for this interpreter. 0; -1 with an exception. GIL held, in all functions. */
int wpy_streams_init(wpy_interp *interp);

/* A stream; new reference, or NULL with an exception. */
PyObject *wpy_stream_new(wpy_interp *interp, enum wpy_stream stream);

/* An object that raises OSError on use, naming the directive that allows it: for WSGIRestrictStdin and -Stdout. */
PyObject *wpy_closed_stream_new(wpy_interp *interp, const char *what, const char *directive);

/* tp_new of types that Python code cannot make. */
PyObject *wpy_no_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);

#endif
