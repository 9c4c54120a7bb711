/* SPDX-License-Identifier: Apache-2.0 */
#include "module.h"

#include "active.h"
#include "events.h"
#include "log.h"
#include "log_handler.h"
#include "setup.h"

/* The release whose interface this module fulfils. */
#define LEVEL_MAJOR 4
#define LEVEL_MINOR 4
#define LEVEL_PATCH 11

static PyMethodDef process_metrics_method = {"process_metrics", wpy_process_metrics, METH_NOARGS,
                                             "Counts, times and memory of this process, as a dictionary."};

PyObject *wpy_module_version(void)
{
    return Py_BuildValue("(iii)", LEVEL_MAJOR, LEVEL_MINOR, LEVEL_PATCH);
}

PyObject *wpy_apache_version(void)
{
    const int *version = wpy_runtime_config()->apache_version;
    return Py_BuildValue("(iii)", version[0], version[1], version[2]);
}

/* The importable module of that name, or an empty one in its place. New reference, or NULL with an exception. */
static PyObject *base_module(const char *name)
{
    PyObject *module = PyImport_ImportModule(name);
    if (module)
        return module;
    if (PyErr_ExceptionMatches(PyExc_ModuleNotFoundError)) {
        PyErr_Clear();
    } else {
        wpy_log_exception(MWS(2031) "a module that applications may import raised an exception; ours takes its place:");
    }
    module = PyImport_AddModule(name);
    return module ? wpy_new_ref(module) : NULL;
}

int wpy_module_set(PyObject *module, const char *name, PyObject *value)
{
    int result = value ? PyObject_SetAttrString(module, name, value) : -1;
    Py_XDECREF(value);
    return result;
}

static PyObject *text(const char *value)
{
    return PyUnicode_DecodeFSDefault(value ? value : "");
}

static int set_limits(PyObject *module)
{
    const wpy_config *config = wpy_runtime_config();
    return wpy_module_set(module, "maximum_processes", PyLong_FromLong(config->processes)) ||
                   wpy_module_set(module, "threads_per_process", PyLong_FromLong(config->threads))
               ? -1
               : 0;
}

static int install_mod_wsgi(wpy_interp *interp)
{
    PyObject *module = base_module("mod_wsgi");
    int result = -1;
    if (module && !set_limits(module) && !wpy_module_set(module, "version", wpy_module_version()) &&
        !wpy_module_set(module, "process_group", text(wpy_runtime_config()->process_group)) &&
        !wpy_module_set(module, "application_group", text(interp->name)) &&
        !wpy_module_set(module, "FileWrapper", wpy_new_ref((PyObject *)interp->file_wrapper_type)) &&
        !wpy_module_set(module, "process_metrics", PyCFunction_New(&process_metrics_method, NULL)) &&
        !wpy_active_init(interp, module) && !wpy_events_init(interp, module) && !wpy_log_handler_init(module) &&
        !wpy_server_metrics_init(module) && !wpy_request_metrics_init(module))
        result = 0;
    Py_XDECREF(module);
    return result;
}

static int install_apache(void)
{
    const wpy_config *config = wpy_runtime_config();
    PyObject *module = base_module("apache");
    int result = -1;
    if (module && !set_limits(module) && !wpy_module_set(module, "version", wpy_apache_version()) &&
        !wpy_module_set(module, "description", text(config->apache_description)) &&
        !wpy_module_set(module, "build_date", text(config->apache_build_date)) &&
        !wpy_module_set(module, "mpm_name", text(config->mpm_name)))
        result = 0;
    Py_XDECREF(module);
    return result;
}

int wpy_modules_install(wpy_interp *interp)
{
    return install_mod_wsgi(interp) || install_apache() ? -1 : 0;
}
