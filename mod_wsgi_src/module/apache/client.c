/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <errno.h>

#include "http_core.h"

#include "../transport/sockets.h"
#include "relay.h"
#include "spooling.h"

#define INLINE_BODY (64 * 1024) /* read from the client before a daemon thread is engaged */
#define SPARE_TRIES 8           /* beyond two for each process */
#define SECOND      ((int64_t)1000000)

/* --- the choice --------------------------------------------------------------------------------------------------- */

/* What a process that is not ready counts as: everyone else goes first. */
#define NOT_READY_LOAD 1000000u

static uint32_t load_of(const wap_pool *pool, uint32_t process)
{
    uint32_t state = atomic_load_explicit(&wio_board_process(pool->board, process)->state, memory_order_relaxed);

    if (state == WIO_PROCESS_FAILED)
        return UINT32_MAX;
    return wio_board_inflight(pool->board, process) + (state == WIO_PROCESS_READY ? 0 : NOT_READY_LOAD);
}

int wap_client_choose(const wap_pool *pool)
{
    uint32_t count = (uint32_t)pool->group->processes, first = pool->last, best_load = UINT32_MAX;
    int best = -1;

    if (count == 1)
        return atomic_load(&wio_board_process(pool->board, 0)->state) == WIO_PROCESS_FAILED ? -1 : 0;
    for (uint32_t i = 0; i < count; i++) { /* the last used wins a tie */
        uint32_t process = (first + i) % count, load = load_of(pool, process);
        if (load < best_load) {
            best = (int)process;
            best_load = load;
        }
    }
    return best;
}

/* --- the request -------------------------------------------------------------------------------------------------- */

static int unavailable(request_rec *r, const wap_pool *pool, const char *why)
{
    if (!wap_pools_stopping())
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, MWS(4021) "request %s: daemon group '%s' cannot serve it: %s",
                      wap_request_id(r), pool->group->name, why);
    apr_table_setn(r->err_headers_out, "Retry-After", "1");
    return HTTP_SERVICE_UNAVAILABLE;
}

/* Reads the body, or the first of it, into the HEAD. Sets the flag at its end. OK, or what to answer. */
static int take_inline(wap_request *request, size_t most)
{
    wio_request *fields = &request->fields;

    if (wio_buf_reserve(&request->head, most) < 0)
        return HTTP_INTERNAL_SERVER_ERROR;
    while (fields->body_len < most) {
        apr_ssize_t got =
            wap_read_body(request->r, request->head.data + request->head.len, (apr_size_t)(most - fields->body_len));
        if (got < 0)
            return wap_body_error(request->r);
        if (got == 0 && fields->content_length > 0)
            return HTTP_BAD_REQUEST; /* fewer bytes than it announced */
        if (got == 0)
            break;
        request->head.len += (size_t)got;
        fields->body_len += (uint32_t)got;
    }
    if (fields->body_len < most || (int64_t)fields->body_len == fields->content_length)
        fields->flags |= WIO_REQUEST_BODY_DONE;
    return OK;
}

/* Takes the body from the client before a daemon's thread is engaged, so that a slow upload costs none: a small one
 * goes into the HEAD, the rest of a large one waits in a spool. Beyond its bound the application waits for the client.
 * One that waits for 100 Continue gets it only if the application reads, and so does everyone where spooling is off. */
static int take_body(wap_request *request)
{
    wio_request *fields = &request->fields;
    int64_t length = fields->content_length;
    int is_small = length > 0 && length <= INLINE_BODY;

    if (fields->flags & WIO_REQUEST_BODY_DONE || request->r->expecting_100)
        return OK;
    int64_t bound = is_small ? 0 : wap_request_spool_bound(request->r);
    if (!is_small && bound == 0)
        return OK;
    int status = take_inline(request, is_small ? (size_t)length : INLINE_BODY);
    if (status != OK || fields->flags & WIO_REQUEST_BODY_DONE)
        return status;
    return wap_spool_body(request->r, bound);
}

/* A connection to the process: the first try takes a kept one. Status OK, or what to answer. */
static int connect_to(request_rec *r, wap_pool *pool, uint32_t process, int fresh, wap_conn **conn)
{
    int seconds = pool->group->connect_timeout;

    *conn = fresh ? NULL : wap_pool_take(pool, process);
    if (*conn)
        return OK;
    *conn = wap_pool_dial(pool, process, seconds ? wio_now_us() + seconds * SECOND : 1);
    if (*conn)
        return OK;
    if (errno == ECONNREFUSED || errno == ENOENT)
        return unavailable(r, pool, "nobody listens, so its manager is gone");
    if (errno == EAGAIN)
        return unavailable(r, pool, "its listen-backlog stayed full for connect-timeout");
    return unavailable(r, pool, strerror(errno));
}

/* A process refused the request since it has loaded another version of the script than httpd saw. httpd may have seen
 * the older one: without a new look every successor would refuse it again. */
static void look_again(wap_request *request)
{
    apr_finfo_t info;

    if (request->fields.script_mtime_us &&
        apr_stat(&info, request->script, APR_FINFO_MTIME, request->r->pool) == APR_SUCCESS)
        request->fields.script_mtime_us = info.mtime;
}

/* One attempt at one process, which has been counted in for it. WAP_REPLAY: try another. */
static wap_verdict try_process(wap_relay *relay, uint32_t process, int fresh)
{
    wap_pool *pool = relay->pool;
    wap_conn *conn;
    int status = connect_to(relay->r, pool, process, fresh, &conn);

    if (status != OK) {
        relay->status = status;
        return WAP_ENDED;
    }
    wap_verdict verdict = wap_relay_run(relay, conn);
    if (verdict == WAP_ANSWERED) {
        wap_pool_give(pool, conn);
        return verdict;
    }
    wap_pool_drop(pool, conn);
    return verdict;
}

static int try_processes(wap_relay *relay)
{
    wap_pool *pool = relay->pool;
    int tries = 2 * pool->group->processes + SPARE_TRIES;

    for (int i = 0; i < tries; i++) {
        int process = wap_client_choose(pool);
        if (process < 0)
            return unavailable(relay->r, pool, "its processes fail to start");
        /* Counted before anything else is done, so that requests which come together spread. Where one kept connection
         * was dead all are: from the second attempt on it is a fresh one. */
        wio_board_enter(pool->board, pool->row, (uint32_t)process);
        wap_verdict verdict = try_process(relay, (uint32_t)process, i > 0);
        wio_board_leave(pool->board, pool->row, (uint32_t)process);

        if (verdict == WAP_ANSWERED || verdict == WAP_ENDED)
            return wap_relay_conclude(relay);
        if (verdict == WAP_UNAVAILABLE || wap_pools_stopping())
            return unavailable(relay->r, pool, "no process became ready within connect-timeout");
        if (verdict == WAP_REPLAY)
            look_again(relay->request);
        relay->request->fields.flags += 1u << WIO_REQUEST_REPLAYS;
        wap_pool_clear(pool, (uint32_t)process);
    }
    return unavailable(relay->r, pool, "one process after the other ended before it took the request");
}

/* The relay has put response-socket-timeout in place of it. */
static void restore_client(const request_rec *r)
{
    apr_socket_t *socket = r->connection->master ? NULL : ap_get_conn_socket(r->connection);

    if (socket)
        apr_socket_timeout_set(socket, r->server->timeout);
}

int wap_client_run(wap_request *request)
{
    wap_pool *pool = wap_pool_of(request->group->index);
    wap_relay relay;

    if (!pool) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, request->r, MWS(4022) "daemon group '%s' was not started",
                      request->group->name);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    int status = take_body(request);
    if (status != OK)
        return status;
    wap_relay_init(&relay, request, pool);
    status = try_processes(&relay);
    restore_client(request->r);
    return status;
}
