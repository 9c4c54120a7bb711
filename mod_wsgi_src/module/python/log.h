/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for the error log. A line that an application wrote cannot look like two: control characters are escaped. */
#ifndef WSGI_PYTHON_LOG_H
#define WSGI_PYTHON_LOG_H

#include "call.h"

/* Where lines go that belong to no request; set once by wpy_start(). */
void wpy_log_start(void (*log)(void *context, int level, const char *text, size_t len), void *context);

/* One message of this layer: to the log of the request that runs on this thread, else to the process's. `held`: the GIL
 * is held; it is dropped while the line is written, so no exception may be set. */
void wpy_log(int held, int level, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* Text of several lines, same way. */
void wpy_log_text(int held, int level, const char *text, size_t len);

/* Logs `intro` and the current exception with its traceback, once, and clears it. GIL held, exception set. */
void wpy_log_exception(const char *intro);

/* Logs `intro` and where this thread is in Python. GIL held. */
void wpy_log_stack(int level, const char *intro);

/* Takes text that a stream object got on this thread; complete lines are logged. GIL held; `text` stays the
 * caller's. */
int wpy_log_write(enum wpy_stream stream, const char *text, size_t len);
/* Logs the unfinished line of a stream, or of all of this thread's. */
void wpy_log_flush(wpy_thread *thread, enum wpy_stream stream, int held);
void wpy_log_flush_all(wpy_thread *thread, int held);

#endif
