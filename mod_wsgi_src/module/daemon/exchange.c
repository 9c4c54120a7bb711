/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../transport/board.h"
#include "../transport/sockets.h"

#define FIRST_IN        (16 * 1024)
#define FIRST_OUT       (40 * 1024)
#define KEPT_MEMORY     (256 * 1024)  /* what a buffer may hold between requests */
#define SMALL_BODY      (32 * 1024)   /* copied, to travel with head and END; more is sent from where it lies */
#define MOST_BLOCKS     64            /* of a body in one vector */
#define UNTOLD          (1024 * 1024) /* what lies on the shelf before the child is told, when more follows */
#define GATEWAY_TIMEOUT 504

static wdm_exchange *exchange_of(wpy_channel *channel)
{
    return (wdm_exchange *)channel;
}

/* --- sending ------------------------------------------------------------------------------------------------------ */

/* Between these two the monitor does not write to the connection; it may shut it down, which ends the send. */
static int begin_send(wdm_exchange *x)
{
    pthread_mutex_lock(&x->lock);
    int fd = x->expired || x->broken ? -1 : x->fd;
    x->sending = fd >= 0;
    pthread_mutex_unlock(&x->lock);
    return fd;
}

static int is_expired(wdm_exchange *x)
{
    pthread_mutex_lock(&x->lock);
    int expired = x->expired;
    pthread_mutex_unlock(&x->lock);
    return expired;
}

static void end_send(wdm_exchange *x, int responding)
{
    pthread_mutex_lock(&x->lock);
    x->sending = 0;
    x->responding |= responding;
    pthread_mutex_unlock(&x->lock);
}

/* The waiting bytes, then a vector whose entry 0 is free for them. No deadline: a slow client is Apache's affair, and
 * a child that dies ends this. 0, or -1: the client's side is gone. */
static int transmit(wdm_exchange *x, struct iovec *vec, int count, int pass_fd)
{
    vec[0] = (struct iovec){x->out.data, x->out.len};

    int fd = begin_send(x);
    int sent = fd < 0 ? -1 : wio_send_all(&wio_system, fd, vec, count, wio_iov_max(), pass_fd, 0);
    end_send(x, sent == 0);
    x->out.len = 0;
    if (sent < 0)
        x->broken = 1;
    return sent;
}

static int flush(wdm_exchange *x)
{
    struct iovec vec[1];

    return x->out.len ? transmit(x, vec, 1, -1) : 0;
}

static int put_frame(wdm_exchange *x, uint8_t type, uint16_t arg, uint32_t payload)
{
    if (wio_buf_reserve(&x->out, WIO_FRAME_SIZE) < 0)
        return -1;
    wio_frame_put(x->out.data + x->out.len, type, 0, arg, payload);
    x->out.len += WIO_FRAME_SIZE;
    return 0;
}

static int put_whole(wdm_exchange *x, uint8_t type, uint16_t arg, const void *payload, uint32_t len)
{
    return put_frame(x, type, arg, len) < 0 ? -1 : wio_buf_append(&x->out, payload, len);
}

/* --- the channel -------------------------------------------------------------------------------------------------- */

static int lost_body(int reason)
{
    errno = reason;
    return -1;
}

static ssize_t channel_read(wpy_channel *channel, void *buf, size_t max)
{
    wdm_exchange *x = exchange_of(channel);
    uint32_t wanted = max < WIO_MAX_DATA ? (uint32_t)max : WIO_MAX_DATA;
    uint8_t header[WIO_FRAME_SIZE];
    wio_frame frame;

    if (x->body_over || wanted == 0)
        return 0;
    if (x->broken || put_whole(x, WIO_READ, 0, &wanted, sizeof wanted) < 0 || flush(x) < 0)
        return lost_body(ECONNRESET);

    /* The child waits for the client, as long as Apache's Timeout lets it, and always answers. */
    if (wio_recv_all(&wio_system, x->fd, header, sizeof header, 0) < 0 || wio_frame_get(header, 0, &frame) < 0 ||
        frame.type != WIO_DATA || frame.len > wanted || wio_recv_all(&wio_system, x->fd, buf, frame.len, 0) < 0) {
        x->broken = 1;
        return lost_body(is_expired(x) ? ETIMEDOUT : ECONNRESET);
    }
    if (frame.flags & WIO_FAILED)
        return lost_body(frame.arg ? frame.arg : ECONNRESET);
    x->body_over = (frame.flags & WIO_LAST) || frame.len == 0;
    return (ssize_t)frame.len;
}

static int channel_head(wpy_channel *channel, const void *head, size_t len)
{
    wdm_exchange *x = exchange_of(channel);

    if (len > WIO_MAX_RESPONSE || x->broken)
        return -1;
    return put_whole(x, WIO_RESPONSE, 0, head, (uint32_t)len);
}

/* What is still to be sent of a body. */
typedef struct rest {
    const struct iovec *block, *end;
    size_t offset; /* into *block */
} rest;

/* The next piece, of at most `room` bytes; an empty one at the end. */
static struct iovec next_piece(rest *rest, size_t room)
{
    while (rest->block < rest->end && rest->offset == rest->block->iov_len) {
        rest->block++;
        rest->offset = 0;
    }
    if (rest->block == rest->end)
        return (struct iovec){NULL, 0};

    size_t left = rest->block->iov_len - rest->offset;
    struct iovec piece = {(char *)rest->block->iov_base + rest->offset, left < room ? left : room};
    rest->offset += piece.iov_len;
    return piece;
}

/* Lays what a slot takes on the shelf; its frame waits in `out`. Should that never arrive, the manager finds the slot.
 * Bytes laid; 0 no slot is free, or nothing is left; -1. */
static ssize_t lay_part(wdm_exchange *x, rest *rest)
{
    uint8_t *bytes;
    int slot = x->shelf && x->request.word != WIO_NO_WORD ? wio_shelf_take(x->shelf, x->pid, &bytes) : -1;
    wio_lent part = {(uint32_t)slot, 0};

    if (slot < 0)
        return 0;
    for (struct iovec piece; (piece = next_piece(rest, WIO_SLOT_SIZE - part.length)).iov_len;) {
        memcpy(bytes + part.length, piece.iov_base, piece.iov_len);
        part.length += (uint32_t)piece.iov_len;
    }
    wio_shelf_lend(x->shelf, slot, x->request.id);
    x->body_bytes += part.length;
    return put_whole(x, WIO_LENT, 0, &part, sizeof part) < 0 ? -1 : (ssize_t)part.length;
}

/* Sends a DATA frame with the next bytes, from where they lie. As lay_part. */
static ssize_t send_part(wdm_exchange *x, rest *rest)
{
    struct iovec vec[MOST_BLOCKS];
    uint32_t len = 0;
    int n = 1;

    while (n < MOST_BLOCKS && (vec[n] = next_piece(rest, WIO_SLOT_SIZE - len)).iov_len)
        len += (uint32_t)vec[n++].iov_len;
    if (len == 0)
        return 0;
    if (put_frame(x, WIO_DATA, 0, len) < 0)
        return -1;
    x->body_bytes += len;
    return transmit(x, vec, n, -1) < 0 ? -1 : (ssize_t)len;
}

static int send_large(wdm_exchange *x, const struct iovec *blocks, int count, size_t total)
{
    rest rest = {blocks, blocks + count, 0};
    size_t untold = 0; /* laid since the last send */

    while (total) {
        ssize_t part = lay_part(x, &rest);
        untold = part > 0 ? untold + (size_t)part : 0;
        if (part == 0)
            part = send_part(x, &rest);
        if (part < 0)
            return -1;
        total -= (size_t)part;
        if (untold >= UNTOLD && total) {
            untold = 0;
            if (flush(x) < 0)
                return -1;
        }
    }
    return 0;
}

static int copy_body(wdm_exchange *x, const struct iovec *blocks, int count, size_t total)
{
    if (wio_buf_reserve(&x->out, WIO_FRAME_SIZE + total) < 0 || put_frame(x, WIO_DATA, 0, (uint32_t)total) < 0)
        return -1;
    for (int i = 0; i < count; i++)
        if (wio_buf_append(&x->out, blocks[i].iov_base, blocks[i].iov_len) < 0)
            return -1;
    x->body_bytes += total;
    return 0;
}

static int channel_body(wpy_channel *channel, const struct iovec *blocks, int count, wpy_when when)
{
    wdm_exchange *x = exchange_of(channel);
    size_t total = 0;

    if (x->broken)
        return -1;
    for (int i = 0; i < count; i++)
        total += blocks[i].iov_len;

    if (x->out.len + total <= SMALL_BODY) {
        if (total && copy_body(x, blocks, count, total) < 0)
            return -1;
    } else if (send_large(x, blocks, count, total) < 0) {
        return -1;
    }
    return when == WPY_NOW ? flush(x) : 0;
}

static int channel_file(wpy_channel *channel, int fd, off_t offset, off_t length)
{
    wdm_exchange *x = exchange_of(channel);
    wio_file part = {(uint64_t)offset, (uint64_t)length};
    struct iovec vec[1];

    if (x->broken || put_whole(x, WIO_FILE, 0, &part, sizeof part) < 0)
        return -1;
    x->body_bytes += (uint64_t)length;
    return transmit(x, vec, 1, fd);
}

static void channel_finish(wpy_channel *channel, wpy_outcome outcome, int status, int reason, uint64_t application_us)
{
    wdm_exchange *x = exchange_of(channel);
    wio_end end = {x->body_bytes, application_us};
    int put;

    if (x->broken)
        return;
    if (outcome == WPY_COMPLETE)
        put = put_whole(x, WIO_END, 0, &end, sizeof end);
    else if (outcome == WPY_NO_RESPONSE)
        put = put_frame(x, WIO_ABORT, (uint16_t)status, 0);
    else
        put = put_frame(x, WIO_ABORT, (uint16_t)reason, 0);
    if (put < 0 || flush(x) < 0)
        x->broken = 1;
}

static void channel_log(wpy_channel *channel, int level, const char *text, size_t len)
{
    wdm_exchange *x = exchange_of(channel);

    x->config->log(x->config->context, x->request.vhost, level, text, len);
}

/* --- a life ------------------------------------------------------------------------------------------------------- */

int wdm_exchange_init(wdm_exchange *x, const wdm_config *config, wio_shelf *shelf)
{
    memset(x, 0, sizeof *x);
    x->channel = (wpy_channel){.read = channel_read,
                               .head = channel_head,
                               .body = channel_body,
                               .file = channel_file,
                               .finish = channel_finish,
                               .log = channel_log};
    x->config = config;
    x->shelf = shelf;
    x->pid = (uint32_t)getpid();
    x->fd = -1;
    wio_buf_init(&x->in, NULL, 0);
    wio_buf_init(&x->out, NULL, 0);
    if (pthread_mutex_init(&x->lock, NULL) != 0)
        return -1;
    return wio_buf_reserve(&x->in, FIRST_IN) < 0 || wio_buf_reserve(&x->out, FIRST_OUT) < 0 ? -1 : 0;
}

void wdm_exchange_free(wdm_exchange *x)
{
    wio_buf_free(&x->in);
    wio_buf_free(&x->out);
    pthread_mutex_destroy(&x->lock);
}

void wdm_exchange_open(wdm_exchange *x, int fd, const wpy_request *request)
{
    x->body_bytes = 0;
    x->broken = 0;
    x->out.len = 0;
    x->body_over = (x->request.flags & WIO_REQUEST_BODY_DONE) != 0;
    pthread_mutex_lock(&x->lock);
    x->fd = fd;
    x->running = request;
    x->sending = x->responding = x->expired = 0;
    pthread_mutex_unlock(&x->lock);
}

/* A buffer that one huge request blew up does not stay so. */
static void shrink(wio_buf *buf, size_t size)
{
    if (buf->cap <= KEPT_MEMORY)
        return;
    wio_buf_free(buf);
    wio_buf_reserve(buf, size); /* when this fails the next use tries again */
}

int wdm_exchange_close(wdm_exchange *x)
{
    pthread_mutex_lock(&x->lock);
    int expired = x->expired;
    x->fd = -1;
    pthread_mutex_unlock(&x->lock);
    if (expired)
        x->broken = 1;
    shrink(&x->in, FIRST_IN);
    shrink(&x->out, FIRST_OUT);
    return expired;
}

void wdm_exchange_retry(wdm_exchange *x, uint16_t reason)
{
    if (put_frame(x, WIO_RETRY, reason, 0) < 0 || flush(x) < 0)
        x->broken = 1;
}

static void describe_locked(const wdm_exchange *x, wdm_ended *which)
{
    wio_cursor cursor = {x->running->vars, x->running->vars + x->running->vars_len};
    wio_pair pair;

    *which = (wdm_ended){.id = x->request.id, .vhost = x->request.vhost, .name = "-"};
    while (wio_pair_next(&cursor, &pair) > 0)
        if (!strcmp(pair.key, "mod_wsgi.request_id"))
            snprintf(which->name, sizeof which->name, "%s", pair.value);
}

int wdm_exchange_expire(wdm_exchange *x, wio_board *board, wdm_ended *which)
{
    uint8_t frame[WIO_FRAME_SIZE];
    struct iovec vec = {frame, sizeof frame};

    pthread_mutex_lock(&x->lock);
    int ended = x->fd >= 0 && !x->expired;
    if (ended) {
        x->expired = 1;
        describe_locked(x, which);
        wio_board_give_up(board, x->request.word);
        wio_frame_put(frame, WIO_ABORT, 0, x->responding ? WIO_ABORT_TIMEOUT : GATEWAY_TIMEOUT, 0);
        if (!x->sending)
            wio_send_all(&wio_system, x->fd, &vec, 1, 1, -1, 1); /* without waiting; else the end of file tells it */
        shutdown(x->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&x->lock);
    return ended;
}

void wdm_exchange_disown(wdm_exchange *x)
{
    pthread_mutex_init(&x->lock, NULL); /* its holder may not exist here */
    x->fd = -1;
    x->broken = 1;
}
