/* SPDX-License-Identifier: Apache-2.0 */
/* The requests that run in an interpreter now: mod_wsgi.active_requests, mod_wsgi.request_data(), and the exception
 * that ends one from outside. A request costs two pointers for it; everything else is made when it is asked for. */
#ifndef WSGI_PYTHON_ACTIVE_H
#define WSGI_PYTHON_ACTIVE_H

#include "call.h"

/* Puts what applications see of it into `module`. GIL held. 0; -1 with an exception. */
int wpy_active_init(wpy_interp *interp, PyObject *module);

/* The request begins to run application code, and is done with it: after leave() wpy_interrupt() cannot hit this thread
 * any more. GIL held. */
void wpy_active_enter(wpy_call *call);
void wpy_active_leave(wpy_call *call);

/* Has mod_wsgi.RequestTimeout raised in the thread that runs that request, if it runs in this interpreter. 1 when it
 * does. GIL held. */
int wpy_active_interrupt(wpy_interp *interp, const wpy_channel *channel, uint64_t id);

/* The request's scratch dictionary, made on first use. Borrowed; NULL with an exception. GIL held. */
PyObject *wpy_active_data(wpy_call *call);

/* A variable of a request, as text; "" when it has none of that name. Good as long as the request runs. */
const char *wpy_active_variable(const wpy_request *request, const char *key);

#endif
