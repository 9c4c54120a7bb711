/* SPDX-License-Identifier: Apache-2.0 */
/* The modules `mod_wsgi` and `apache` as an application sees them: our attributes on the importable package of that
 * name when there is one (so that mod_wsgi.server and mod_wsgi.express stay importable), else on a module of our
 * own. */
#ifndef WSGI_PYTHON_MODULE_H
#define WSGI_PYTHON_MODULE_H

#include "interpreters.h"

/* Puts both modules into sys.modules. GIL held with a state of the interpreter. 0; -1 with an exception. */
int wpy_modules_install(wpy_interp *interp);

/* Sets an attribute, taking a new reference (or NULL with an exception) over. GIL held. 0; -1 with an exception. */
int wpy_module_set(PyObject *module, const char *name, PyObject *value);

/* Version tuples; new references. GIL held. */
PyObject *wpy_module_version(void);
PyObject *wpy_apache_version(void);

/* mod_wsgi.server_metrics(); see server_metrics.c. GIL held. 0; -1 with an exception. */
int wpy_server_metrics_init(PyObject *module);

/* mod_wsgi.start_recording_metrics(), request_metrics(); see request_metrics.c. Likewise. */
int wpy_request_metrics_init(PyObject *module);

/* mod_wsgi.process_metrics(); see metrics.c. */
PyObject *wpy_process_metrics(PyObject *module, PyObject *unused);

#endif
