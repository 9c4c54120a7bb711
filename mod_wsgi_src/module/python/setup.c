/* SPDX-License-Identifier: Apache-2.0 */
#include "setup.h"

#include <string.h>
#include <sys/stat.h>

#include "environ.h"
#include "file_wrapper.h"
#include "input.h"
#include "log.h"
#include "module.h"
#include "paths.h"
#include "response.h"
#include "streams.h"

/* Names that nearly every request brings. */
static const char *const common_keys[] = {"REQUEST_METHOD",
                                          "QUERY_STRING",
                                          "REQUEST_URI",
                                          "SCRIPT_NAME",
                                          "PATH_INFO",
                                          "PATH_TRANSLATED",
                                          "REMOTE_ADDR",
                                          "REMOTE_PORT",
                                          "REMOTE_USER",
                                          "AUTH_TYPE",
                                          "CONTENT_TYPE",
                                          "CONTENT_LENGTH",
                                          "UNIQUE_ID",
                                          "HTTP_ACCEPT",
                                          "HTTP_ACCEPT_CHARSET",
                                          "HTTP_ACCEPT_ENCODING",
                                          "HTTP_ACCEPT_LANGUAGE",
                                          "HTTP_AUTHORIZATION",
                                          "HTTP_CACHE_CONTROL",
                                          "HTTP_CONNECTION",
                                          "HTTP_COOKIE",
                                          "HTTP_DEPTH",
                                          "HTTP_DESTINATION",
                                          "HTTP_DNT",
                                          "HTTP_EXPECT",
                                          "HTTP_FORWARDED",
                                          "HTTP_FROM",
                                          "HTTP_HOST",
                                          "HTTP_IF",
                                          "HTTP_IF_MATCH",
                                          "HTTP_IF_MODIFIED_SINCE",
                                          "HTTP_IF_NONE_MATCH",
                                          "HTTP_IF_RANGE",
                                          "HTTP_IF_UNMODIFIED_SINCE",
                                          "HTTP_KEEP_ALIVE",
                                          "HTTP_LOCK_TOKEN",
                                          "HTTP_ORIGIN",
                                          "HTTP_OVERWRITE",
                                          "HTTP_PRAGMA",
                                          "HTTP_RANGE",
                                          "HTTP_REFERER",
                                          "HTTP_SEC_CH_UA",
                                          "HTTP_SEC_CH_UA_MOBILE",
                                          "HTTP_SEC_CH_UA_PLATFORM",
                                          "HTTP_SEC_FETCH_DEST",
                                          "HTTP_SEC_FETCH_MODE",
                                          "HTTP_SEC_FETCH_SITE",
                                          "HTTP_SEC_FETCH_USER",
                                          "HTTP_TE",
                                          "HTTP_TIMEOUT",
                                          "HTTP_TRANSFER_ENCODING",
                                          "HTTP_UPGRADE_INSECURE_REQUESTS",
                                          "HTTP_USER_AGENT",
                                          "HTTP_VIA",
                                          "HTTP_X_CSRFTOKEN",
                                          "HTTP_X_FORWARDED_FOR",
                                          "HTTP_X_FORWARDED_HOST",
                                          "HTTP_X_FORWARDED_PORT",
                                          "HTTP_X_FORWARDED_PROTO",
                                          "HTTP_X_REAL_IP",
                                          "HTTP_X_REQUESTED_WITH",
                                          "mod_wsgi.connection_id",
                                          "mod_wsgi.path_info",
                                          "mod_wsgi.request_id",
                                          "mod_wsgi.script_name",
                                          "mod_wsgi.server_pid",
                                          NULL};

static int make_names(wpy_interp *interp)
{
    wpy_names *names = &interp->names;
    size_t i;
    const struct {
        PyObject **name;
        const char *text;
    } list[] = {{&names->input, "wsgi.input"},
                {&names->request_start, "mod_wsgi.request_start"},
                {&names->queue_start, "mod_wsgi.queue_start"},
                {&names->daemon_start, "mod_wsgi.daemon_start"},
                {&names->script_start, "mod_wsgi.script_start"},
                {&names->application_start, "mod_wsgi.application_start"},
                {&names->close, "close"},
                {&names->fileno, "fileno"},
                {&names->flush, "flush"},
                {&names->tell, "tell"},
                {&names->raw, "raw"}};
    for (i = 0; i < sizeof list / sizeof *list; i++)
        if (!(*list[i].name = PyUnicode_InternFromString(list[i].text)))
            return -1;
    for (i = 0; common_keys[i]; i++)
        if (wpy_environ_intern(interp, common_keys[i]))
            return -1;
    return 0;
}

/* ---- sys.path ---- */

/* New entries, those from .pth files included, come before what was there. */
static const char path_code[] = "import site, sys\n"
                                "def extend(given):\n"
                                "    before = list(sys.path)\n"
                                "    for directory in given:\n"
                                "        site.addsitedir(directory)\n"
                                "    given = [site.makepath(directory)[0] for directory in given]\n"
                                "    front = [entry for entry in sys.path if entry in given or entry not in before]\n"
                                "    sys.path[:] = front + [entry for entry in sys.path if entry not in front]\n";

static int add_python_path(PyObject *given)
{
    PyObject *scope = PyDict_New(), *done = NULL, *result = NULL;
    if (scope && !PyDict_SetItemString(scope, "__builtins__", PyEval_GetBuiltins()))
        done = PyRun_String(path_code, Py_file_input, scope, scope);
    if (done)
        result = PyObject_CallFunctionObjArgs(PyDict_GetItemString(scope, "extend"), given, NULL);
    Py_XDECREF(done);
    Py_XDECREF(scope);
    if (!result)
        return -1;
    Py_DECREF(result);
    return 0;
}

/* The directories of a list; new reference, or NULL with an exception. */
static PyObject *split_path(const char *path)
{
    PyObject *list = PyList_New(0), *entry;
    const char *end;
    for (; list && *path; path = *end ? end + 1 : end) {
        end = path + strcspn(path, WPY_PATH_SEPARATOR);
        if (end == path)
            continue;
        entry = PyUnicode_DecodeFSDefaultAndSize(path, end - path);
        if (!entry || PyList_Append(list, entry))
            Py_CLEAR(list);
        Py_XDECREF(entry);
    }
    return list;
}

static int add_colon_list(const char *list)
{
    PyObject *entries = list && *list ? split_path(list) : NULL;
    int result;
    if (!entries)
        return list && *list ? -1 : 0;
    result = add_python_path(entries);
    Py_DECREF(entries);
    return result;
}

static int extend_path(const wpy_interp *interp)
{
    const wpy_config *config = wpy_runtime_config();
    const wpy_rule *rule = NULL;
    PyObject *path = PySys_GetObject("path");
    int result = add_colon_list(config->python_path);
    while (!result && (rule = wpy_next_path_rule(&config->python, config->process_group, interp->name, rule)))
        result = add_colon_list(rule->options.python_path);
    if (!result && config->home && *config->home) {
        PyObject *home = PyUnicode_DecodeFSDefault(config->home);
        result = home && path ? PyList_Insert(path, 0, home) : -1;
        Py_XDECREF(home);
    }
    return result;
}

/* ---- standard streams ---- */

/* Takes a new reference (or NULL) over. */
static int set_sys(const char *name, PyObject *value)
{
    int result = value ? PySys_SetObject(name, value) : -1;
    Py_XDECREF(value);
    return result;
}

/* The server's own input is not the application's to read. */
static PyObject *empty_input(PyObject *io)
{
    PyObject *bytes = PyObject_CallMethod(io, "BytesIO", NULL);
    PyObject *text = bytes ? PyObject_CallMethod(io, "TextIOWrapper", "Os", bytes, "utf-8") : NULL;
    Py_XDECREF(bytes);
    return text;
}

static int replace_streams(wpy_interp *interp, PyObject *io)
{
    const wpy_options *options = &interp->options;
    PyObject *input, *output;
    interp->errors = wpy_stream_new(interp, WPY_ERRORS);
    input = options->restrict_stdin ? wpy_closed_stream_new(interp, "sys.stdin", "WSGIRestrictStdin") : empty_input(io);
    output = options->restrict_stdout ? wpy_closed_stream_new(interp, "sys.stdout", "WSGIRestrictStdout")
                                      : wpy_stream_new(interp, WPY_STDOUT);
    if (set_sys("stdin", input) | set_sys("stdout", output) | set_sys("stderr", wpy_stream_new(interp, WPY_STDERR)))
        return -1;
    return interp->errors ? 0 : -1;
}

static int keep_file_types(wpy_interp *interp, PyObject *io)
{
    interp->reader_type = (PyTypeObject *)PyObject_GetAttrString(io, "BufferedReader");
    interp->random_type = (PyTypeObject *)PyObject_GetAttrString(io, "BufferedRandom");
    interp->raw_file_type = (PyTypeObject *)PyObject_GetAttrString(io, "FileIO");
    return interp->reader_type && interp->random_type && interp->raw_file_type ? 0 : -1;
}

/* ---- signals ---- */

static PyObject *ignore_signal(PyObject *self, PyObject *args)
{
    PyObject *number, *handler;
    (void)self;
    if (!PyArg_UnpackTuple(args, "signal", 2, 2, &number, &handler))
        return NULL;
    wpy_log_stack(WPY_LOG_WARNING, MWS(2061) "a signal handler of the application is not installed, since the server "
                                             "needs the signals (WSGIRestrictSignal Off allows it); asked for by:");
    return wpy_new_ref(handler);
}

static PyObject *raise_exit(PyObject *self, PyObject *args)
{
    (void)self;
    (void)args;
    PyErr_SetNone(PyExc_SystemExit);
    return NULL;
}

static PyMethodDef ignore_signal_method = {"signal", ignore_signal, METH_VARARGS, "Returns the handler it was given."};
static PyMethodDef raise_exit_method = {"exit_on_signal", raise_exit, METH_VARARGS, "Raises SystemExit."};

/* The built-in module under `signal` is changed, so that nothing needs to be imported for it. */
static int restrict_signals(PyObject *module)
{
    PyObject *function = PyCFunction_New(&ignore_signal_method, NULL);
    int result = function ? PyObject_SetAttrString(module, "signal", function) : -1;
    Py_XDECREF(function);
    return result;
}

static int exit_on_term(PyObject *module)
{
    PyObject *function = PyCFunction_New(&raise_exit_method, NULL), *number, *old = NULL;
    number = PyObject_GetAttrString(module, "SIGTERM");
    if (function && number)
        old = PyObject_CallMethod(module, "signal", "OO", number, function);
    Py_XDECREF(function);
    Py_XDECREF(number);
    if (!old)
        return -1;
    Py_DECREF(old);
    return 0;
}

static int set_signals(wpy_interp *interp)
{
    const wpy_config *config = wpy_runtime_config();
    PyObject *module = PyImport_ImportModule("_signal");
    int result = module ? 0 : -1;
    if (module && config->service_script)
        result = interp->ordinal ? 0 : exit_on_term(module);
    else if (module && interp->options.restrict_signal)
        result = restrict_signals(module);
    Py_XDECREF(module);
    return result;
}

/* ---- the GIL ---- */

/* Interpreters that share a GIL share its interval: the main one's counts then. */
static int set_switch_interval(const wpy_interp *interp)
{
    PyObject *function, *result;
    if (interp->options.switch_interval <= 0 || (interp->ordinal && !(WPY_CAN_OWN_GIL && interp->options.own_gil)))
        return 0;
    function = PySys_GetObject("setswitchinterval");
    result = function ? PyObject_CallFunction(function, "d", interp->options.switch_interval) : NULL;
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* ---- all of it ---- */

/* The thread that first imports `threading` in an interpreter becomes its main thread there; that has to be the state
 * that lives longest, or the interpreter's end goes wrong. */
static int import_threading(void)
{
    PyObject *module = PyImport_ImportModule("threading");
    Py_XDECREF(module);
    return module ? 0 : -1;
}

int wpy_setup(wpy_interp *interp)
{
    PyObject *io = PyImport_ImportModule("io");
    int result = -1;
    if (io && !make_names(interp) && !wpy_streams_init(interp) && !wpy_input_init(interp) &&
        !wpy_response_init(interp) && !wpy_file_wrapper_init(interp) && !keep_file_types(interp, io) &&
        !replace_streams(interp, io) && !import_threading() && !set_signals(interp) && !extend_path(interp) &&
        !set_switch_interval(interp) && !wpy_modules_install(interp))
        result = 0;
    Py_XDECREF(io);
    return result;
}

void wpy_setup_clear(wpy_interp *interp)
{
    wpy_names *names = &interp->names;
    PyObject **list[] = {&names->input,
                         &names->request_start,
                         &names->queue_start,
                         &names->daemon_start,
                         &names->script_start,
                         &names->application_start,
                         &names->close,
                         &names->fileno,
                         &names->flush,
                         &names->tell,
                         &names->raw,
                         &interp->errors,
                         &interp->request_timeout,
                         &interp->event_callbacks,
                         &interp->shutdown_callbacks,
                         &interp->signal_callbacks,
                         (PyObject **)&interp->reader_type,
                         (PyObject **)&interp->random_type,
                         (PyObject **)&interp->raw_file_type,
                         (PyObject **)&interp->response_type,
                         (PyObject **)&interp->input_type,
                         (PyObject **)&interp->file_wrapper_type,
                         (PyObject **)&interp->stream_type,
                         (PyObject **)&interp->closed_stream_type};
    size_t i;
    for (i = 0; i < sizeof list / sizeof *list; i++)
        Py_CLEAR(*list[i]);
    for (i = 0; i < WPY_KEYS; i++) {
        Py_CLEAR(interp->keys[i].key);
        Py_CLEAR(interp->keys[i].value);
    }
}
