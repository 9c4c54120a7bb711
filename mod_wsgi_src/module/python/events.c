/* SPDX-License-Identifier: Apache-2.0 */
#include "events.h"

#include <signal.h>
#include <stdlib.h>

#include "../transport/clock.h"
#include "active.h"
#include "log.h"
#include "measure.h"
#include "module.h"
#include "setup.h"

/* ---- publishing ---- */

/* Calls everyone in `callbacks` with the details, which replies are merged into. */
static void publish(PyObject *callbacks, const char *name, PyObject *details)
{
    PyObject *args = Py_BuildValue("(s)", name), *callback, *reply;
    Py_ssize_t i;
    for (i = 0; args && i < PyList_GET_SIZE(callbacks); i++) {
        callback = wpy_new_ref(PyList_GET_ITEM(callbacks, i));
        reply = PyObject_Call(callback, args, details);
        if (!reply || (PyDict_Check(reply) && PyDict_Update(details, reply)))
            wpy_log_exception(MWS(2071) "a callback for events raised an exception:");
        Py_XDECREF(reply);
        Py_DECREF(callback);
    }
    Py_XDECREF(args);
}

/* Puts a new reference under a key; without one, what could not be made is left out. */
static void put(PyObject *details, const char *key, PyObject *value)
{
    if (!value || PyDict_SetItemString(details, key, value))
        PyErr_Clear();
    Py_XDECREF(value);
}

static void put_seconds(PyObject *details, const char *key, int64_t us)
{
    put(details, key, PyFloat_FromDouble((double)us / 1e6));
}

static void put_count(PyObject *details, const char *key, uint64_t count)
{
    put(details, key, PyLong_FromUnsignedLongLong(count));
}

static void put_object(PyObject *details, const char *key, PyObject *value)
{
    put(details, key, value ? wpy_new_ref(value) : NULL);
}

/* What every event of a request says. NULL out of memory. */
static PyObject *new_details(wpy_call *call)
{
    PyObject *details = PyDict_New();
    if (!details) {
        PyErr_Clear();
        return NULL;
    }
    put(details, "request_id", PyUnicode_FromString(wpy_active_variable(call->request, "mod_wsgi.request_id")));
    put_object(details, "request_data", wpy_active_data(call));
    return details;
}

static void put_start(wpy_call *call, PyObject *details)
{
    const wpy_request *request = call->request;
    put(details, "thread_id", PyLong_FromUnsignedLong(call->thread->number));
    put(details, "server_pid", PyLong_FromLong(atol(wpy_active_variable(request, "mod_wsgi.server_pid"))));
    put_seconds(details, "request_start", request->request_start_us);
    put_seconds(details, "queue_start", request->queue_start_us);
    put_seconds(details, "daemon_start", request->daemon_start_us);
    put_seconds(details, "application_start", call->application_us);
    put(details, "daemon_connects", PyLong_FromLong(request->attempts));
    put(details, "daemon_restarts", PyLong_FromLong(request->attempts ? request->attempts - 1 : 0));
}

PyObject *wpy_events_started(wpy_call *call, const wpy_template *tmpl, PyObject *callable, PyObject *environ)
{
    PyObject *details = new_details(call), *chosen;
    if (!details)
        return callable;
    put_start(call, details);
    put_object(details, "application_object", callable);
    put_object(details, "callable_object", tmpl->callable);
    put_object(details, "request_environ", environ);
    call->announced = 1;
    publish(call->interp->event_callbacks, "request_started", details);
    chosen = PyDict_GetItemString(details, "application_object");
    if (chosen && chosen != callable) {
        Py_INCREF(chosen);
        Py_DECREF(callable);
        callable = chosen;
    }
    Py_DECREF(details);
    return callable;
}

void wpy_events_response(wpy_call *call, PyObject *status, PyObject *headers, PyObject *exc_info)
{
    PyObject *details = new_details(call);
    if (!details)
        return;
    put_object(details, "response_status", status);
    put_object(details, "response_headers", headers);
    put_object(details, "exception_info", exc_info);
    publish(call->interp->event_callbacks, "response_started", details);
    Py_DECREF(details);
}

void wpy_events_exception(wpy_call *call)
{
    PyObject *value = wpy_take_exception(), *trace = value ? PyException_GetTraceback(value) : NULL;
    PyObject *details = value ? new_details(call) : NULL;
    if (details) {
        put(details, "exception_info", PyTuple_Pack(3, Py_TYPE(value), value, trace ? trace : Py_None));
        publish(call->interp->event_callbacks, "request_exception", details);
    }
    Py_XDECREF(details);
    Py_XDECREF(trace);
    if (value)
        wpy_put_exception(value);
}

void wpy_events_finished(wpy_call *call)
{
    static const wpy_measure nothing; /* of a request within another one, or when nobody subscribed the usual way */
    const wpy_measure *used = call->measure ? call->measure : &nothing;
    int64_t finish_us = call->measure ? used->finish_us : wio_wall_us();
    PyObject *details = new_details(call);
    if (!details)
        return;
    put_start(call, details);
    put(details, "status", PyLong_FromLong(wpy_call_status(call)));
    put_seconds(details, "application_finish", finish_us);
    put_seconds(details, "application_time", finish_us - call->application_us);
    put_count(details, "input_reads", used->input_reads);
    put_count(details, "input_length", (uint64_t)call->body_taken);
    put_seconds(details, "input_time", used->input_us);
    put_count(details, "output_writes", used->output_writes);
    put_count(details, "output_length", (uint64_t)call->sent);
    put_seconds(details, "output_time", used->output_us);
    put_seconds(details, "cpu_user_time", used->cpu_user_us);
    put_seconds(details, "cpu_system_time", used->cpu_system_us);
    put_seconds(details, "cpu_time", used->cpu_user_us + used->cpu_system_us);
    put_seconds(details, "gil_wait_time", used->gil_us);
    put_count(details, "gil_wait_count", used->gil_waits);
    publish(call->interp->event_callbacks, "request_finished", details);
    Py_DECREF(details);
}

/* ---- events of the process ---- */

static void publish_to(PyObject *first, PyObject *second, const char *name, PyObject *details)
{
    if (details && PyList_GET_SIZE(first))
        publish(first, name, details);
    if (details && PyList_GET_SIZE(second))
        publish(second, name, details);
    PyErr_Clear();
    Py_XDECREF(details);
}

void wpy_events_stopping(const wpy_interp *interp, const char *reason)
{
    publish_to(interp->event_callbacks, interp->shutdown_callbacks, "process_stopping",
               Py_BuildValue("{s:s}", "shutdown_reason", reason));
}

void wpy_events_signal(const wpy_interp *interp, int number)
{
    publish_to(interp->event_callbacks, interp->signal_callbacks, "process_signal",
               Py_BuildValue("{s:s,s:i}", "signame", number == SIGHUP ? "SIGHUP" : "SIGUSR2", "signum", number));
}

/* ---- subscribing; `list` is what the function is bound to ---- */

static PyObject *subscribe(PyObject *list, PyObject *callback)
{
    if (!PyCallable_Check(callback))
        return PyErr_Format(PyExc_TypeError, "a callback must be callable, not %s", Py_TYPE(callback)->tp_name);
    return PyList_Append(list, callback) ? NULL : wpy_new_ref(callback);
}

static PyObject *subscribe_events(PyObject *list, PyObject *callback)
{
    PyObject *result = subscribe(list, callback);
    if (result)
        atomic_store(&wpy_measuring, 1);
    return result;
}

static PyObject *subscribe_signals(PyObject *list, PyObject *callback)
{
    const wpy_config *config = wpy_runtime_config();
    if (config->process_group && *config->process_group)
        return subscribe(list, callback);
    wpy_log_stack(WPY_LOG_WARNING, MWS(2072) "subscribe_signals() does nothing in Apache's own processes, where the "
                                             "signals are Apache's; asked for by:");
    return wpy_new_ref(callback);
}

static PyMethodDef methods[] = {
    {"subscribe_events", subscribe_events, METH_O, "Has callback(name, **details) called for every event."},
    {"subscribe_shutdown", subscribe, METH_O, "Has callback(name, **details) called when the process stops."},
    {"subscribe_signals", subscribe_signals, METH_O, "Has callback(name, **details) called on SIGHUP and SIGUSR2."}};

int wpy_events_init(wpy_interp *interp, PyObject *module)
{
    static const char *const names[] = {"event_callbacks", "shutdown_callbacks", "signal_callbacks"};
    PyObject **lists[] = {&interp->event_callbacks, &interp->shutdown_callbacks, &interp->signal_callbacks};
    int i;
    for (i = 0; i < 3; i++)
        if (!(*lists[i] = PyList_New(0)) || wpy_module_set(module, names[i], wpy_new_ref(*lists[i])) ||
            wpy_module_set(module, methods[i].ml_name, PyCFunction_New(&methods[i], *lists[i])))
            return -1;
    return 0;
}
