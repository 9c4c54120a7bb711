/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a daemon's response that its client has not taken yet. As long as the client keeps up there is none, and
 * bytes go straight to httpd, in pieces that it writes without waiting. When the client does not, they wait in a spool,
 * so that the daemon's thread need not; when that is full everybody waits. On the request's thread.
 *
 * An HTTP/2 client cannot be seen from here: there the spool takes what the application gives without a pause. */
#ifndef WSGI_APACHE_BACKLOG_H
#define WSGI_APACHE_BACKLOG_H

#include "reply.h"

#include "../transport/spool.h"

typedef struct wap_backlog {
    wap_reply *reply;
    int64_t bound;    /* 0: nothing is spooled */
    wio_spool *spool; /* NULL: was not needed yet */
    int patience_ms;  /* that may still be spent on waiting for a client who is nearly as fast */
} wap_backlog;

static inline int wap_backlog_waits(const wap_backlog *backlog)
{
    return backlog->spool && wio_spool_waiting(backlog->spool) > 0;
}

/* When the response's head has been taken. */
void wap_backlog_open(wap_backlog *backlog, wap_reply *reply);

/* Takes body bytes, which are only good until the call returns. last: the daemon is known to be ready, so nobody is
 * held up by waiting for the client. 0, -1 client gone. */
int wap_backlog_put(wap_backlog *backlog, const void *bytes, size_t len, int last);

/* The daemon has nothing to say: brings bytes to the client until it has, or until that moment. 1: one of them; 0: all
 * bytes are on their way, flushed; -1 client gone. */
int wap_backlog_serve(wap_backlog *backlog, int daemon_fd, int64_t until_us);

/* Leaves the rest to httpd; what is put afterwards goes straight there. 0, -1 client gone. */
int wap_backlog_close(wap_backlog *backlog);

#endif
