/* SPDX-License-Identifier: Apache-2.0 */
/* One running request. It lives on the stack of wpy_run_request(); Python objects that point to it (start_response,
 * wsgi.input) are cut off before it ends, so that an application which keeps them gets an exception and not memory. */
#ifndef WSGI_PYTHON_CALL_H
#define WSGI_PYTHON_CALL_H

#include "interpreters.h"
#include "run_request.h"

struct wpy_call {
    const wpy_request *request;
    wpy_channel *channel;
    wpy_thread *thread;
    wpy_interp *interp;
    wpy_call
        *outer; /* that this thread is in the middle of sending: server-side includes. The thread's memory is its */

    /* Whose turn it is on the channel: an application may read and write from threads of its own. Under the GIL. */
    int busy, waiting, over;

    /* active.h; under the GIL */
    wpy_call *next, **link; /* in interp->calls; link is NULL before and after */
    PyObject *data;         /* mod_wsgi.request_data(), or NULL */
    int interrupted;        /* mod_wsgi.RequestTimeout is or was on its way */
    int announced;          /* request_started was published */
    int64_t application_us; /* wall clock: the application was called */
    wpy_measure *measure;   /* measure.h; NULL: nobody wants to know */

    /* the request's body: what is here and not read yet, and what is known about the rest */
    const uint8_t *body;
    size_t body_len;
    uint8_t *body_memory;
    int64_t body_taken;
    int body_done, body_error;

    PyObject *request_rec; /* environ["apache.request_rec"], or NULL */

    /* the response */
    wio_buf head; /* encoded by start_response() */
    uint16_t status, fields;
    int started; /* start_response() was called and its head is good */
    int head_sent, client_gone;
    int head_request;       /* the method is HEAD */
    int bodyless;           /* 204, 304: no body whatever the application gives */
    int surplus;            /* bytes beyond Content-Length were dropped */
    int64_t content_length; /* -1: not declared */
    int64_t sent;
    size_t small_len; /* body bytes in thread->small, to be sent without the GIL */
    int failed;       /* an exception, or no such callable: `failure` is the status to answer */
    int failure;
};

/* Takes the turn. GIL held; may drop it to wait. 0; -1 with RuntimeError when the request has ended meanwhile. */
int wpy_call_take(wpy_call *call);
void wpy_call_give(wpy_call *call);

/* The status that the client gets, as far as it is known; 0 none. */
int wpy_call_status(const wpy_call *call);

/* Ends the request for its Python objects and waits for threads that use the channel. GIL held; may drop it. */
void wpy_call_end(wpy_call *call);

#endif
