/* SPDX-License-Identifier: Apache-2.0 */
/* From the encoded head and the application's bytes to the channel, keeping the account of Content-Length. */
#ifndef WSGI_PYTHON_SEND_H
#define WSGI_PYTHON_SEND_H

#include "call.h"

/* How many of the next `len` body bytes may be sent: none when the status has no body, none beyond Content-Length.
 * Counts them as sent. */
size_t wpy_send_admit(wpy_call *call, size_t len);

/* Declares the length of a body that is known as a whole, unless the application did so or the status has no body.
 * 0; -1 out of memory, without an exception. GIL either. */
int wpy_send_declare(wpy_call *call, int64_t length);

/* Sends the head when it is due, then admitted blocks. GIL not held, the turn taken (or nobody else left). 0; -1 the
 * client is gone, then and in every later call. */
int wpy_send(wpy_call *call, const struct iovec *blocks, int count, wpy_when when);

/* One block of a streamed body: takes the turn, drops the GIL, sends with flush. GIL held. 0; -1 with an exception
 * (OSError when the client is gone). */
int wpy_send_block(wpy_call *call, PyObject *bytes);

#endif
