/* SPDX-License-Identifier: Apache-2.0 */
#include "environ.h"

#include <stdlib.h>
#include <string.h>

#include "../transport/frame.h"
#include "../transport/clock.h"
#include "log.h"
#include "module.h"
#include "setup.h"
#include "target.h"

#define LONGEST_KNOWN 128 /* a value that is kept for the next request; User-Agent is one */

/* ---- templates ---- */

static int is_key(const wio_pair *pair, const char *key)
{
    return !strcmp(pair->key, key);
}

int wpy_choice_read(const wpy_request *request, wpy_choice *choice)
{
    wio_cursor cursor = {request->vars, request->vars + request->fixed_len};
    wio_pair pair;
    const char *handler = "";
    int more;
    choice->script = choice->resource = NULL;
    choice->group = "";
    choice->callable = "application";
    choice->reloading = 0;
    if (request->fixed_len > request->vars_len)
        return -1;
    while ((more = wio_pair_next(&cursor, &pair)) > 0) {
        if (is_key(&pair, WPY_KEY_SCRIPT))
            choice->script = pair.value;
        else if (is_key(&pair, WPY_KEY_GROUP))
            choice->group = pair.value;
        else if (is_key(&pair, WPY_KEY_CALLABLE))
            choice->callable = pair.value;
        else if (is_key(&pair, WPY_KEY_HANDLER))
            handler = pair.value;
        else if (is_key(&pair, WPY_KEY_RELOADING))
            choice->reloading = pair.value[0] == '1';
    }
    if (*handler) {
        choice->resource = choice->script;
        choice->script = handler;
        choice->callable = "handle_request";
    }
    return more < 0 || !choice->script ? -1 : 0;
}

static int fits(const wpy_template *tmpl, const wpy_request *request)
{
    return tmpl->fixed_len == request->fixed_len && !memcmp(tmpl->fixed, request->vars, request->fixed_len);
}

wpy_template *wpy_template_peek(const wpy_thread *thread, const wpy_request *request)
{
    int i;
    for (i = 0; i < WPY_TEMPLATES && thread->templates[i]; i++)
        if (fits(thread->templates[i], request))
            return thread->templates[i];
    return NULL;
}

void wpy_template_free(wpy_thread *thread, wpy_template *tmpl)
{
    if (tmpl->environ && !wpy_enter(thread, tmpl->interp)) {
        Py_CLEAR(tmpl->environ);
        Py_CLEAR(tmpl->callable);
        wpy_leave();
    }
    free(tmpl->fixed);
    free(tmpl->callable_name);
    free(tmpl->resource);
    free(tmpl);
}

static wpy_template *new_template(wpy_thread *thread, const wpy_request *request)
{
    wpy_template *tmpl;
    wpy_choice choice;
    if (wpy_choice_read(request, &choice)) {
        wpy_log(0, WPY_LOG_ERROR, MWS(2011) "the request's variables are malformed or name no script");
        return NULL;
    }
    tmpl = calloc(1, sizeof *tmpl);
    if (!tmpl)
        return NULL;
    tmpl->reloading = choice.reloading;
    tmpl->fixed_len = request->fixed_len;
    tmpl->fixed = malloc(request->fixed_len);
    tmpl->callable_name = strdup(choice.callable);
    tmpl->resource = choice.resource ? strdup(choice.resource) : NULL;
    if (!tmpl->fixed || !tmpl->callable_name || (choice.resource && !tmpl->resource) ||
        !(tmpl->interp = wpy_interp_get(thread, choice.group)) ||
        !(tmpl->target = wpy_target_get(tmpl->interp, choice.script))) {
        wpy_template_free(thread, tmpl);
        return NULL;
    }
    memcpy(tmpl->fixed, request->vars, request->fixed_len);
    return tmpl;
}

wpy_template *wpy_template_get(wpy_thread *thread, const wpy_request *request)
{
    wpy_template **slots = thread->templates, *tmpl;
    int i = 0;
    while (i < WPY_TEMPLATES && slots[i] && !fits(slots[i], request))
        i++;
    if (i < WPY_TEMPLATES && slots[i]) {
        tmpl = slots[i];
    } else {
        if (!(tmpl = new_template(thread, request)))
            return NULL;
        if (i == WPY_TEMPLATES)
            wpy_template_free(thread, slots[--i]);
    }
    memmove(slots + 1, slots, (size_t)i * sizeof *slots);
    return slots[0] = tmpl;
}

/* ---- dictionaries; GIL held ---- */

/* Of the length and both ends: what differs between header names stands there. */
static uint32_t hash_of(const char *key, size_t len)
{
    const uint64_t odd = 0x9E3779B97F4A7C15u;
    uint64_t head = 0, tail = 0, hash;
    if (len >= sizeof head) {
        memcpy(&head, key, sizeof head);
        memcpy(&tail, key + len - sizeof tail, sizeof tail);
    } else {
        memcpy(&head, key, len);
    }
    hash = (head ^ len) * odd;
    hash = (hash ^ hash >> 32 ^ tail) * odd;
    return (uint32_t)(hash >> 32 ^ hash >> 54);
}

/* Where a key of ours is, may go, or must give way: the first of four places that is empty or holds it. Under the guard
 * of the keys. */
static wpy_known *find_known(wpy_interp *interp, const char *key, size_t len)
{
    uint32_t hash = hash_of(key, len), i;
    wpy_known *known;
    for (i = 0; i < 4; i++) {
        known = &interp->keys[(hash + i) & (WPY_KEYS - 1)];
        if (!known->key)
            return known;
        if (PyUnicode_GET_LENGTH(known->key) == (Py_ssize_t)len && !memcmp(PyUnicode_1BYTE_DATA(known->key), key, len))
            return known;
    }
    known = &interp->keys[hash & (WPY_KEYS - 1)];
    Py_CLEAR(known->key);
    Py_CLEAR(known->value);
    return known;
}

/* The str of a key, remembered; new reference. Under the guard of the keys. */
static PyObject *key_of(wpy_known *known, const char *key, size_t len)
{
    if (!known->key)
        known->key = PyUnicode_DecodeLatin1(key, (Py_ssize_t)len, NULL);
    Py_XINCREF(known->key);
    return known->key;
}

/* Credentials do not outlive their request. */
static int is_credential(const wio_pair *pair)
{
    static const char *const keys[] = {"HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_PROXY_AUTHORIZATION"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(keys[i], pair->key))
            return 1;
    return 0;
}

/* The str of a value: the one that the last request had, when it is the same: for most keys it is. Under the guard of
 * the keys; new reference. */
static PyObject *value_of(wpy_known *known, const wio_pair *pair)
{
    PyObject *value = known->value;
    if (pair->flags & WIO_PAIR_PATH)
        return PyUnicode_DecodeFSDefaultAndSize(pair->value, pair->value_len);
    if (value && PyUnicode_GET_LENGTH(value) == (Py_ssize_t)pair->value_len &&
        !memcmp(PyUnicode_1BYTE_DATA(value), pair->value, pair->value_len))
        return wpy_new_ref(value);
    value = PyUnicode_DecodeLatin1(pair->value, pair->value_len, NULL);
    if (value && pair->value_len <= LONGEST_KNOWN && !is_credential(pair))
        Py_XSETREF(known->value, wpy_new_ref(value));
    return value;
}

int wpy_environ_intern(wpy_interp *interp, const char *key)
{
    wpy_known *known = find_known(interp, key, strlen(key));
    if (!known->key)
        known->key = PyUnicode_InternFromString(key);
    return known->key ? 0 : -1;
}

static int put_pair(wpy_interp *interp, PyObject *environ, const wio_pair *pair)
{
    PyObject *key, *value;
    wpy_known *known;
    int result;
    WPY_GIL_MUTEX_LOCK(&interp->keys_mutex);
    known = find_known(interp, pair->key, pair->key_len);
    key = key_of(known, pair->key, pair->key_len);
    value = key ? value_of(known, pair) : NULL;
    WPY_GIL_MUTEX_UNLOCK(&interp->keys_mutex);
    result = value ? PyDict_SetItem(environ, key, value) : -1;
    Py_XDECREF(key);
    Py_XDECREF(value);
    return result;
}

static int malformed(void)
{
    PyErr_SetString(PyExc_SystemError, "the request's variables are malformed");
    return -1;
}

/* Puts a new reference under a key of ours. */
static int put_new(PyObject *environ, const char *key, PyObject *value)
{
    int result = value ? PyDict_SetItemString(environ, key, value) : -1;
    Py_XDECREF(value);
    return result;
}

static int put_constants(wpy_template *tmpl, PyObject *environ, uint32_t thread_number)
{
    const wpy_config *config = wpy_runtime_config();
    const wpy_interp *interp = tmpl->interp;
    if (put_new(environ, "wsgi.version", Py_BuildValue("(ii)", 1, 0)) ||
        put_new(environ, "wsgi.multithread", PyBool_FromLong(config->multithread)) ||
        put_new(environ, "wsgi.multiprocess", PyBool_FromLong(config->multiprocess)) ||
        put_new(environ, "wsgi.run_once", PyBool_FromLong(config->run_once)) ||
        put_new(environ, "wsgi.input_terminated", PyBool_FromLong(1)) ||
        put_new(environ, "wsgi.errors", wpy_new_ref(interp->errors)) ||
        put_new(environ, "wsgi.file_wrapper", wpy_new_ref((PyObject *)interp->file_wrapper_type)) ||
        put_new(environ, "mod_wsgi.version", wpy_module_version()) ||
        put_new(environ, "apache.version", wpy_apache_version()) ||
        put_new(environ, "mod_wsgi.thread_id", PyLong_FromUnsignedLong(thread_number)))
        return -1;
    return 0;
}

/* A copy has the room of its original: with as many keys more as a request may bring, once put in and taken out again,
 * no copy has to grow. Not more than half as many: Python copies a dictionary that is mostly holes entry by entry. */
static int make_room(PyObject *environ)
{
    Py_ssize_t count = PyDict_GET_SIZE(environ) / 2, put = 0, i;
    PyObject *key;
    int failed = 0;
    for (; put < count && !failed; put++) {
        key = PyUnicode_FromFormat("%zd", put); /* a str, as the fast kind of dictionary has */
        failed = !key || PyDict_SetItem(environ, key, Py_None);
        Py_XDECREF(key);
    }
    for (i = 0; i < put && !failed; i++) {
        key = PyUnicode_FromFormat("%zd", i);
        failed = !key || PyDict_DelItem(environ, key);
        Py_XDECREF(key);
    }
    return failed ? -1 : 0;
}

int wpy_template_build(wpy_call *call, wpy_template *tmpl)
{
    wio_cursor cursor = {tmpl->fixed, tmpl->fixed + tmpl->fixed_len};
    PyObject *environ;
    wio_pair pair;
    int more;
    if (tmpl->environ)
        return 0;
    environ = PyDict_New();
    tmpl->callable = PyUnicode_InternFromString(tmpl->callable_name);
    if (!environ || !tmpl->callable || put_constants(tmpl, environ, call->thread->number))
        goto failed;
    while ((more = wio_pair_next(&cursor, &pair)) > 0)
        if (!(pair.flags & WIO_PAIR_HIDDEN) && put_pair(tmpl->interp, environ, &pair))
            goto failed;
    if (more < 0) {
        malformed();
        goto failed;
    }
    if (make_room(environ))
        goto failed;
    tmpl->environ = environ;
    return 0;
failed:
    Py_XDECREF(environ);
    Py_CLEAR(tmpl->callable);
    return -1;
}

/* A time of the request as text of microseconds; left out when it does not apply. */
static int put_time(PyObject *environ, PyObject *key, int64_t us)
{
    char digits[24], *at = digits + sizeof digits;
    PyObject *value;
    int result;
    if (us <= 0)
        return 0;
    for (; us > UINT32_MAX; us /= 10)
        *--at = (char)('0' + us % 10);
    for (uint32_t rest = (uint32_t)us; rest; rest /= 10) /* the short division is the faster one */
        *--at = (char)('0' + rest % 10);
    value = PyUnicode_DecodeLatin1(at, digits + sizeof digits - at, NULL);
    result = value ? PyDict_SetItem(environ, key, value) : -1;
    Py_XDECREF(value);
    return result;
}

static int put_times(wpy_call *call, PyObject *environ)
{
    const wpy_request *request = call->request;
    const wpy_names *names = &call->interp->names;
    int64_t now = wio_wall_us();
    PyObject *seconds;
    int result;
    if (put_time(environ, names->request_start, request->request_start_us) ||
        put_time(environ, names->queue_start, request->queue_start_us) ||
        put_time(environ, names->daemon_start, request->daemon_start_us) || put_time(environ, names->script_start, now))
        return -1;
    call->application_us = now;
    seconds = PyFloat_FromDouble((double)now / 1e6);
    result = seconds ? PyDict_SetItem(environ, names->application_start, seconds) : -1;
    Py_XDECREF(seconds);
    return result;
}

static int put_request(wpy_call *call, PyObject *environ)
{
    const wpy_request *request = call->request;
    wio_cursor cursor = {request->vars + request->fixed_len, request->vars + request->vars_len};
    wio_pair pair;
    int more;
    while ((more = wio_pair_next(&cursor, &pair)) > 0) {
        if (pair.flags & WIO_PAIR_HIDDEN)
            continue;
        if (put_pair(call->interp, environ, &pair))
            return -1;
        if (pair.value_len == 4 && !memcmp(pair.value, "HEAD", 4) && is_key(&pair, "REQUEST_METHOD"))
            call->head_request = 1;
    }
    return more < 0 ? malformed() : 0;
}

int wpy_environ_put(wpy_interp *interp, PyObject *environ, const char *key, PyObject *value)
{
    size_t len = strlen(key);
    PyObject *name = NULL;
    int result;
    WPY_GIL_MUTEX_LOCK(&interp->keys_mutex);
    if (value)
        name = key_of(find_known(interp, key, len), key, len);
    WPY_GIL_MUTEX_UNLOCK(&interp->keys_mutex);
    result = name ? PyDict_SetItem(environ, name, value) : -1;
    Py_XDECREF(name);
    Py_XDECREF(value);
    return result;
}

PyObject *wpy_request_rec_new(void *request_rec)
{
    return PyCapsule_New(request_rec, NULL, NULL);
}

void wpy_request_rec_cut(PyObject *capsule)
{
    PyCapsule_SetName(capsule, "the request has ended");
}

static int put_request_rec(wpy_call *call, PyObject *environ)
{
    call->request_rec = wpy_request_rec_new(call->request->request_rec);
    Py_XINCREF(call->request_rec);
    return wpy_environ_put(call->interp, environ, WPY_KEY_REQUEST_REC, call->request_rec);
}

PyObject *wpy_environ_plain(wpy_interp *interp, const uint8_t *pairs, size_t len)
{
    wio_cursor cursor = {pairs, pairs + len};
    PyObject *environ = PyDict_New();
    wio_pair pair;
    int more = 0;
    if (!environ)
        return NULL;
    if (wpy_environ_put(interp, environ, "wsgi.errors", wpy_new_ref(interp->errors)) ||
        wpy_environ_put(interp, environ, "mod_wsgi.version", wpy_module_version()) ||
        wpy_environ_put(interp, environ, "apache.version", wpy_apache_version()))
        goto failed;
    while ((more = wio_pair_next(&cursor, &pair)) > 0)
        if (!(pair.flags & WIO_PAIR_HIDDEN) && put_pair(interp, environ, &pair))
            goto failed;
    if (!more)
        return environ;
    malformed();
failed:
    Py_DECREF(environ);
    return NULL;
}

PyObject *wpy_environ_new(wpy_call *call, wpy_template *tmpl, PyObject *input)
{
    PyObject *environ = PyDict_Copy(tmpl->environ);
    if (!environ)
        return NULL;
    if (put_request(call, environ) || PyDict_SetItem(environ, call->interp->names.input, input) ||
        put_times(call, environ) || (call->request->request_rec && put_request_rec(call, environ))) {
        Py_DECREF(environ);
        return NULL;
    }
    return environ;
}
