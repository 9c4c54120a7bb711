/* SPDX-License-Identifier: Apache-2.0 */
#include "backlog.h"

#include <poll.h>
#include <stdlib.h>

#include "apr_portable.h"
#include "http_core.h"

#include "../transport/sockets.h"
#include "spooling.h"

/* httpd writes at once what is below its threshold of 64 KiB, and waits for the client with more. */
#define PIECE       (60 * 1024)
#define PATIENCE_MS 100
#define SLICE_MS    5
#define PAUSE_MS    10 /* of the application, after which an HTTP/2 client gets what waits */

void wap_backlog_open(wap_backlog *backlog, wap_reply *reply)
{
    int64_t bound = wap_reply_is_dropped(reply) ? 0 : wap_response_spool_bound(reply->r);
    *backlog = (wap_backlog){.reply = reply, .bound = bound, .patience_ms = PATIENCE_MS};
}

static int64_t waiting(const wap_backlog *backlog)
{
    return backlog->spool ? wio_spool_waiting(backlog->spool) : 0;
}

static conn_rec *connection_of(const wap_backlog *backlog)
{
    return backlog->reply->r->connection;
}

/* --- looking at the client ---------------------------------------------------------------------------------------- */

static int client_fd(const wap_backlog *backlog)
{
    apr_socket_t *socket = ap_get_conn_socket(connection_of(backlog));
    apr_os_sock_t fd;
    return socket && apr_os_sock_get(&fd, socket) == APR_SUCCESS ? fd : -1;
}

/* Waits for either. 1 the daemon has something; 0 the client takes something, or the time is over. */
static int watch(const wap_backlog *backlog, int daemon_fd, int ms)
{
    struct pollfd both[2] = {{client_fd(backlog), POLLOUT, 0}, {daemon_fd, POLLIN, 0}};
    return poll(both, 2, ms) > 0 && both[1].revents;
}

/* Lets httpd write what it has kept, as its MPMs do. Whether nothing is left. */
static int push(const wap_backlog *backlog)
{
    conn_rec *c = connection_of(backlog);
    ap_filter_t *last = c->output_filters;

    if (!c->data_in_output_filters)
        return 1;
    while (last->next)
        last = last->next;
    return last->frec->filter_func.out_func(last, NULL) == APR_SUCCESS && !c->data_in_output_filters;
}

static int keeps_up(wap_backlog *backlog)
{
    if (connection_of(backlog)->master)
        return 0;
    while (!push(backlog)) {
        if (connection_of(backlog)->aborted || backlog->patience_ms <= 0)
            return 0;
        backlog->patience_ms -= SLICE_MS;
        watch(backlog, -1, SLICE_MS);
    }
    return 1;
}

/* --- bytes -------------------------------------------------------------------------------------------------------- */

/* The next piece of the spool, to httpd. 0, -1 client gone. */
static int send_piece(wap_backlog *backlog)
{
    char *memory = malloc(PIECE);
    ssize_t got = memory ? wio_spool_get(backlog->spool, memory, PIECE) : -1;

    if (got < 0) {
        free(memory);
        backlog->reply->r->connection->keepalive = AP_CONN_CLOSE;
        return -1;
    }
    if (wap_reply_body_owned(backlog->reply, memory, memory, (apr_size_t)got, 0) < 0)
        return -1;
    return wap_reply_pass(backlog->reply);
}

static int send_all(wap_backlog *backlog)
{
    while (waiting(backlog))
        if (send_piece(backlog) < 0)
            return -1;
    return 0;
}

/* Some of the bytes into the spool: their number. */
static size_t spool(wap_backlog *backlog, const void *bytes, size_t len)
{
    if (!backlog->spool)
        backlog->spool = wap_spool_new(backlog->reply->r, backlog->bound);
    size_t put = wio_spool_put(backlog->spool, bytes, len);
    if (put < len)
        wap_spool_complain(backlog->reply->r, backlog->spool);
    return put;
}

int wap_backlog_put(wap_backlog *backlog, const void *bytes, size_t len, int last)
{
    wap_reply *reply = backlog->reply;
    const char *at = bytes;

    while (len > 0 && backlog->bound && !(last && waiting(backlog) == 0)) {
        size_t piece = len < PIECE - (size_t)reply->waiting ? len : PIECE - (size_t)reply->waiting;
        /* What is queued by copy is no burden, unless httpd keeps bytes already: with more it would wait. */
        int is_light = waiting(backlog) == 0 && reply->waiting + (apr_off_t)piece < WAP_MOST_QUEUED && piece == len &&
                       !connection_of(backlog)->data_in_output_filters;
        if (is_light || (waiting(backlog) == 0 && keeps_up(backlog))) {
            if (wap_reply_body(reply, at, piece, 0) < 0)
                return -1;
        } else if (connection_of(backlog)->aborted) {
            return -1;
        } else if (!(piece = spool(backlog, at, len))) { /* full: it waits for the client */
            if (send_all(backlog) < 0)
                return -1;
            break;
        }
        at += piece;
        len -= piece;
    }
    return wap_reply_body(reply, at, len, 0);
}

static int may_flush(const wap_backlog *backlog)
{
    struct pollfd client = {client_fd(backlog), POLLOUT, 0};
    /* Other filters of the connection, TLS for one, may keep bytes that only a flush brings out. */
    return !connection_of(backlog)->output_filters->next || poll(&client, 1, 0) > 0;
}

int wap_backlog_serve(wap_backlog *backlog, int daemon_fd, int64_t until_us)
{
    wap_reply *reply = backlog->reply;
    conn_rec *c = connection_of(backlog);

    while (waiting(backlog) || (backlog->bound && !c->master && reply->sent >= PIECE)) {
        if (c->master) {
            struct pollfd daemon = {daemon_fd, POLLIN, 0};
            if (poll(&daemon, 1, PAUSE_MS) > 0)
                return 1;
        } else {
            if (wap_reply_pass(reply) < 0)
                return -1;
            if (!push(backlog) || (!waiting(backlog) && !may_flush(backlog))) {
                int64_t left_us = until_us - wio_now_us();
                if (c->aborted)
                    return -1;
                if (left_us <= 0 || watch(backlog, daemon_fd, (int)(left_us / 1000) + 1))
                    return 1;
                continue;
            }
        }
        if (!waiting(backlog))
            break;
        if (send_piece(backlog) < 0)
            return -1;
    }
    return wap_reply_body(reply, "", 0, 1);
}

int wap_backlog_close(wap_backlog *backlog)
{
    int64_t rest = waiting(backlog);

    backlog->bound = 0;
    if (rest == 0)
        return 0;
    wio_spool *spool = backlog->spool;
    backlog->spool = NULL; /* closed with the request, when httpd has sent the file */
    return wap_reply_rest(backlog->reply, spool->fd, (apr_off_t)spool->out, (apr_off_t)rest);
}
