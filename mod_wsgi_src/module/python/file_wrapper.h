/* SPDX-License-Identifier: Apache-2.0 */
/* wsgi.file_wrapper, mod_wsgi.FileWrapper: iterates a file by blocks; a plain file is not read here at all but
 * handed to the channel as a descriptor. */
#ifndef WSGI_PYTHON_FILE_WRAPPER_H
#define WSGI_PYTHON_FILE_WRAPPER_H

#include "call.h"

/* GIL held in all functions. 0; -1 with an exception. */
int wpy_file_wrapper_init(wpy_interp *interp);

/* 1 when `wrapper` (a FileWrapper of this interpreter) stands for the rest of a regular file that may be sent by
 * descriptor; 0 when it must be iterated. Only objects of the io module count: other classes have a fileno() whose file
 * does not hold what their read() returns, GzipFile for one. */
int wpy_file_wrapper_open(const wpy_interp *interp, PyObject *wrapper, int *fd, off_t *offset, off_t *length);

#endif
