/* SPDX-License-Identifier: Apache-2.0 */
/* wsgi.input: reads the request's body from what came inline and then from the channel. */
#ifndef WSGI_PYTHON_INPUT_H
#define WSGI_PYTHON_INPUT_H

#include "call.h"

/* GIL held in all functions. 0; -1 with an exception. */
int wpy_input_init(wpy_interp *interp);

/* A new reference, or NULL with an exception. */
PyObject *wpy_input_new(wpy_call *call);
/* The request ends: whoever kept the object gets RuntimeError from now on. */
void wpy_input_cut(PyObject *input);

#endif
