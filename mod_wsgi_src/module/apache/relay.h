/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt at a request in daemon mode: offers it over a connection, waits for the first answer with a deadline,
 * then carries frames between daemon and client until the response is whole or lost. On the request's thread. */
#ifndef WSGI_APACHE_RELAY_H
#define WSGI_APACHE_RELAY_H

#include "backlog.h"
#include "pool.h"
#include "reply.h"
#include "request.h"

/* What became of the attempt. */
typedef enum wap_verdict {
    WAP_GOING_ON,
    WAP_ANSWERED,   /* the connection is good for more */
    WAP_ENDED,      /* the connection must be closed */
    WAP_REPLAY,     /* no application has seen the request: another process may have it */
    WAP_REFUSED,    /* the connection was no good from the start, else as WAP_REPLAY */
    WAP_UNAVAILABLE /* withdrawn: no process became ready in time */
} wap_verdict;

typedef struct wap_relay {
    wap_request *request;
    request_rec *r;
    wap_pool *pool;
    wap_conn *conn;
    uint64_t id;                 /* of this attempt */
    int64_t first_us;            /* the first attempt began */
    int64_t offered_us, last_us; /* offered; the present wait began */
    int claimed;                 /* the application has it, as far as we know */
    uint32_t exits_before;       /* exit_pid of the process when the request was offered */
    size_t at, end;              /* bytes in conn->memory that wait to be looked at */
    uint32_t part_left;          /* of the DATA frame that is being carried */
    int fds[2], n_fds;           /* descriptors whose FILE frame is still to come */
    int unflushed;               /* body bytes have been queued since the last flush */
    uint64_t body_bytes;         /* of the response */
    int64_t request_left;        /* of the request body; -1 unknown */
    wap_reply reply;
    wap_backlog backlog;
    int whole; /* END has come: what is left is between httpd and the client */
    int status;
} wap_relay;

void wap_relay_init(wap_relay *relay, wap_request *request, wap_pool *pool);

/* Runs one attempt over a connection, which stays the caller's. */
wap_verdict wap_relay_run(wap_relay *relay, wap_conn *conn);

/* After WAP_ANSWERED or WAP_ENDED, when the daemon is out of it: what the handler returns. */
int wap_relay_conclude(wap_relay *relay);
/* Ends a response that is not whole so that the client sees it. What the handler returns. */
int wap_relay_cut(wap_relay *relay);

/* The request's id for messages. */
const char *wap_request_id(const request_rec *r);

#endif
