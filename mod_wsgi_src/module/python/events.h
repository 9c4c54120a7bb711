/* SPDX-License-Identifier: Apache-2.0 */
/* What applications can subscribe to: mod_wsgi.subscribe_events(), subscribe_shutdown(), subscribe_signals().
 *
 * A callback is called as callback(name, **details), in the order of subscription. When it returns a dictionary, the
 * callbacks behind it see that merged into the details. An exception of a callback is logged and changes nothing. All
 * of it needs the GIL with a state of the interpreter. */
#ifndef WSGI_PYTHON_EVENTS_H
#define WSGI_PYTHON_EVENTS_H

#include "call.h"
#include "environ.h"

/* The lists of an interpreter, and the functions that fill them. 0; -1 with an exception. */
int wpy_events_init(wpy_interp *interp, PyObject *module);

/* Somebody listens: everything below that names a request is only called then. */
static inline int wpy_events_wanted(const wpy_interp *interp)
{
    return PyList_GET_SIZE(interp->event_callbacks) != 0;
}

/* request_started. Takes the callable's reference and returns the one to call: a callback may replace it. */
PyObject *wpy_events_started(wpy_call *call, const wpy_template *tmpl, PyObject *callable, PyObject *environ);
/* response_started; a callback may change the list of headers. */
void wpy_events_response(wpy_call *call, PyObject *status, PyObject *headers, PyObject *exc_info);
/* request_exception: the current exception, which stays set. */
void wpy_events_exception(wpy_call *call);
/* request_finished. */
void wpy_events_finished(wpy_call *call);

/* process_stopping, to subscribers of events and of the shutdown. */
void wpy_events_stopping(const wpy_interp *interp, const char *reason);
/* process_signal. */
void wpy_events_signal(const wpy_interp *interp, int number);

#endif
