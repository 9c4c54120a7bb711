/* SPDX-License-Identifier: Apache-2.0 */
/* start_response() and write(): checks what the application says and encodes it at once, so that nothing wrong can be
 * sent and a mistake is reported where it was made. */
#ifndef WSGI_PYTHON_RESPONSE_H
#define WSGI_PYTHON_RESPONSE_H

#include "call.h"

/* GIL held in all functions. 0; -1 with an exception. */
int wpy_response_init(wpy_interp *interp);

/* The start_response callable of a request; new reference, or NULL with an exception. */
PyObject *wpy_response_new(wpy_call *call);
/* The request ends: whoever kept it, or its write(), gets RuntimeError from now on. */
void wpy_response_cut(PyObject *response);

#endif
