/* SPDX-License-Identifier: Apache-2.0 */
/* One request over one connection, as the Python layer sees it: a wpy_channel. Head and small bodies wait in `out`
 * until flush, finish or a full buffer, so that an ordinary response costs one system call; big bodies are laid on the
 * shelf, or go out as vectors when that is full.
 *
 * The worker's thread owns everything but what `lock` guards: the monitor may end the request from its thread.
 */
#ifndef WSGI_DAEMON_EXCHANGE_H
#define WSGI_DAEMON_EXCHANGE_H

#include <pthread.h>
#include <stdint.h>

#include "../python/run_request.h"
#include "../transport/board.h"
#include "../transport/buffer.h"
#include "../transport/frame.h"
#include "../transport/shelf.h"
#include "config.h"

typedef struct wdm_exchange {
    wpy_channel channel; /* first: the Python layer hands it back */
    const wdm_config *config;
    wio_shelf *shelf; /* NULL: there is none */
    uint32_t pid;     /* of this process */
    wio_request request;
    wio_buf in, out;     /* reused from request to request */
    uint64_t body_bytes; /* of the response */
    int body_over;       /* of the request */
    int broken;          /* the connection is of no more use */

    pthread_mutex_t lock;
    int fd;                     /* -1: no request runs */
    int sending;                /* the worker is in a send */
    int responding;             /* the client's side has got a response head */
    int expired;                /* ended by the monitor */
    const wpy_request *running; /* as long as fd is good */
} wdm_exchange;

/* Which request the monitor has ended. */
typedef struct wdm_ended {
    uint64_t id;
    uint32_t vhost;
    char name[64]; /* as in messages: mod_wsgi.request_id */
} wdm_ended;

/* 0, or -1 when out of memory. */
int wdm_exchange_init(wdm_exchange *exchange, const wdm_config *config, wio_shelf *shelf);
void wdm_exchange_free(wdm_exchange *exchange);

/* Worker: a request begins on a connection; ends. wdm_exchange_close tells whether the monitor ended it: then the
 * connection is of no more use, and broken is set. */
void wdm_exchange_open(wdm_exchange *exchange, int fd, const wpy_request *request);
int wdm_exchange_close(wdm_exchange *exchange);

/* Worker: answers RETRY instead of running the request. */
void wdm_exchange_retry(wdm_exchange *exchange, uint16_t reason);

/* Monitor: the request's time is over. Its client gets 504 or sees the response cut; the worker fails at its next
 * send or read. 1 when this call ended it, and then tells which; 0 when there was nothing to end. */
int wdm_exchange_expire(wdm_exchange *exchange, wio_board *board, wdm_ended *ended);

/* In a process that the application forked: the connection is not its own. */
void wdm_exchange_disown(wdm_exchange *exchange);

#endif
