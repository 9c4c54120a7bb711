/* SPDX-License-Identifier: Apache-2.0 */
#include "interpreters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "environ.h"
#include "events.h"
#include "log.h"
#include "recorder.h"
#include "setup.h"
#include "target.h"

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;                    /* an interpreter became ready, or failed */
    wpy_interp *interps[WPY_MAX_INTERPRETERS]; /* by ordinal */
    wpy_thread *threads;
    pthread_key_t key;
    int have_key;
    atomic_int running;
    atomic_uint numbers;
    unsigned long long past_requests, past_busy_us; /* of threads that ended */
} table = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static _Thread_local wpy_thread *this_thread;

void wpy_table_lock(void)
{
    pthread_mutex_lock(&table.lock);
}

void wpy_table_unlock(void)
{
    pthread_mutex_unlock(&table.lock);
}

/* ---- threads ---- */

/* Gives back what a thread owns inside Python. The calling thread's own record; GIL not held. */
static void detach_thread(wpy_thread *thread)
{
    uint32_t i;
    for (i = 0; i < WPY_TEMPLATES; i++)
        if (thread->templates[i]) {
            wpy_template_free(thread, thread->templates[i]);
            thread->templates[i] = NULL;
        }
    /* The main interpreter's state last. Not by PyGILState_Release(): it looks the state up in thread-specific data,
     * which a thread that ends may have lost already. The thread that started Python shares the interpreter's own
     * state. */
    for (i = WPY_MAX_INTERPRETERS; i-- > 0;) {
        PyThreadState *state = thread->states[i];
        thread->states[i] = NULL;
        if (!state || (i == 0 && state == table.interps[0]->base))
            continue;
        PyEval_RestoreThread(state);
        PyThreadState_Clear(state);
        PyThreadState_DeleteCurrent();
    }
}

static void unlink_thread(wpy_thread *thread)
{
    pthread_mutex_lock(&table.lock);
    *thread->link = thread->next;
    if (thread->next)
        thread->next->link = thread->link;
    table.past_requests += atomic_load(&thread->requests);
    table.past_busy_us += atomic_load(&thread->busy_us);
    pthread_mutex_unlock(&table.lock);
}

/* Runs when a thread ends, and for the thread that stops Python. */
static void end_thread(void *record)
{
    wpy_thread *thread = record;
    int stream;
    wpy_log_flush_all(thread, 0);
    atomic_store(&thread->inside, 1);
    if (atomic_load(&table.running))
        detach_thread(thread);
    atomic_store(&thread->inside, 0);
    unlink_thread(thread);
    wpy_recorder_free(thread);
    for (stream = 0; stream < WPY_STREAMS; stream++)
        wio_buf_free(&thread->partial[stream]);
    this_thread = NULL;
    free(thread);
}

wpy_thread *wpy_thread_self(void)
{
    wpy_thread *thread = this_thread;
    int stream;
    if (thread)
        return thread;
    if (!table.have_key || !(thread = calloc(1, sizeof *thread)))
        return NULL;
    for (stream = 0; stream < WPY_STREAMS; stream++)
        wio_buf_init(&thread->partial[stream], NULL, 0);
    if (pthread_setspecific(table.key, thread)) {
        free(thread);
        return NULL;
    }
    thread->number = atomic_fetch_add(&table.numbers, 1) + 1;
    pthread_mutex_lock(&table.lock);
    thread->next = table.threads;
    thread->link = &table.threads;
    if (thread->next)
        thread->next->link = &thread->next;
    table.threads = thread;
    pthread_mutex_unlock(&table.lock);
    return this_thread = thread;
}

wpy_thread *wpy_thread_begin(void)
{
    wpy_thread *thread = wpy_thread_self();
    if (!thread)
        return NULL;
    /* Either we see that Python stops, or wpy_interps_stop() sees that we are inside. */
    int before = atomic_exchange(&thread->inside, 1);
    if (atomic_load(&table.running))
        return thread;
    atomic_store(&thread->inside, before);
    return NULL;
}

void wpy_thread_end(wpy_thread *thread)
{
    atomic_store_explicit(&thread->inside, 0, memory_order_release);
}

void wpy_threads_total(unsigned long long *requests, unsigned long long *busy_us)
{
    const wpy_thread *thread;
    pthread_mutex_lock(&table.lock);
    *requests = table.past_requests;
    *busy_us = table.past_busy_us;
    for (thread = table.threads; thread; thread = thread->next) {
        *requests += atomic_load(&thread->requests);
        *busy_us += atomic_load(&thread->busy_us);
    }
    pthread_mutex_unlock(&table.lock);
}

void wpy_threads_visit(void (*visit)(wpy_thread *thread, void *context), void *context)
{
    wpy_thread *thread;
    pthread_mutex_lock(&table.lock);
    for (thread = table.threads; thread; thread = thread->next)
        visit(thread, context);
    pthread_mutex_unlock(&table.lock);
}

/* ---- entering ---- */

/* The main interpreter's state comes first and through PyGILState: then the calls PyGILState_* of extension modules
 * work in this thread, and find that state. */
static int first_enter(wpy_thread *thread, wpy_interp *interp)
{
    if (!thread->states[0]) {
        PyGILState_Ensure();
        thread->states[0] = PyEval_SaveThread();
    }
    if (!thread->states[interp->ordinal]) {
        thread->states[interp->ordinal] = PyThreadState_New(interp->py);
        if (!thread->states[interp->ordinal])
            return -1;
    }
    PyEval_RestoreThread(thread->states[interp->ordinal]);
    return 0;
}

int wpy_enter(wpy_thread *thread, wpy_interp *interp)
{
    PyThreadState *state = thread->states[interp->ordinal];
    if (!state)
        return first_enter(thread, interp);
    PyEval_RestoreThread(state);
    return 0;
}

void wpy_leave(void)
{
    PyEval_SaveThread();
}

/* ---- interpreters ---- */

static wpy_interp *find_locked(const char *name)
{
    int i;
    for (i = 0; i < WPY_MAX_INTERPRETERS; i++)
        if (table.interps[i] && !strcmp(table.interps[i]->name, name))
            return table.interps[i];
    return NULL;
}

static wpy_interp *new_record(const char *name, uint32_t ordinal)
{
    const wpy_config *config = wpy_runtime_config();
    wpy_interp *interp = calloc(1, sizeof *interp);
    if (!interp || !(interp->name = strdup(name))) {
        free(interp);
        return NULL;
    }
    interp->ordinal = ordinal;
    wpy_options_resolve(&config->python, config->process_group, name, &interp->options);
    pthread_mutex_init(&interp->load, NULL);
    return interp;
}

static void free_record(wpy_interp *interp)
{
    pthread_mutex_destroy(&interp->load);
    free(interp->name);
    free(interp);
}

/* GIL held, with a thread state of the interpreter. */
static void clear_objects(wpy_interp *interp)
{
    wpy_target_free_all(interp);
    wpy_setup_clear(interp);
}

/* Makes the interpreter of a record that stands in the table, not ready. GIL not held. 0; -1, logged. */
static int make_interp(wpy_thread *thread, wpy_interp *interp)
{
    PyThreadState *main_state;
    int failed;
    if (wpy_enter(thread, table.interps[0]))
        return -1;
    main_state = PyThreadState_Get();
    interp->base = wpy_new_interpreter(interp->options.own_gil);
    if (!interp->base) {
        PyErr_Clear();
        wpy_leave();
        return -1;
    }
    interp->py = PyThreadState_GetInterpreter(interp->base);
    failed = wpy_setup(interp);
    if (failed) {
        wpy_log_exception(MWS(2021) "a sub-interpreter could not be set up:");
        clear_objects(interp);
        wpy_end_interpreter(interp->base, main_state);
    }
    wpy_leave();
    return failed ? -1 : 0;
}

static uint32_t free_ordinal_locked(void)
{
    uint32_t i = 1;
    while (i < WPY_MAX_INTERPRETERS && table.interps[i])
        i++;
    return i;
}

wpy_interp *wpy_interp_get(wpy_thread *thread, const char *name)
{
    wpy_interp *interp;
    uint32_t ordinal;
    pthread_mutex_lock(&table.lock);
    while ((interp = find_locked(name)) && !interp->ready)
        pthread_cond_wait(&table.changed, &table.lock);
    if (interp) {
        pthread_mutex_unlock(&table.lock);
        return interp;
    }
    ordinal = free_ordinal_locked();
    if (ordinal < WPY_MAX_INTERPRETERS && (interp = new_record(name, ordinal)))
        table.interps[ordinal] = interp;
    pthread_mutex_unlock(&table.lock);
    if (!interp) {
        wpy_log(0, WPY_LOG_ERROR,
                MWS(2022) "no room for a sub-interpreter '%s': this process has %d application groups; "
                          "let WSGIApplicationGroup name fewer, or %%{GLOBAL}",
                name, WPY_MAX_INTERPRETERS);
        return NULL;
    }
    int failed = make_interp(thread, interp);
    pthread_mutex_lock(&table.lock);
    if (failed)
        table.interps[ordinal] = NULL;
    else
        interp->ready = 1;
    pthread_cond_broadcast(&table.changed);
    pthread_mutex_unlock(&table.lock);
    if (!failed)
        return interp;
    wpy_log(0, WPY_LOG_ERROR, MWS(2023) "sub-interpreter '%s' could not be made", name);
    free_record(interp);
    return NULL;
}

wpy_interp *wpy_interp_find(const char *name)
{
    wpy_interp *interp;
    pthread_mutex_lock(&table.lock);
    interp = find_locked(name);
    if (interp && !interp->ready)
        interp = NULL;
    pthread_mutex_unlock(&table.lock);
    return interp;
}

wpy_interp *wpy_interp_from(uint32_t ordinal)
{
    wpy_interp *interp = NULL;
    pthread_mutex_lock(&table.lock);
    for (; ordinal < WPY_MAX_INTERPRETERS && !interp; ordinal++)
        if (table.interps[ordinal] && table.interps[ordinal]->ready)
            interp = table.interps[ordinal];
    pthread_mutex_unlock(&table.lock);
    return interp;
}

/* ---- start and stop ---- */

int wpy_threads_start(void)
{
    if (!table.have_key && pthread_key_create(&table.key, end_thread))
        return -1;
    table.have_key = 1;
    return 0;
}

int wpy_interps_start(void)
{
    wpy_interp *interp = new_record("", 0);
    if (!interp) {
        PyErr_NoMemory();
        return -1;
    }
    interp->base = PyThreadState_Get();
    interp->py = PyThreadState_GetInterpreter(interp->base);
    table.interps[0] = interp;
    if (wpy_setup(interp))
        return -1;
    interp->ready = 1;
    atomic_store(&table.running, 1);
    return 0;
}

/* Does another thread than the calling one own thread states, or run now? */
static int others_are_left(void)
{
    const wpy_thread *thread;
    int left = 0, i;
    pthread_mutex_lock(&table.lock);
    for (thread = table.threads; thread && !left; thread = thread->next) {
        if (thread == this_thread)
            continue;
        left = atomic_load(&((wpy_thread *)thread)->inside);
        for (i = 0; i < WPY_MAX_INTERPRETERS && !left; i++)
            left = thread->states[i] != NULL;
    }
    pthread_mutex_unlock(&table.lock);
    return left;
}

/* Python takes the thread that made an interpreter for its main thread, and waits for it when another one ends the
 * interpreter: for ever, as the base state only goes with the interpreter. So the calling thread takes that part. */
static void become_main_thread(PyObject *threading)
{
    PyObject *thread = PyObject_CallMethod(threading, "main_thread", NULL);
    PyObject *result = thread ? PyObject_CallMethod(thread, "_set_ident", NULL) : NULL;
    PyErr_Clear();
    Py_XDECREF(result);
    Py_XDECREF(thread);
}

static PyObject *do_nothing(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_NONE;
}

static PyMethodDef do_nothing_method = {"_shutdown", do_nothing, METH_NOARGS, "Was called before."};

/* Joins the interpreter's threads that are not daemons, as Python does at its end; Python then does not do it again,
 * since 3.12 fails an assertion there. 0; -1 with an exception. */
static int join_threads(void)
{
    PyObject *threading = PyImport_ImportModule("threading"), *result = NULL, *nothing = NULL;
    int failed = 1;
    if (threading) {
        become_main_thread(threading);
        result = PyObject_CallMethod(threading, "_shutdown", NULL);
        nothing = PyCFunction_New(&do_nothing_method, NULL);
        failed = !result || !nothing || PyObject_SetAttrString(threading, "_shutdown", nothing);
    }
    Py_XDECREF(nothing);
    Py_XDECREF(result);
    Py_XDECREF(threading);
    return failed ? -1 : 0;
}

static int run_exit_callbacks(void)
{
    PyObject *module = PyImport_ImportModule("atexit");
    PyObject *result = module ? PyObject_CallMethod(module, "_run_exitfuncs", NULL) : NULL;
    int failed = !result;
    Py_XDECREF(result);
    Py_XDECREF(module);
    return failed ? -1 : 0;
}

/* What Python does first when an interpreter ends. GIL held with the interpreter's base state. */
static void say_goodbye(void)
{
    if (join_threads())
        wpy_log_exception(MWS(2024) "an interpreter ends; its threads could not be joined:");
    if (run_exit_callbacks())
        wpy_log_exception(MWS(2025) "an interpreter ends; an exit callback raised an exception:");
}

/* Ends a sub-interpreter, unless it has threads left: Python would abort then. GIL held, before and after with
 * `main_state`. 0; -1 when it had to be left. */
static int end_interp(wpy_interp *interp, PyThreadState *main_state, const char *reason, int left)
{
    /* Not by PyThreadState_Swap(): the interpreter may have a GIL of its own. */
    PyEval_SaveThread();
    PyEval_RestoreThread(interp->base);
    wpy_events_stopping(interp, reason);
    say_goodbye();
    if (left || PyInterpreterState_ThreadHead(interp->py) != interp->base || PyThreadState_Next(interp->base)) {
        PyEval_SaveThread();
        PyEval_RestoreThread(main_state);
        return -1;
    }
    clear_objects(interp);
    wpy_end_interpreter(interp->base, main_state);
    table.interps[interp->ordinal] = NULL;
    free_record(interp);
    return 0;
}

int wpy_interps_stop(PyThreadState *main_state, const char *reason)
{
    int i, left;
    atomic_store(&table.running, 0);
    PyEval_SaveThread();
    if (this_thread)
        detach_thread(this_thread);
    left = others_are_left();
    PyEval_RestoreThread(main_state);
    for (i = WPY_MAX_INTERPRETERS - 1; i > 0; i--)
        if (table.interps[i] && table.interps[i]->ready && end_interp(table.interps[i], main_state, reason, left))
            left = 1;
    wpy_events_stopping(table.interps[0], reason);
    if (left) {
        say_goodbye();
        return -1;
    }
    clear_objects(table.interps[0]);
    return 0;
}
