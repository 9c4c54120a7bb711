/* SPDX-License-Identifier: Apache-2.0 */
/* From encoded variables to the environ dictionary.
 *
 * The fixed part of the variables (everything that only the configuration decides) selects a template: the target to
 * run and a dictionary that is ready but for the request's own entries. Templates belong to a thread, so that no
 * lock is needed; they are compared byte by byte, so that nothing has to be invalidated. */
#ifndef WSGI_PYTHON_ENVIRON_H
#define WSGI_PYTHON_ENVIRON_H

#include "call.h"
#include "runtime.h"

struct wpy_template {
    uint8_t *fixed;
    uint32_t fixed_len;
    wpy_interp *interp;
    wpy_target *target;
    char *callable_name;
    char *resource; /* the file that a handler script answers for; NULL: the script is no handler script */
    int reloading;  /* WSGIScriptReloading */
    /* of the interpreter; made at the first request */
    PyObject *callable; /* str */
    PyObject *environ;
};

/* The template for a request, made when this thread has none. NULL when the variables name no usable target, which is
 * logged. GIL not held. */
wpy_template *wpy_template_get(wpy_thread *thread, const wpy_request *request);

/* The one this thread already has, or NULL. Nothing is locked, no Python is touched. */
wpy_template *wpy_template_peek(const wpy_thread *thread, const wpy_request *request);

/* GIL not held, any thread state; `thread` is the calling thread's. */
void wpy_template_free(wpy_thread *thread, wpy_template *tmpl);

/* Finds the target's script and group in the fixed part without making anything. 0; -1 when the bytes are malformed or
 * name no script. The strings point into the variables. */
typedef struct wpy_choice {
    const char *script, *group, *callable;
    const char *resource; /* of a handler script, else NULL */
    int reloading;
} wpy_choice;
int wpy_choice_read(const wpy_request *request, wpy_choice *choice);

/* Remembers a key that requests will bring, interned, as application code looks it up. Only for our own list of
 * names: a client may invent header names, and interned strings can live for ever. 0; -1 with an exception. GIL
 * held. */
int wpy_environ_intern(wpy_interp *interp, const char *key);

/* Makes the template's Python objects when they are not there. 0; -1 with an exception. GIL held. */
int wpy_template_build(wpy_call *call, wpy_template *tmpl);

/* A new environ for a request from a template that is built; sets call->head_request. `input` is wsgi.input. NULL
 * with an exception. GIL held. */
PyObject *wpy_environ_new(wpy_call *call, wpy_template *tmpl, PyObject *input);

/* Puts a new reference (NULL: an exception is set) under a key of ours, which is remembered: a key that comes and goes
 * with each request would wear out Python's table of interned strings. 0; -1 with an exception. GIL held. */
int wpy_environ_put(wpy_interp *interp, PyObject *environ, const char *key, PyObject *value);

/* A new environ without anything of WSGI but wsgi.errors, made of pairs: for hooks. NULL with an exception. GIL
 * held. */
PyObject *wpy_environ_plain(wpy_interp *interp, const uint8_t *pairs, size_t len);

/* What stands for the request_rec in an environ, for extension modules; and its end, after which nobody gets the
 * pointer any more. GIL held. */
#define WPY_KEY_REQUEST_REC "apache.request_rec"
PyObject *wpy_request_rec_new(void *request_rec);
void wpy_request_rec_cut(PyObject *capsule);

#endif
