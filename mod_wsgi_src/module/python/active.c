/* SPDX-License-Identifier: Apache-2.0 */
#include "active.h"

#include <stdio.h>
#include <string.h>

#include "../transport/frame.h"
#include "module.h"
#include "streams.h"

/* ---- the list; under the interpreter's GIL ---- */

void wpy_active_enter(wpy_call *call)
{
    wpy_interp *interp = call->interp;
    WPY_GIL_MUTEX_LOCK(&interp->calls_mutex);
    call->next = interp->calls;
    call->link = &interp->calls;
    if (call->next)
        call->next->link = &call->next;
    interp->calls = call;
    WPY_GIL_MUTEX_UNLOCK(&interp->calls_mutex);
}

static unsigned long ident(const wpy_call *call)
{
    return call->thread->states[call->interp->ordinal]->thread_id;
}

void wpy_active_leave(wpy_call *call)
{
    WPY_GIL_MUTEX_LOCK(&call->interp->calls_mutex);
    *call->link = call->next;
    if (call->next)
        call->next->link = call->link;
    call->link = NULL;
    WPY_GIL_MUTEX_UNLOCK(&call->interp->calls_mutex);
    if (call->interrupted) /* what has not been raised yet would hit the next request */
        PyThreadState_SetAsyncExc(ident(call), NULL);
    Py_CLEAR(call->data);
}

int wpy_active_interrupt(wpy_interp *interp, const wpy_channel *channel, uint64_t id)
{
    wpy_call *call;
    int raised = 0;
    WPY_GIL_MUTEX_LOCK(&interp->calls_mutex);
    for (call = interp->calls; call && !raised; call = call->next)
        if (call->channel == channel && call->request->id == id) {
            call->interrupted = 1;
            raised = PyThreadState_SetAsyncExc(ident(call), interp->request_timeout) == 1;
        }
    WPY_GIL_MUTEX_UNLOCK(&interp->calls_mutex);
    return raised;
}

/* ---- what belongs to a request ---- */

const char *wpy_active_variable(const wpy_request *request, const char *key)
{
    wio_cursor cursor = {request->vars, request->vars + request->vars_len};
    wio_pair pair;
    while (wio_pair_next(&cursor, &pair) > 0)
        if (!strcmp(pair.key, key))
            return pair.value;
    return "";
}

PyObject *wpy_active_data(wpy_call *call)
{
    if (!call->data)
        call->data = PyDict_New();
    return call->data;
}

static PyObject *request_data(PyObject *self, PyObject *unused)
{
    wpy_thread *thread = wpy_thread_self();
    (void)self;
    (void)unused;
    if (thread && thread->call && thread->call->link) {
        PyObject *data = wpy_active_data(thread->call);
        Py_XINCREF(data);
        return data;
    }
    PyErr_SetString(PyExc_RuntimeError, "no request runs on this thread");
    return NULL;
}

/* ---- active_requests: a view that is always true ---- */

typedef struct wpy_active_view {
    PyObject_HEAD wpy_interp *interp;
} wpy_active_view;

typedef struct entry {
    char id[64];
    PyObject *data;
} entry;

/* Fills `entries` with what runs now; dictionaries for requests that have none yet come from `spare`. Nothing is made
 * here: making an object may run other code, and then a request may end while we look at it. */
static Py_ssize_t look(wpy_interp *interp, entry *entries, Py_ssize_t most, PyObject *spare)
{
    wpy_call *call;
    Py_ssize_t count = 0;
    WPY_GIL_MUTEX_LOCK(&interp->calls_mutex);
    for (call = interp->calls; call && count < most; call = call->next, count++) {
        if (!call->data)
            call->data = wpy_new_ref(PyList_GET_ITEM(spare, count));
        entries[count].data = wpy_new_ref(call->data);
        snprintf(entries[count].id, sizeof entries->id, "%s",
                 wpy_active_variable(call->request, "mod_wsgi.request_id"));
    }
    WPY_GIL_MUTEX_UNLOCK(&interp->calls_mutex);
    return count;
}

static Py_ssize_t count_calls(wpy_interp *interp)
{
    const wpy_call *call;
    Py_ssize_t count = 0;
    WPY_GIL_MUTEX_LOCK(&interp->calls_mutex);
    for (call = interp->calls; call; call = call->next)
        count++;
    WPY_GIL_MUTEX_UNLOCK(&interp->calls_mutex);
    return count;
}

static PyObject *spare_dictionaries(Py_ssize_t count)
{
    PyObject *list = PyList_New(count), *item;
    Py_ssize_t i;
    for (i = 0; list && i < count; i++) {
        if ((item = PyDict_New()))
            PyList_SET_ITEM(list, i, item);
        else
            Py_CLEAR(list);
    }
    return list;
}

/* {request id: request_data()} as of now. New reference, or NULL with an exception. */
static PyObject *snapshot(PyObject *self)
{
    wpy_interp *interp = ((wpy_active_view *)self)->interp;
    Py_ssize_t most = count_calls(interp), count = 0, i;
    PyObject *all = PyDict_New(), *spare;
    entry *entries;
    spare = spare_dictionaries(most);
    entries = PyMem_Calloc((size_t)most + 1, sizeof *entries);
    if (all && spare && entries)
        count = look(interp, entries, most, spare);
    else
        Py_CLEAR(all);
    for (i = 0; i < count; i++) {
        if (all && PyDict_SetItemString(all, entries[i].id, entries[i].data))
            Py_CLEAR(all);
        Py_DECREF(entries[i].data);
    }
    PyMem_Free(entries);
    Py_XDECREF(spare);
    if (!all && !PyErr_Occurred())
        PyErr_NoMemory();
    return all;
}

static Py_ssize_t view_length(PyObject *self)
{
    PyObject *all = snapshot(self);
    Py_ssize_t length = all ? PyDict_GET_SIZE(all) : -1;
    Py_XDECREF(all);
    return length;
}

static PyObject *view_item(PyObject *self, PyObject *key)
{
    PyObject *all = snapshot(self), *item;
    if (!all)
        return NULL;
    item = PyObject_GetItem(all, key);
    Py_DECREF(all);
    return item;
}

static int view_contains(PyObject *self, PyObject *key)
{
    PyObject *all = snapshot(self);
    int found = all ? PyDict_Contains(all, key) : -1;
    Py_XDECREF(all);
    return found;
}

static PyObject *view_iter(PyObject *self)
{
    PyObject *all = snapshot(self), *iterator;
    if (!all)
        return NULL;
    iterator = PyObject_GetIter(all);
    Py_DECREF(all);
    return iterator;
}

static PyObject *view_repr(PyObject *self)
{
    PyObject *all = snapshot(self), *text;
    if (!all)
        return NULL;
    text = PyObject_Repr(all);
    Py_DECREF(all);
    return text;
}

/* keys(), items(), get() and so on: those of the dictionary. */
static PyObject *view_getattro(PyObject *self, PyObject *name)
{
    PyObject *value = PyObject_GenericGetAttr(self, name), *all;
    if (value || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return value;
    PyErr_Clear();
    if (!(all = snapshot(self)))
        return NULL;
    value = PyObject_GetAttr(all, name);
    Py_DECREF(all);
    return value;
}

static void view_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyType_Slot view_slots[] = {
    {Py_tp_new, wpy_no_new},      {Py_tp_dealloc, view_dealloc},   {Py_mp_length, view_length},
    {Py_mp_subscript, view_item}, {Py_sq_contains, view_contains}, {Py_tp_iter, view_iter},
    {Py_tp_repr, view_repr},      {Py_tp_getattro, view_getattro}, {0, NULL}};

static PyType_Spec view_spec = {"mod_wsgi.ActiveRequests", sizeof(wpy_active_view), 0, Py_TPFLAGS_DEFAULT, view_slots};

static PyMethodDef request_data_method = {"request_data", request_data, METH_NOARGS,
                                          "A dictionary for whatever belongs to the request of this thread."};

static PyObject *new_view(wpy_interp *interp)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromSpec(&view_spec);
    wpy_active_view *view = type ? PyObject_New(wpy_active_view, type) : NULL;
    Py_XDECREF(type);
    if (view)
        view->interp = interp;
    return (PyObject *)view;
}

int wpy_active_init(wpy_interp *interp, PyObject *module)
{
    interp->request_timeout = PyErr_NewExceptionWithDoc(
        "mod_wsgi.RequestTimeout", "The request has run longer than request-timeout.", PyExc_BaseException, NULL);
    if (!interp->request_timeout || wpy_module_set(module, "RequestTimeout", wpy_new_ref(interp->request_timeout)) ||
        wpy_module_set(module, "active_requests", new_view(interp)) ||
        wpy_module_set(module, "request_data", PyCFunction_New(&request_data_method, NULL)))
        return -1;
    return 0;
}
