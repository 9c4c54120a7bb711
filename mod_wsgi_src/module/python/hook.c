/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include "hook.h"

#include <stdio.h>
#include <string.h>

#include "../transport/message.h"
#include "environ.h"
#include "log.h"
#include "target.h"

#define HOOK_NAME "mod_wsgi.hook"

/* --- mod_ssl in the environ; GIL held ----------------------------------------------------------------------------- */

/* The hook that runs, from the capsule that stands for it; NULL with an exception when the request has gone on. */
static const wpy_hook *hook_of(PyObject *capsule)
{
    if (PyCapsule_IsValid(capsule, HOOK_NAME))
        return PyCapsule_GetPointer(capsule, HOOK_NAME);
    PyErr_SetString(PyExc_RuntimeError, "the request has gone on");
    return NULL;
}

static PyObject *is_https(PyObject *self, PyObject *unused)
{
    const wpy_hook *hook = hook_of(self);
    (void)unused;
    return hook ? PyLong_FromLong(hook->is_https(hook->channel)) : NULL;
}

static PyObject *var_lookup(PyObject *self, PyObject *name)
{
    const wpy_hook *hook = hook_of(self);
    const char *text = hook ? PyUnicode_AsUTF8(name) : NULL, *value;
    if (!text)
        return NULL;
    if (!(value = hook->ssl_variable(hook->channel, text)))
        Py_RETURN_NONE;
    return PyUnicode_DecodeLatin1(value, (Py_ssize_t)strlen(value), NULL);
}

static PyMethodDef is_https_method = {"is_https", is_https, METH_NOARGS, "1 when the client speaks TLS, else 0."};
static PyMethodDef var_lookup_method = {"var_lookup", var_lookup, METH_O, "A variable of mod_ssl, or None."};

/* --- environ; GIL held -------------------------------------------------------------------------------------------- */

/* `self` stands for the hook, `request` for the request_rec, NULL when it is not given. */
static PyObject *new_environ(const wpy_hook *hook, wpy_interp *interp, PyObject *self, PyObject *request)
{
    PyObject *environ = wpy_environ_plain(interp, hook->vars, hook->vars_len);
    if (!environ)
        return NULL;
    if ((request && wpy_environ_put(interp, environ, WPY_KEY_REQUEST_REC, wpy_new_ref(request))) ||
        (hook->is_https &&
         wpy_environ_put(interp, environ, "mod_ssl.is_https", PyCFunction_New(&is_https_method, self))) ||
        (hook->ssl_variable &&
         wpy_environ_put(interp, environ, "mod_ssl.var_lookup", PyCFunction_New(&var_lookup_method, self))))
        Py_CLEAR(environ);
    return environ;
}

/* --- answers; GIL held; 0, or -1 with an exception ---------------------------------------------------------------- */

static int take_text(PyObject *text, wpy_answer *answer)
{
    Py_ssize_t len;
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &len);
    if (!bytes)
        return -1;
    if (memchr(bytes, '\0', (size_t)len)) {
        PyErr_SetString(PyExc_ValueError, "the str that was returned contains a NUL");
        return -1;
    }
    if (!wio_buf_append(&answer->text, bytes, (size_t)len + 1))
        return 0;
    PyErr_NoMemory();
    return -1;
}

static int take_texts(PyObject *items, wpy_answer *answer)
{
    PyObject *iterator = PyObject_GetIter(items), *item;
    int failed = 0;
    if (!iterator)
        return -1;
    while (!failed && (item = PyIter_Next(iterator))) {
        if (PyUnicode_Check(item)) {
            failed = take_text(item, answer);
        } else {
            PyErr_Format(PyExc_TypeError, "the items that are returned must be str, not %s", Py_TYPE(item)->tp_name);
            failed = -1;
        }
        Py_DECREF(item);
    }
    Py_DECREF(iterator);
    return failed || PyErr_Occurred() ? -1 : 0;
}

static int wrong_type(const wpy_question *question, PyObject *result)
{
    unsigned allowed = question->allowed;
    PyErr_Format(PyExc_TypeError, "%s() must return%s%s%s%s, not %s", question->function,
                 allowed & WPY_ANSWER_FLAG ? " True, False" : "",
                 allowed & WPY_ANSWER_TEXT ? (allowed & WPY_ANSWER_FLAG ? ", a str" : " a str") : "",
                 allowed & WPY_ANSWER_TEXTS ? " an iterable of str" : "", allowed & WPY_ANSWER_NONE ? " or None" : "",
                 Py_TYPE(result)->tp_name);
    return -1;
}

static int take_answer(const wpy_question *question, PyObject *result, wpy_answer *answer)
{
    unsigned kind = result == Py_None         ? WPY_ANSWER_NONE
                    : PyBool_Check(result)    ? WPY_ANSWER_FLAG
                    : PyUnicode_Check(result) ? WPY_ANSWER_TEXT
                                              : WPY_ANSWER_TEXTS;
    int failed = 0;
    if (!(question->allowed & kind))
        return wrong_type(question, result);
    if (kind == WPY_ANSWER_TEXT)
        failed = take_text(result, answer);
    else if (kind == WPY_ANSWER_TEXTS)
        failed = take_texts(result, answer);
    if (failed)
        return -1;
    answer->flag = result == Py_True;
    answer->kind = kind;
    return 0;
}

static PyObject *call_function(PyObject *function, PyObject *environ, const wpy_question *question)
{
    PyObject *args[1 + WPY_QUESTION_ARGUMENTS] = {environ}, *result = NULL;
    int count = 1, failed = 0;
    for (int i = 0; i < WPY_QUESTION_ARGUMENTS && question->arguments[i] && !failed; i++) {
        const char *text = question->arguments[i];
        args[count] = PyUnicode_DecodeLatin1(text, (Py_ssize_t)strlen(text), NULL);
        failed = !args[count++];
    }
    if (!failed)
        result = PyObject_Vectorcall(function, args, (size_t)count, NULL);
    while (count > 1)
        Py_XDECREF(args[--count]);
    return result;
}

static int ask(const wpy_question *question, PyObject *globals, PyObject *environ, wpy_answer *answer)
{
    PyObject *function = PyDict_GetItemString(globals, question->function), *result;
    int failed;
    if (!function && question->optional) {
        answer->kind = WPY_ANSWER_NONE;
        return 0;
    }
    if (!function) {
        PyErr_Format(PyExc_LookupError, "the script defines no %s()", question->function);
        return -1;
    }
    Py_INCREF(function);
    result = call_function(function, environ, question);
    Py_DECREF(function);
    failed = result ? take_answer(question, result, answer) : -1;
    Py_XDECREF(result);
    return failed;
}

/* --- one hook ----------------------------------------------------------------------------------------------------- */

static int ask_all(const wpy_hook *hook, wpy_target *target, const wpy_question *questions, int count,
                   wpy_answer *answers)
{
    PyObject *self = PyCapsule_New((void *)hook, HOOK_NAME, NULL), *request = NULL, *environ = NULL, *globals = NULL;
    int failed = -1;
    if (hook->request_rec)
        request = wpy_request_rec_new(hook->request_rec);
    if (self && (request || !hook->request_rec) && !wpy_target_load(target, hook->script_mtime_us)) {
        globals = wpy_target_globals(target);
        environ = globals ? new_environ(hook, target->interp, self, request) : NULL;
        failed = environ ? 0 : -1;
    }
    for (int i = 0; i < count && !failed; i++)
        failed = ask(&questions[i], globals, environ, &answers[i]);
    if (failed) {
        char intro[1024];
        snprintf(intro, sizeof intro, MWS(2101) "asking the script '%s' failed:", hook->script);
        wpy_log_exception(intro);
    }
    /* Whoever keeps one of these gets an exception from now on. */
    if (self)
        PyCapsule_SetName(self, NULL);
    if (request)
        wpy_request_rec_cut(request);
    Py_XDECREF(environ);
    Py_XDECREF(globals);
    Py_XDECREF(request);
    Py_XDECREF(self);
    return failed;
}

int wpy_hook_ask(const wpy_hook *hook, const wpy_question *questions, int count, wpy_answer *answers)
{
    const wpy_request request = {.vars = hook->vars, .vars_len = (uint32_t)hook->vars_len};
    wpy_thread *thread = wpy_thread_begin();
    wpy_interp *interp;
    wpy_target *target;
    wpy_call call;
    int failed = -1;

    for (int i = 0; i < count; i++) {
        memset(&answers[i], 0, sizeof answers[i]);
        wio_buf_init(&answers[i].text, NULL, 0);
    }
    if (!thread)
        return -1;
    memset(&call, 0, sizeof call);
    call.request = &request;
    call.channel = hook->channel;
    call.thread = thread;
    call.outer = thread->call;
    thread->call = &call;
    interp = wpy_interp_get(thread, hook->application_group);
    target = interp ? wpy_target_get(interp, hook->script) : NULL;
    if (target && !wpy_enter(thread, interp)) {
        call.interp = interp;
        failed = ask_all(hook, target, questions, count, answers);
        wpy_call_end(&call);
        wpy_leave();
    }
    wpy_log_flush_all(thread, 0);
    thread->call = call.outer;
    if (!call.outer)
        wpy_thread_end(thread);
    return failed;
}
