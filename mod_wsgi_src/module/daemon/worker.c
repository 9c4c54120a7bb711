/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../python/run_request.h"
#include "../transport/sockets.h"
#include "connections.h"

#define LARGEST_HEAD      (64u << 20)             /* LimitRequestFields times LimitRequestFieldSize at their wildest */
#define HEAD_WAIT_US      ((int64_t)10 * 1000000) /* the child sends a head in one go */
#define FULL_WAIT_MS      20
#define STRANGER_QUIET_US ((int64_t)60 * 1000000)

/* --- taking a request off the wire -------------------------------------------------------------------------------- */

enum taken { TAKEN, NOTHING_YET, NOT_OURS };

/* At least `need` bytes in x->in. 0, or -1: they do not come. */
static int fill(wdm_exchange *x, int fd, size_t need)
{
    if (x->in.len >= need)
        return 0;
    if (wio_buf_reserve(&x->in, need - x->in.len) < 0 ||
        wio_recv_all(&wio_system, fd, x->in.data + x->in.len, need - x->in.len, wio_now_us() + HEAD_WAIT_US) < 0)
        return -1;
    x->in.len = need;
    return 0;
}

static int same_token(const uint8_t *a, const uint8_t *b)
{
    unsigned difference = 0;

    for (int i = 0; i < WIO_TOKEN_SIZE; i++) /* all of it, so that time tells nothing */
        difference |= (unsigned)(a[i] ^ b[i]);
    return difference == 0;
}

/* Counts a connection that is refused. How many there were since the log told of one, when it is time to do so again;
 * else 0. */
static unsigned count_stranger(wdm_process *process)
{
    int64_t now = wio_now_us(), told = atomic_load(&process->strangers_told);

    atomic_fetch_add(&process->strangers, 1);
    if ((told && now - told < STRANGER_QUIET_US) ||
        !atomic_compare_exchange_strong(&process->strangers_told, &told, now))
        return 0;
    return atomic_exchange(&process->strangers, 0);
}

/* The HELLO at the front of x->in. Its length, or -1. */
static int check_hello(wdm_process *process, wdm_exchange *x, int fd)
{
    const size_t size = WIO_FRAME_SIZE + sizeof(wio_hello);
    wio_frame frame;
    wio_hello hello;

    if (fill(x, fd, size) < 0 || wio_frame_get(x->in.data, 0, &frame) < 0 || frame.type != WIO_HELLO)
        return -1;
    memcpy(&hello, x->in.data + WIO_FRAME_SIZE, sizeof hello);
    if (hello.magic != WIO_MAGIC || hello.version != WIO_PROTOCOL_VERSION || hello.order != WIO_ORDER ||
        hello.generation != process->config->generation || !same_token(hello.token, process->generation->token)) {
        unsigned strangers = count_stranger(process);
        if (strangers)
            wdm_log(process->config, process->group->vhost, WPY_LOG_WARNING,
                    MWS(3051) "daemon group '%s': refused %u connections that are not from this server",
                    process->group->name, strangers);
        return -1;
    }
    return (int)size;
}

/* Reads one HEAD (after a HELLO on a new connection) into x->in and opens it. */
static enum taken take(wdm_process *process, wdm_exchange *x, int fd, int greeted, wpy_request *request)
{
    wio_frame frame;
    size_t at = 0;

    x->in.len = 0;
    if (x->in.cap == 0 && wio_buf_reserve(&x->in, 1024) < 0)
        return NOT_OURS;
    ssize_t got = wio_recv(&wio_system, fd, x->in.data, x->in.cap, 1);
    if (got <= 0)
        return got < 0 && errno == ETIMEDOUT ? NOTHING_YET : NOT_OURS;
    x->in.len = (size_t)got;

    if (!greeted) {
        int hello = check_hello(process, x, fd);
        if (hello < 0)
            return NOT_OURS;
        at = (size_t)hello;
    }
    if (fill(x, fd, at + WIO_FRAME_SIZE) < 0 || wio_frame_get(x->in.data + at, LARGEST_HEAD, &frame) < 0 ||
        frame.type != WIO_HEAD || fill(x, fd, at + WIO_FRAME_SIZE + frame.len) < 0)
        return NOT_OURS;
    at += WIO_FRAME_SIZE;
    /* Nothing follows a HEAD before its answer. */
    if (x->in.len != at + frame.len ||
        wio_head_open(x->in.data + at, frame.len, &x->request, &request->vars, &request->body) < 0)
        return NOT_OURS;
    return TAKEN;
}

static void complete(wpy_request *request, const wio_request *fields)
{
    request->id = fields->id;
    request->attempts = 1 + (int)(fields->flags >> WIO_REQUEST_REPLAYS);
    request->vars_len = fields->vars_len;
    request->fixed_len = fields->fixed_len;
    request->body_len = fields->body_len;
    request->body_done = (fields->flags & WIO_REQUEST_BODY_DONE) != 0;
    request->content_length = fields->content_length;
    request->script_mtime_us = fields->script_mtime_us;
    request->request_start_us = fields->request_start_us;
    request->queue_start_us = fields->queue_start_us;
    request->daemon_start_us = wio_wall_us();
}

/* --- running it --------------------------------------------------------------------------------------------------- */

static void count(wdm_process *process)
{
    uint32_t served = atomic_fetch_add(&process->served, 1) + 1;

    atomic_fetch_add_explicit(&process->record->served, 1, memory_order_relaxed);
    if (process->request_limit && served >= process->request_limit)
        wdm_process_ask_successor(process, WIO_EXIT_MAXIMUM_REQUESTS);
}

/* Whether the request is for the successor of this process: new code must serve it, and code that does not load must
 * not. */
static int is_for_successor(wdm_process *process, const wpy_request *request)
{
    if (!wpy_script_is_stale(request))
        return 0;
    if (wdm_process_await_successor(process, WIO_EXIT_RELOAD))
        return 1;
    wpy_script_keep(request);
    return 0;
}

/* Returns whether the connection is good for another request; *counted whether the process still waited for this
 * one. */
static int run(wdm_worker *worker, int fd, const wpy_request *request, int *counted)
{
    wdm_process *process = worker->process;
    wdm_exchange *x = &worker->exchange;
    int idle = (x->request.flags & WIO_REQUEST_IGNORE_ACTIVITY) != 0;

    wdm_exchange_open(x, fd, request);
    if (is_for_successor(process, request)) {
        wdm_exchange_retry(x, WIO_RETRY_RELOAD);
        wdm_exchange_close(x);
        return 0;
    }
    if (!wio_board_start(process->board, x->request.word, x->request.id, process->pid)) {
        wdm_exchange_close(x);
        return 0; /* withdrawn: its child has gone elsewhere */
    }

    int64_t now = wio_now_us();
    atomic_store(&worker->request_us, now);
    if (!idle)
        atomic_store_explicit(&process->active_us, now, memory_order_relaxed);
    wpy_run_request(request, &x->channel);
    if (process->forked)
        _exit(0); /* the application forked, and its child came back through here */
    *counted = !wdm_exchange_close(x);
    atomic_store(&worker->request_us, 0);
    if (!idle)
        atomic_store_explicit(&process->active_us, wio_now_us(), memory_order_relaxed);
    count(process);
    return !x->broken;
}

static void serve(wdm_worker *worker, int fd)
{
    wdm_process *process = worker->process;
    wpy_request request = {0};
    int state = wdm_connections_claim(process, fd), keep = 0, counted = 1;

    if (!state)
        return;
    switch (take(process, &worker->exchange, fd, state & WDM_GREETED, &request)) {
    case NOTHING_YET:
        keep = state & ~WDM_BUSY;
        break;
    case TAKEN:
        complete(&request, &worker->exchange.request);
        keep = run(worker, fd, &request, &counted) ? WDM_OPEN | WDM_GREETED : 0;
        break;
    case NOT_OURS:
        break;
    }
    wdm_connections_release(process, fd, keep, counted);
}

static void accept_one(wdm_process *process)
{
    uid_t uid = (uid_t)-1;
    int fd = wio_accept(process->listener);

    if (fd < 0 && errno != EAGAIN)
        poll(NULL, 0, FULL_WAIT_MS); /* out of descriptors, say: the event would come back at once */
    wio_ready_arm(process->ready, process->listener);
    if (fd < 0)
        return;
    if (wio_peer_uid(fd, &uid) < 0 || (uid != process->group->socket_uid && uid != 0)) {
        unsigned strangers = count_stranger(process);
        if (strangers)
            wdm_log(process->config, process->group->vhost, WPY_LOG_WARNING,
                    MWS(3052) "daemon group '%s': refused %u connections of others, the last one of user %ld",
                    process->group->name, strangers, (long)uid);
        close(fd);
        return;
    }
    wio_set_buffers(fd, process->group->send_buffer_size, process->group->receive_buffer_size);
    if (wdm_connections_adopt(process, fd) < 0)
        close(fd);
}

/* Some code closes every descriptor that it can find. */
static _Noreturn void lose_descriptors(wdm_process *process)
{
    wdm_log(process->config, process->group->vhost, WPY_LOG_CRIT,
            MWS(3053) "daemon process %ld of group '%s': descriptors of the server were closed (%s), by the "
                      "application most "
                      "likely: it ends",
            (long)getpid(), process->group->name, strerror(errno));
    _exit(EXIT_FAILURE);
}

static void *work(void *argument)
{
    wdm_worker *worker = argument;
    wdm_process *process = worker->process;

    for (;;) {
        int fd = wio_ready_wait(process->ready, -1);
        if (fd < 0 && errno == ECANCELED)
            return NULL;
        if (fd < 0 && errno != EINTR && errno != ETIMEDOUT)
            lose_descriptors(process);
        if (fd < 0)
            continue;
        if (fd == process->listener)
            accept_one(process);
        else
            serve(worker, fd);
    }
}

/* --- the crew ----------------------------------------------------------------------------------------------------- */

/* The size asked for, in whole pages. 0, or an error number. */
static int start_thread(wdm_worker *worker, int stack_size)
{
    long page = sysconf(_SC_PAGESIZE);
    pthread_attr_t attributes;
    int failed = pthread_attr_init(&attributes);

    if (failed)
        return failed;
    if (stack_size)
        failed = pthread_attr_setstacksize(&attributes, (size_t)((stack_size + page - 1) / page * page));
    if (!failed)
        failed = pthread_create(&worker->thread, &attributes, work, worker);
    pthread_attr_destroy(&attributes);
    return failed;
}

int wdm_workers_start(wdm_process *process)
{
    int count = process->group->threads;

    process->workers = calloc((size_t)count, sizeof *process->workers);
    process->ended = calloc((size_t)count, sizeof *process->ended);
    if (!process->workers || !process->ended)
        return -1;
    process->n_workers = count;
    for (int i = 0; i < count; i++) {
        wdm_worker *worker = &process->workers[i];
        worker->process = process;
        if (wdm_exchange_init(&worker->exchange, process->config, process->generation->shelves[process->group->index]) <
            0)
            return -1;
    }
    for (int i = 0; i < count; i++) {
        wdm_worker *worker = &process->workers[i];
        int failed = start_thread(worker, process->group->stack_size);
        if (failed) {
            errno = failed;
            return -1;
        }
        worker->started = 1;
    }
    return 0;
}

int wdm_workers_join(wdm_process *process)
{
    for (int i = 0; i < process->n_workers; i++)
        if (atomic_load(&process->workers[i].request_us))
            return -1;
    for (int i = 0; i < process->n_workers; i++)
        if (process->workers[i].started)
            pthread_join(process->workers[i].thread, NULL);
    return 0;
}
