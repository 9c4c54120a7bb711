/* SPDX-License-Identifier: Apache-2.0 */
/* The one hole in the wall between Python and the outside: a request's way out. Embedded mode implements it over a
 * request_rec (apache/embedded.c), daemon mode over a connection (daemon/worker.c). No Python.h here: upper floors
 * include this file.
 *
 * The Python layer calls a channel from one thread at a time, never with the GIL held, in this order:
 *   read*  head?  (body | file)*  finish
 * After the first -1 of head, body or file it calls nothing but finish. Several small calls cost one system call: an
 * implementation keeps head and body until flush, finish or a full buffer.
 */
#ifndef WSGI_PYTHON_CHANNEL_H
#define WSGI_PYTHON_CHANNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "../transport/message.h"

typedef struct wpy_channel wpy_channel;

typedef enum wpy_outcome {
    WPY_COMPLETE,    /* the response is whole */
    WPY_NO_RESPONSE, /* failed before head(): the channel answers `status` by itself (500, 404, 504) */
    WPY_TRUNCATED    /* failed after head(): the client must see it */
} wpy_outcome;

/* Severity as httpd and syslog number it. */
enum wpy_level {
    WPY_LOG_CRIT = 2,
    WPY_LOG_ERROR = 3,
    WPY_LOG_WARNING = 4,
    WPY_LOG_NOTICE = 5,
    WPY_LOG_INFO = 6,
    WPY_LOG_DEBUG = 7
};

/* When body bytes are to go out. */
typedef enum wpy_when {
    WPY_LATER,
    WPY_NOW, /* PEP 3333: a yielded block is not held back */
    WPY_LAST /* nothing but finish() follows, and the bytes stay good until then: they need no copy */
} wpy_when;

struct wpy_channel {
    /* Request body, beyond what came inline. >0 bytes put into buf; 0 the body's end; -1 it is lost, errno says why
     * (ECONNRESET client gone, ETIMEDOUT, EFBIG larger than LimitRequestBody). First call sends 100 Continue if due. */
    ssize_t (*read)(wpy_channel *channel, void *buf, size_t max);
    /* An encoded response head (transport/frame.h). The bytes are only good until the call returns. 0, or -1 client
     * gone. */
    int (*head)(wpy_channel *channel, const void *head, size_t len);
    /* Body bytes, good until the call returns unless WPY_LAST says more. */
    int (*body)(wpy_channel *channel, const struct iovec *blocks, int count, wpy_when when);
    /* A part of an open file. The channel duplicates what it keeps: fd stays the caller's. */
    int (*file)(wpy_channel *channel, int fd, off_t offset, off_t length);
    /* Exactly once, last. status: for WPY_NO_RESPONSE. reason: wio_abort_code for WPY_TRUNCATED. */
    void (*finish)(wpy_channel *channel, wpy_outcome outcome, int status, int reason, uint64_t application_us);
    /* One line (no newline) for this request's error log. */
    void (*log)(wpy_channel *channel, int level, const char *text, size_t len);
};

#endif
