/* SPDX-License-Identifier: Apache-2.0 */
/* One request through Python: variables -> target -> environ -> application -> response. The one way through, for both
 * modes. No Python.h here: upper floors include this file. */
#ifndef WSGI_PYTHON_RUN_REQUEST_H
#define WSGI_PYTHON_RUN_REQUEST_H

#include "channel.h"

typedef struct wpy_request {
    uint64_t id;         /* for wpy_interrupt(): never that of an earlier request on the same channel; 0: none */
    const uint8_t *vars; /* pairs of transport/frame.h; the first fixed_len bytes are the part that rarely changes */
    uint32_t vars_len, fixed_len;
    const uint8_t *body; /* the part of the body that is already here */
    uint32_t body_len;
    int body_done;                                             /* nothing follows it */
    int64_t content_length;                                    /* -1 unknown */
    int64_t script_mtime_us;                                   /* of the script file now; 0: do not check */
    int64_t request_start_us, queue_start_us, daemon_start_us; /* wall clock; 0: not applicable */
    int attempts;      /* of the Apache child to hand it to a daemon, this one included; 0: embedded */
    void *request_rec; /* environ["apache.request_rec"], valid during the request; NULL: not given */
} wpy_request;

/* The pairs of the fixed part that choose the target. They also appear in the environ (as in the reference). */
#define WPY_KEY_SCRIPT    "SCRIPT_FILENAME"
#define WPY_KEY_GROUP     "mod_wsgi.application_group"
#define WPY_KEY_CALLABLE  "mod_wsgi.callable_object"
#define WPY_KEY_HANDLER   "mod_wsgi.handler_script"   /* not "": the file to load instead, calling handle_request */
#define WPY_KEY_RELOADING "mod_wsgi.script_reloading" /* "0" or "1" */

/* Runs the request and calls channel->finish exactly once, whatever happens. GIL not held; any thread. */
void wpy_run_request(const wpy_request *request, wpy_channel *channel);

/* 1 when this process has loaded the request's script from another modification time than script_mtime_us: a daemon
 * then asks for a successor and answers RETRY when that is ready (embedded mode re-executes the file instead, inside
 * wpy_run_request). GIL not held. */
int wpy_script_is_stale(const wpy_request *request);
/* Such a script stays as it was loaded, until its file changes again. */
void wpy_script_keep(const wpy_request *request);

#endif
