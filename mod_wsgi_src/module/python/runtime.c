/* SPDX-License-Identifier: Apache-2.0 */
#include "setup.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../transport/clock.h"
#include "channel.h"
#include "home.h"
#include "log.h"
#include "target.h"

/* The one process-wide record of this layer: a process has one Python. */
static struct {
    wpy_config config;
    int64_t start_us;
    int started;
    int dumps;            /* SIGQUIT writes the Python stacks */
    PyThreadState *first; /* of the thread that called wpy_start() */
    pthread_t first_thread;
    _Atomic int64_t load_us; /* a script began to load; -1: one has loaded */
    atomic_int probing;      /* a probe still waits for the GIL */
    atomic_int forked;       /* this process is a copy that an application made */
} runtime;

const wpy_config *wpy_runtime_config(void)
{
    return &runtime.config;
}

int64_t wpy_runtime_start_us(void)
{
    return runtime.start_us;
}

int wpy_runtime_forked(void)
{
    return atomic_load_explicit(&runtime.forked, memory_order_relaxed);
}

static void note_fork(void)
{
    atomic_store(&runtime.forked, 1);
}

int wpy_started(void)
{
    return runtime.started;
}

/* ---- start ---- */

static int status_failed(PyStatus status, char *error, size_t size)
{
    if (!PyStatus_Exception(status))
        return 0;
    snprintf(error, size, "Python does not start: %s%s%s", status.func ? status.func : "", status.func ? ": " : "",
             status.err_msg ? status.err_msg : "it asked to exit");
    return 1;
}

static PyStatus add_warnings(const wpy_python *python, PyConfig *config)
{
    PyStatus status = PyStatus_Ok();
    for (int i = 0; i < python->n_warnings && !PyStatus_Exception(status); i++) {
        wchar_t *filter = Py_DecodeLocale(python->warnings[i], NULL);
        status = filter ? PyWideStringList_Append(&config->warnoptions, filter) : PyStatus_NoMemory();
        PyMem_RawFree(filter);
    }
    return status;
}

/* What directives say goes before the environment variables of Python. */
static PyStatus set_python(const wpy_config *settings, PyConfig *config)
{
    const wpy_python *python = &settings->python;
    wpy_options options;
    wpy_options_resolve(python, settings->process_group, "", &options);
    wpy_config_gil(config, options.free_threading);
    if (python->optimize)
        config->optimization_level = python->optimize;
    if (python->dont_write_bytecode)
        config->write_bytecode = 0;
    if (python->seed != WPY_SEED_UNSAID) {
        config->use_hash_seed = python->seed == WPY_SEED_FIXED;
        config->hash_seed = python->hash_seed;
    }
    return add_warnings(python, config);
}

/* The environment variables of Python count, as they do for the command `python`; arguments and signals are the
 * server's. The locale of the process decides the encoding of file names, C and POSIX meaning UTF-8. */
static int initialise(const wpy_config *settings, const wpy_home *home, char *error, size_t size)
{
    PyPreConfig before;
    PyConfig config;
    PyStatus status;
    PyPreConfig_InitPythonConfig(&before);
    before.parse_argv = 0;
    before.coerce_c_locale = 0;
    before.coerce_c_locale_warn = 0;
    if (status_failed(Py_PreInitialize(&before), error, size))
        return -1;
    PyConfig_InitPythonConfig(&config);
    config.parse_argv = 0;
    config.install_signal_handlers = 0;
    config.faulthandler = *settings->process_group != 0; /* embedded: the signals are httpd's */
    status = set_python(settings, &config);
    if (!PyStatus_Exception(status))
        status = PyWideStringList_Append(&config.argv, L"mod_wsgi");
    if (!PyStatus_Exception(status) && *home->home)
        status = PyConfig_SetBytesString(&config, &config.home, home->home);
    if (!PyStatus_Exception(status) && *home->program)
        status = PyConfig_SetBytesString(&config, &config.program_name, home->program);
    if (!PyStatus_Exception(status) && *home->program)
        status = PyConfig_SetBytesString(&config, &config.executable, home->program);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    return status_failed(status, error, size) ? -1 : 0;
}

/* Python stacks without the GIL, for dead-locks; and for an operator. */
static const char dump_on_signal[] = "import faulthandler, signal\n"
                                     "faulthandler.register(signal.SIGQUIT, file=2, all_threads=True, chain=False)\n"
                                     "del faulthandler, signal\n";

int wpy_start(const wpy_config *config, char *error, size_t size)
{
    wpy_home home;
    int failed;
    if (wpy_home_resolve(config->python_home, &home, error, size))
        return -1;
    runtime.config = *config;
    runtime.start_us = wio_wall_us();
    wpy_log_start(config->log, config->log_context);
    if (wpy_threads_start() || pthread_atfork(NULL, NULL, note_fork)) {
        snprintf(error, size, "Python does not start: the process has no thread-specific key or no memory left");
        return -1;
    }
    /* Read by setuptools; Python itself has no setting for it. */
    if (config->python_eggs)
        setenv("PYTHON_EGG_CACHE", config->python_eggs, 1);
    if (initialise(config, &home, error, size))
        return -1;
    runtime.first_thread = pthread_self();
    runtime.first = PyThreadState_Get();
    failed = wpy_interps_start();
    if (failed) {
        wpy_log_exception(MWS(2051) "the main interpreter could not be set up:");
        snprintf(error, size, "Python started, but could not be set up; the lines before say why");
    }
    runtime.dumps = !failed && *config->process_group && !PyRun_SimpleString(dump_on_signal);
    PyEval_SaveThread();
    runtime.started = !failed;
    if (!failed && config->telemetry && !config->service_script)
        wpy_telemetry_start(config->telemetry);
    return failed ? -1 : 0;
}

/* ---- scripts at start ---- */

void wpy_runtime_note_load(void)
{
    int64_t none = 0;
    atomic_compare_exchange_strong(&runtime.load_us, &none, wio_now_us());
}

void wpy_runtime_note_loaded(int well)
{
    int64_t began = atomic_load(&runtime.load_us);
    if (began >= 0)
        atomic_compare_exchange_strong(&runtime.load_us, &began, well ? -1 : 0);
}

int64_t wpy_load_pending_us(void)
{
    int64_t began = atomic_load(&runtime.load_us);
    return began > 0 ? began : 0;
}

/* A script ended by an exception. 1: a service script exited with success; -1: anything else, which is logged. */
static int script_raised(const char *path)
{
    PyObject *error, *code;
    char intro[1024];
    int failed;
    if (runtime.config.service_script && PyErr_ExceptionMatches(PyExc_SystemExit)) {
        error = wpy_take_exception();
        code = PyObject_GetAttrString(error, "code");
        failed = code != Py_None && !(code && PyLong_Check(code) && PyLong_AsLong(code) == 0);
        if (failed && code)
            wpy_log(1, WPY_LOG_ERROR, MWS(2052) "the service script '%s' exited with a failure", path);
        PyErr_Clear();
        Py_XDECREF(code);
        Py_DECREF(error);
        return failed ? -1 : 1;
    }
    snprintf(intro, sizeof intro, MWS(2053) "loading the script '%s' raised an exception:", path);
    wpy_log_exception(intro);
    return -1;
}

int wpy_import_script(const char *path, const char *application_group)
{
    wpy_thread *thread = wpy_thread_begin();
    wpy_interp *interp;
    wpy_target *target;
    int result = -1;
    if (!thread)
        return -1;
    interp = wpy_interp_get(thread, application_group ? application_group : "");
    target = interp ? wpy_target_get(interp, path) : NULL;
    if (target && !wpy_enter(thread, interp)) {
        result = wpy_target_load(target, 0) ? script_raised(path) : 0;
        wpy_leave();
    }
    wpy_log_flush_all(thread, 0);
    wpy_thread_end(thread);
    return result;
}

/* ---- stop ---- */

void wpy_stop(const char *reason)
{
    PyThreadState *state = runtime.first;
    if (!runtime.started)
        return;
    runtime.started = 0;
    wpy_telemetry_stop(reason);
    if (runtime.config.python.skip_finalisation)
        return;
    /* Finalising needs a state that belongs to the calling thread. */
    if (pthread_equal(pthread_self(), runtime.first_thread)) {
        PyEval_RestoreThread(state);
    } else {
        PyGILState_Ensure();
        state = PyThreadState_Get();
    }
    if (wpy_interps_stop(state, reason)) {
        wpy_log(1, WPY_LOG_INFO, MWS(2054) "Python is left as it is, since a thread still uses it");
        PyEval_SaveThread();
        return;
    }
    Py_FinalizeEx();
}

/* ---- watching; GIL not held ---- */

static void nap(int ms)
{
    struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

static void *probe(void *then)
{
    PyGILState_STATE held = PyGILState_Ensure();
    void (*action)(void) = *(void (**)(void))then;
    if (action)
        action();
    PyGILState_Release(held);
    atomic_store(&runtime.probing, 0);
    return NULL;
}

/* Has a thread of its own take the GIL and do `*action`, and waits for that so long. At most one such thread exists:
 * in a dead-lock it waits for ever. */
static int with_gil(void (**action)(void), int timeout_ms)
{
    int64_t deadline = wio_now_us() + (int64_t)timeout_ms * 1000;
    pthread_t thread;
    int wait = 1, idle = 0;
    if (!runtime.started)
        return 0;
    while (!atomic_compare_exchange_strong(&runtime.probing, &idle, 1)) {
        if (wio_now_us() >= deadline)
            return -1;
        nap(1);
        idle = 0;
    }
    if (pthread_create(&thread, NULL, probe, (void *)action)) {
        atomic_store(&runtime.probing, 0);
        return 0;
    }
    pthread_detach(thread);
    while (atomic_load(&runtime.probing) && wio_now_us() < deadline) {
        nap(wait);
        wait = wait < 50 ? wait * 2 : 50;
    }
    return atomic_load(&runtime.probing) ? -1 : 0;
}

int wpy_probe_gil(int timeout_ms)
{
    static void (*nothing)(void) = NULL;
    return with_gil(&nothing, timeout_ms);
}

static const char stacks_code[] =
    "import sys, threading, traceback\n"
    "names = {thread.ident: thread.name for thread in threading.enumerate()}\n"
    "mine = threading.get_ident()\n"
    "text = ''\n"
    "for ident, frame in sys._current_frames().items():\n"
    "    if ident != mine:\n"
    "        text += f'Thread {ident} {names.get(ident, \"\")}:\\n' + ''.join(traceback.format_stack(frame))\n";

static void log_stacks(void)
{
    PyObject *scope = PyDict_New(), *done = NULL, *text, *bytes = NULL;
    if (scope && !PyDict_SetItemString(scope, "__builtins__", PyEval_GetBuiltins()))
        done = PyRun_String(stacks_code, Py_file_input, scope, scope);
    text = done ? PyDict_GetItemString(scope, "text") : NULL;
    if (text)
        bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    if (bytes)
        wpy_log_text(1, WPY_LOG_ERROR, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    else
        wpy_log_exception(MWS(2055) "the Python stacks could not be read:");
    Py_XDECREF(bytes);
    Py_XDECREF(done);
    Py_XDECREF(scope);
}

void wpy_dump_stacks(int timeout_ms)
{
    static void (*stacks)(void) = log_stacks;
    if (!with_gil(&stacks, timeout_ms))
        return;
    wpy_log(0, WPY_LOG_ERROR, MWS(2056) "the GIL could not be had within %d ms: stacks follow in the main error log",
            timeout_ms);
    if (runtime.dumps)
        raise(SIGQUIT);
}
