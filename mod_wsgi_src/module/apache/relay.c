/* SPDX-License-Identifier: Apache-2.0 */
#include "relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_core.h"

#include "../transport/sockets.h"
#include "patience.h"

#define LARGE_PART    (16 * 1024) /* handed to httpd with its memory; less is copied */
#define DEFAULT_FIELD 32768       /* header-buffer-size */

void wap_relay_init(wap_relay *relay, wap_request *request, wap_pool *pool)
{
    memset(relay, 0, sizeof *relay);
    relay->request = request;
    relay->r = request->r;
    relay->pool = pool;
    wap_reply_init(&relay->reply, request->r);
    relay->reply.redirects = 1;
}

const char *wap_request_id(const request_rec *r)
{
    return r->log_id ? r->log_id : "-";
}

static wap_verdict end_with(wap_relay *relay, int status)
{
    relay->status = status;
    return WAP_ENDED;
}

int wap_relay_cut(wap_relay *relay)
{
    wap_backlog_close(&relay->backlog);
    return wap_reply_abort(&relay->reply);
}

int wap_relay_conclude(wap_relay *relay)
{
    if (!relay->whole)
        return relay->status;
    /* What cannot be sent is missing: then it must not look whole. */
    return wap_backlog_close(&relay->backlog) < 0 ? wap_reply_abort(&relay->reply) : wap_reply_end(&relay->reply);
}

/* A frame that makes no sense: both ends are one shared object, so this is a damaged daemon. */
static wap_verdict nonsense(wap_relay *relay, const char *what)
{
    wio_board_withdraw(relay->pool->board, relay->conn->word, relay->id);
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, relay->r, MWS(4061) "request %s: daemon group '%s' sent %s",
                  wap_request_id(relay->r), relay->pool->group->name, what);
    return end_with(relay, relay->reply.started ? wap_relay_cut(relay) : HTTP_BAD_GATEWAY);
}

/* --- sending ------------------------------------------------------------------------------------------------------ */

/* HELLO on a new connection, and HEAD, in one send. 0, or -1 with errno. */
static int offer(wap_relay *relay)
{
    const wdm_generation *generation = relay->pool->generation;
    wap_request *request = relay->request;
    wap_conn *conn = relay->conn;
    uint8_t hello[WIO_FRAME_SIZE + sizeof(wio_hello)];
    struct iovec vec[2] = {{hello, 0}, {request->head.data, request->head.len}};

    if (!conn->greeted) {
        wio_hello greeting = {
            WIO_MAGIC, WIO_PROTOCOL_VERSION, WIO_ORDER, generation->config->generation, (uint32_t)relay->pool->row,
            {0}};
        memcpy(greeting.token, generation->token, WIO_TOKEN_SIZE);
        wio_frame_put(hello, WIO_HELLO, 0, 0, sizeof greeting);
        memcpy(hello + WIO_FRAME_SIZE, &greeting, sizeof greeting);
        vec[0].iov_len = sizeof hello;
        conn->greeted = 1;
    }

    relay->id = wio_board_next_id(relay->pool->board);
    request->fields.id = relay->id;
    request->fields.word = (uint32_t)conn->word;
    request->fields.queue_start_us = wio_wall_us();
    wio_head_seal(&request->head, &request->fields);

    relay->offered_us = relay->last_us = wio_now_us();
    if (!relay->first_us)
        relay->first_us = relay->offered_us;
    wio_board_offer(relay->pool->board, conn->word, relay->id);
    relay->claimed = conn->word < 0;
    return wio_send_all(&wio_system, conn->fd, vec, 2, wio_iov_max(), -1, wap_patience_until(relay));
}

/* The daemon wants up to `wanted` bytes of the request body. */
static wap_verdict answer_read(wap_relay *relay, uint32_t wanted)
{
    wap_conn *conn = relay->conn;
    size_t room = conn->size - WIO_FRAME_SIZE;
    uint8_t flags = 0;
    uint16_t reason = 0;

    /* The daemon waits, so nothing else is under way and the receive buffer is free. */
    relay->at = relay->end = 0;
    apr_ssize_t got = wap_read_body(relay->r, conn->memory + WIO_FRAME_SIZE, wanted < room ? wanted : room);
    if (got < 0) {
        flags = WIO_FAILED;
        reason = (uint16_t)errno;
        got = 0;
    } else if (got == 0 || (relay->request_left > 0 && (relay->request_left -= got) <= 0)) {
        flags = WIO_LAST;
    }
    wio_frame_put(conn->memory, WIO_DATA, flags, reason, (uint32_t)got);

    struct iovec vec = {conn->memory, WIO_FRAME_SIZE + (size_t)got};
    relay->last_us = wio_now_us();
    return wio_send_all(&wio_system, conn->fd, &vec, 1, 1, -1, wap_patience_until(relay)) < 0 ? wap_relay_lost(relay)
                                                                                              : WAP_GOING_ON;
}

/* --- receiving ---------------------------------------------------------------------------------------------------- */

static int keep_fd(wap_relay *relay, int fd)
{
    if (fd < 0)
        return 0;
    if (relay->n_fds == (int)(sizeof relay->fds / sizeof *relay->fds)) {
        close(fd);
        return -1;
    }
    relay->fds[relay->n_fds++] = fd;
    return 0;
}

/* Something more into conn->memory, which has room. What has been queued for the client goes out before a wait. */
static wap_verdict receive(wap_relay *relay)
{
    wap_conn *conn = relay->conn;
    int fd;

    relay->last_us = wio_now_us(); /* time that the client took does not count */
    for (;;) {
        int look_only = (relay->unflushed && relay->part_left == 0) || wap_backlog_waits(&relay->backlog);
        ssize_t got = wio_recv_fd(conn->fd, conn->memory + relay->end, conn->size - relay->end, &fd,
                                  look_only ? 1 : wap_patience_until(relay));
        if (got > 0) {
            relay->end += (size_t)got;
            relay->claimed = 1;
            return keep_fd(relay, fd) < 0 ? nonsense(relay, "descriptors that belong to nothing") : WAP_GOING_ON;
        }
        if (got == 0 || errno != ETIMEDOUT)
            return wap_relay_lost(relay);
        if (look_only) {
            int state = wap_backlog_serve(&relay->backlog, conn->fd, wap_patience_until(relay));
            if (state < 0)
                return end_with(relay, wap_relay_cut(relay));
            relay->unflushed = state;
            if (state == 0)
                continue;
        }
        wap_verdict verdict = wap_patience_ask(relay);
        if (verdict != WAP_GOING_ON)
            return verdict;
    }
}

/* At least `len` bytes in one piece at conn->memory + at. */
static wap_verdict need(wap_relay *relay, size_t len)
{
    wap_conn *conn = relay->conn;

    if (relay->at == relay->end)
        relay->at = relay->end = 0;
    if (relay->at + len > conn->size) {
        memmove(conn->memory, conn->memory + relay->at, relay->end - relay->at);
        relay->end -= relay->at;
        relay->at = 0;
    }
    if (len > conn->size) {
        uint8_t *bigger = realloc(conn->memory, len);
        if (!bigger)
            return nonsense(relay, "more than there is memory for");
        conn->memory = bigger;
        conn->size = len;
    }
    while (relay->end - relay->at < len) {
        wap_verdict verdict = receive(relay);
        if (verdict != WAP_GOING_ON)
            return verdict;
    }
    return WAP_GOING_ON;
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

/* Finds a header field that is longer than header-buffer-size. */
static int oversized(const wap_relay *relay, const wio_head *head, uint32_t len, wio_pair *field)
{
    uint32_t limit = (uint32_t)relay->pool->group->header_buffer_size;
    wio_cursor cursor = head->pairs;

    if (limit == 0)
        limit = DEFAULT_FIELD;
    if (len <= limit)
        return 0;
    while (wio_pair_next(&cursor, field) > 0)
        if (field->key_len + field->value_len > limit)
            return 1;
    return 0;
}

/* response-socket-timeout, from the head of the response on. HTTP/2 has a timeout of its own for all streams. */
static void limit_client(const wap_relay *relay)
{
    apr_socket_t *socket = relay->r->connection->master ? NULL : ap_get_conn_socket(relay->r->connection);

    if (socket)
        apr_socket_timeout_set(socket, apr_time_from_sec(relay->pool->group->response_socket_timeout));
}

static wap_verdict take_response(wap_relay *relay, uint32_t len)
{
    const uint8_t *bytes = relay->conn->memory + relay->at;
    wio_head head;
    wio_pair field;

    if (relay->reply.started || wio_response_open(bytes, len, &head) < 0)
        return nonsense(relay, "a response head that makes no sense");
    if (oversized(relay, &head, len, &field)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, relay->r,
                      MWS(4062) "response refused: header field '%.100s' of %u bytes is longer than the "
                                "header-buffer-size of daemon group '%s'",
                      field.key, (unsigned)field.value_len, relay->pool->group->name);
        return end_with(relay, HTTP_INTERNAL_SERVER_ERROR);
    }
    int status = wap_reply_head(&relay->reply, &head);
    limit_client(relay);
    wap_backlog_open(&relay->backlog, &relay->reply);
    relay->at += len;
    return status == OK ? WAP_GOING_ON : end_with(relay, status);
}

/* Hands the buffer with its bytes to httpd; what stands behind them moves to a new one. */
static int give_memory(wap_relay *relay, size_t len)
{
    wap_conn *conn = relay->conn;
    uint8_t *memory = conn->memory, *fresh = malloc(WAP_RECEIVE_SIZE);
    size_t at = relay->at, rest = relay->end - relay->at - len;

    if (!fresh || rest > WAP_RECEIVE_SIZE) { /* then by copy */
        free(fresh);
        relay->at += len;
        return wap_reply_body(&relay->reply, memory + at, len, 0);
    }
    memcpy(fresh, memory + at + len, rest);
    conn->memory = fresh;
    conn->size = WAP_RECEIVE_SIZE;
    relay->at = 0;
    relay->end = rest;
    return wap_reply_body_owned(&relay->reply, memory, memory + at, len, 0);
}

/* Whether the daemon's last word is here already, behind the next `skip` bytes. */
static int ends_here(const wap_relay *relay, size_t skip)
{
    wio_frame frame;

    for (size_t at = relay->at + skip; relay->end - at >= WIO_FRAME_SIZE; at += WIO_FRAME_SIZE + frame.len) {
        if (wio_frame_get(relay->conn->memory + at, 0, &frame) < 0)
            return 0;
        if (frame.type == WIO_END || frame.type == WIO_ABORT)
            return 1;
        if (frame.len > relay->end - at - WIO_FRAME_SIZE)
            return 0;
    }
    return 0;
}

/* Carries the rest of a DATA frame as it comes. */
static wap_verdict carry_data(wap_relay *relay)
{
    while (relay->part_left) {
        wap_verdict verdict = need(relay, 1);
        if (verdict != WAP_GOING_ON)
            return verdict;

        size_t here = relay->end - relay->at, len = here < relay->part_left ? here : relay->part_left;
        int gone, last = len == relay->part_left && ends_here(relay, len);
        if (len >= LARGE_PART && !wap_backlog_waits(&relay->backlog) && (last || !relay->backlog.bound)) {
            gone = give_memory(relay, len) < 0;
        } else {
            gone = wap_backlog_put(&relay->backlog, relay->conn->memory + relay->at, len, last) < 0;
            relay->at += len;
        }
        if (gone)
            return end_with(relay, wap_relay_cut(relay));
        relay->part_left -= (uint32_t)len;
        relay->body_bytes += len;
        relay->unflushed = 1;
    }
    return WAP_GOING_ON;
}

/* Body bytes on the shelf: httpd sends them from there, and copies what it has to keep. */
static wap_verdict take_lent(wap_relay *relay)
{
    wio_shelf *shelf = relay->pool->shelf;
    wio_lent part;

    memcpy(&part, relay->conn->memory + relay->at, sizeof part);
    relay->at += sizeof part;
    const uint8_t *bytes = part.length <= WIO_SLOT_SIZE ? wio_shelf_look(shelf, part.slot, relay->id) : NULL;
    if (!bytes)
        return nonsense(relay, "a block that is not on its shelf");

    relay->body_bytes += part.length;
    relay->unflushed = 1;
    int gone = wap_backlog_put(&relay->backlog, bytes, part.length, ends_here(relay, 0)) < 0;
    wio_shelf_give(shelf, part.slot, relay->id);
    return gone ? end_with(relay, wap_relay_cut(relay)) : WAP_GOING_ON;
}

static wap_verdict take_file(wap_relay *relay)
{
    wio_file part;

    memcpy(&part, relay->conn->memory + relay->at, sizeof part);
    relay->at += sizeof part;
    if (relay->n_fds == 0 || part.offset > INT64_MAX || part.length > INT64_MAX - part.offset)
        return nonsense(relay, "a file part without its file");

    int fd = relay->fds[0];
    relay->fds[0] = relay->fds[1];
    relay->n_fds--;
    relay->body_bytes += part.length;
    relay->unflushed = 1;
    int gone = wap_backlog_close(&relay->backlog) < 0 ||
               wap_reply_file(&relay->reply, fd, (apr_off_t)part.offset, (apr_off_t)part.length) < 0;
    close(fd);
    return gone ? end_with(relay, wap_relay_cut(relay)) : WAP_GOING_ON;
}

static wap_verdict take_end(wap_relay *relay)
{
    wio_end end;

    memcpy(&end, relay->conn->memory + relay->at, sizeof end);
    relay->at += sizeof end;
    if (end.body_bytes != relay->body_bytes || relay->at != relay->end)
        return nonsense(relay, "a response of another length than it says");
    relay->whole = 1;
    return WAP_ANSWERED;
}

/* The daemon has given up and has logged why. */
static wap_verdict take_abort(wap_relay *relay, const wio_frame *frame)
{
    int of_body = wap_body_error(relay->r);

    relay->at += frame->len;
    if (relay->reply.started)
        relay->status = wap_relay_cut(relay);
    else
        relay->status = of_body ? of_body : frame->arg >= 400 && frame->arg < 600 ? frame->arg : HTTP_BAD_GATEWAY;
    return frame->arg == WIO_ABORT_TIMEOUT || frame->arg == HTTP_GATEWAY_TIME_OUT ? WAP_ENDED : WAP_ANSWERED;
}

static wap_verdict take_frame(wap_relay *relay)
{
    uint32_t wanted;
    wio_frame frame;
    wap_verdict verdict = need(relay, WIO_FRAME_SIZE);

    if (verdict != WAP_GOING_ON)
        return verdict;
    if (wio_frame_get(relay->conn->memory + relay->at, 0, &frame) < 0)
        return nonsense(relay, "a frame that makes no sense");
    relay->at += WIO_FRAME_SIZE;

    if (frame.type == WIO_DATA && relay->reply.started) {
        relay->part_left = frame.len;
        return carry_data(relay);
    }
    if ((frame.type == WIO_END || frame.type == WIO_FILE || frame.type == WIO_LENT) && !relay->reply.started)
        return nonsense(relay, "a body without a head");
    if ((verdict = need(relay, frame.len)) != WAP_GOING_ON)
        return verdict;
    switch (frame.type) {
    case WIO_RESPONSE:
        return take_response(relay, frame.len);
    case WIO_LENT:
        return take_lent(relay);
    case WIO_FILE:
        return take_file(relay);
    case WIO_END:
        return take_end(relay);
    case WIO_ABORT:
        return take_abort(relay, &frame);
    case WIO_RETRY:
        if (wio_board_withdraw(relay->pool->board, relay->conn->word, relay->id) || relay->conn->word < 0)
            return WAP_REPLAY;
        return nonsense(relay, "a refusal after it had begun");
    case WIO_READ:
        memcpy(&wanted, relay->conn->memory + relay->at, sizeof wanted);
        return answer_read(relay, wanted);
    default:
        return nonsense(relay, "a frame that is not its to send");
    }
}

wap_verdict wap_relay_run(wap_relay *relay, wap_conn *conn)
{
    wio_process *process = wio_board_process(relay->pool->board, conn->process);
    const wio_request *fields = &relay->request->fields;
    wap_verdict verdict = WAP_GOING_ON;

    relay->conn = conn;
    relay->at = relay->end = 0;
    relay->part_left = 0;
    relay->request_left = fields->content_length < 0 ? -1 : fields->content_length - fields->body_len;
    relay->exits_before = atomic_load_explicit(&process->exit_pid, memory_order_relaxed);

    if (offer(relay) < 0)
        verdict = wap_relay_lost(relay);
    while (verdict == WAP_GOING_ON)
        verdict = take_frame(relay);

    while (relay->n_fds)
        close(relay->fds[--relay->n_fds]);
    return verdict;
}
