/* SPDX-License-Identifier: Apache-2.0 */
#include "log_handler.h"

#include <string.h>

#include "log.h"
#include "module.h"

static const char class_code[] =
    "import logging\n"
    "class LogHandler(logging.Handler):\n"
    "    'Sends records to the error log of the request, or of the process, at their level.'\n"
    "    def emit(self, record):\n"
    "        try:\n"
    "            write(record.levelno, self.format(record))\n"
    "        except Exception:\n"
    "            self.handleError(record)\n";

/* From the numbers of `logging` to those of httpd. */
static int httpd_level(long number)
{
    static const struct {
        long least;
        int level;
    } levels[] = {{50, WPY_LOG_CRIT}, {40, WPY_LOG_ERROR}, {30, WPY_LOG_WARNING}, {20, WPY_LOG_INFO}};
    size_t i;
    for (i = 0; i < sizeof levels / sizeof *levels; i++)
        if (number >= levels[i].least)
            return levels[i].level;
    return WPY_LOG_DEBUG;
}

static PyObject *write_record(PyObject *self, PyObject *args)
{
    PyObject *text, *bytes;
    long number;
    (void)self;
    if (!PyArg_ParseTuple(args, "lU", &number, &text))
        return NULL;
    bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    if (!bytes)
        return NULL;
    wpy_log_text(1, httpd_level(number), PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    Py_RETURN_NONE;
}

static PyMethodDef write_method = {"write", write_record, METH_VARARGS, "Logs a text at a level of `logging`."};

/* New reference, or NULL with an exception. */
static PyObject *make_class(void)
{
    PyObject *scope = Py_BuildValue("{s:O,s:s,s:N}", "__builtins__", PyEval_GetBuiltins(), "__name__", "mod_wsgi",
                                    "write", PyCFunction_New(&write_method, NULL));
    PyObject *done = scope ? PyRun_String(class_code, Py_file_input, scope, scope) : NULL;
    PyObject *made = done ? PyDict_GetItemString(scope, "LogHandler") : NULL;
    Py_XINCREF(made);
    Py_XDECREF(done);
    Py_XDECREF(scope);
    return made;
}

/* PEP 562: called for names that the module does not have. */
static PyObject *missing(PyObject *module, PyObject *name)
{
    PyObject *made;
    if (PyUnicode_CompareWithASCIIString(name, "LogHandler"))
        return PyErr_Format(PyExc_AttributeError, "module 'mod_wsgi' has no attribute '%U'", name);
    made = make_class();
    if (made && PyObject_SetAttr(module, name, made))
        Py_CLEAR(made);
    return made;
}

static PyMethodDef missing_method = {"__getattr__", missing, METH_O, "Makes LogHandler on first use."};

int wpy_log_handler_init(PyObject *module)
{
    return wpy_module_set(module, "__getattr__", PyCFunction_New(&missing_method, module));
}
