/* SPDX-License-Identifier: Apache-2.0 */
/* mod_wsgi.LogHandler: a handler for `logging` whose records keep their level in the error log. */
#ifndef WSGI_PYTHON_LOG_HANDLER_H
#define WSGI_PYTHON_LOG_HANDLER_H

#include "interpreters.h"

/* Has the class made when an application first asks for it, since `logging` is not imported for nothing. GIL held. 0;
 * -1 with an exception. */
int wpy_log_handler_init(PyObject *module);

#endif
