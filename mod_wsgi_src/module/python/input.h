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

/* Why the body was lost, when the current exception is the one that told so, or made of it: then the client is to
 * blame. NULL: it is another one. GIL held, exception set and kept. */
const char *wpy_input_blamed(const wpy_call *call);

#endif
