/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "../python/channel.h"
#include "../python/runtime.h"
#include "../transport/sockets.h"
#include "connections.h"
#include "limits.h"
#include "worker.h"

#define SECOND    ((int64_t)1000000)
#define PROBE_MS  200
#define PROBES    10   /* in one deadlock-timeout, at most one a second */
#define ASK_MS    500  /* for the GIL, to interrupt a request */
#define STACKS_MS 2000 /* the same, to read the Python stacks */

static int due(int64_t since_us, int limit_s, int64_t now)
{
    return limit_s && since_us && now - since_us > limit_s * SECOND;
}

/* The guilty request ends for its client at once. */
static int end_request(wdm_process *process, wdm_worker *worker, int64_t begun, int64_t now, wdm_ended *which)
{
    const wdm_group *group = process->group;

    if (!wdm_exchange_expire(&worker->exchange, process->board, which))
        return 0;
    wdm_connections_give_up(process);
    worker->overdue_us = begun;
    worker->ended_us = now;
    wdm_log(process->config, which->vhost, WPY_LOG_ERROR,
            MWS(3021) "request %s: daemon process %ld of group '%s': it ran longer than request-timeout=%d s: its "
                      "client gets an error; the Python stacks follow",
            which->name, (long)getpid(), group->name, group->request_timeout);
    return 1;
}

static void interrupt_requests(wdm_process *process, const wdm_ended *ended)
{
    for (int i = 0; i < process->n_workers; i++)
        if (ended[i].id && wpy_interrupt(&process->workers[i].exchange.channel, ended[i].id, ASK_MS) < 0)
            return; /* who holds the GIL now will hold it for the next one as well */
}

/* Its thread was asked to let go, or could not be asked: without it the process serves fewer and fewer. */
static void replace_when_stuck(wdm_process *process, wdm_worker *worker, int64_t now)
{
    const wdm_group *group = process->group;

    if (!worker->overdue_us)
        return;
    if (atomic_load(&worker->request_us) != worker->overdue_us) {
        worker->overdue_us = 0;
        return;
    }
    if (now - worker->ended_us < group->interrupt_timeout * SECOND || atomic_load(&process->replacement))
        return;
    wdm_log(process->config, group->vhost, WPY_LOG_WARNING,
            MWS(3025) "daemon process %ld of group '%s': a request still runs though request-timeout has ended it: "
                      "the process is replaced",
            (long)getpid(), group->name);
    wdm_process_ask_successor(process, WIO_EXIT_REQUEST_TIMEOUT);
}

/* Only the guilty request ends, when its thread can be interrupted; else the process is replaced, and its siblings
 * finish. Returns when to look again at the latest. */
static int64_t watch_requests(wdm_process *process, int64_t now)
{
    const wdm_group *group = process->group;
    int64_t limit = group->request_timeout * SECOND, next = now + SECOND;
    wdm_ended *ended = process->ended;
    int n = 0;

    if (!limit)
        return next;
    for (int i = 0; i < process->n_workers; i++) {
        wdm_worker *worker = &process->workers[i];
        int64_t begun = atomic_load(&worker->request_us);
        ended[i].id = 0;
        if (!begun || begun == worker->overdue_us)
            continue;
        if (now - begun >= limit)
            n += end_request(process, worker, begun, now, &ended[i]);
        else if (begun + limit < next)
            next = begun + limit;
    }
    if (n)
        wpy_dump_stacks(STACKS_MS);
    if (n && group->interrupt_timeout)
        interrupt_requests(process, ended);
    for (int i = 0; i < process->n_workers; i++)
        replace_when_stuck(process, &process->workers[i], wio_now_us());
    return next;
}

/* A GIL that nobody gets: no request can finish any more, so nothing is lost by ending at once. Returns when to look
 * again at the latest. */
static int64_t watch_gil(wdm_process *process, int64_t now, int64_t next, int64_t *had_us)
{
    const wdm_group *group = process->group;
    int64_t limit = group->deadlock_timeout * SECOND;

    if (!limit || (now - *had_us) * PROBES < limit)
        return next;
    if (wpy_probe_gil(PROBE_MS) == 0 || *had_us == 0) {
        *had_us = now;
        return next;
    }
    if (now - *had_us < limit)
        return *had_us + limit < next ? *had_us + limit : next;
    wdm_log(process->config, group->vhost, WPY_LOG_CRIT,
            MWS(3022) "daemon process %ld of group '%s': no thread could take the GIL for deadlock-timeout=%d s: it "
                      "ends; the Python stacks follow",
            (long)getpid(), group->name, group->deadlock_timeout);
    wpy_dump_stacks(0);
    atomic_store(&process->reason, WIO_EXIT_DEADLOCK);
    wdm_process_exit(process);
}

static void watch_start(wdm_process *process, int64_t since_us, int64_t now)
{
    const wdm_group *group = process->group;

    if (!due(since_us, group->startup_timeout, now))
        return;
    wdm_log(process->config, group->vhost, WPY_LOG_ERROR,
            MWS(3023) "daemon process %ld of group '%s' had loaded no script within startup-timeout=%d s: it ends",
            (long)getpid(), group->name, group->startup_timeout);
    atomic_store(&process->reason, WIO_EXIT_START_FAILED);
    wdm_process_exit(process);
}

static void watch_idleness(wdm_process *process, int64_t now)
{
    const wdm_group *group = process->group;

    /* A process that has served nothing has nothing to give back. */
    if (!due(atomic_load(&process->active_us), group->inactivity_timeout, now) || atomic_load(&process->replacement))
        return;
    for (int i = 0; i < process->n_workers; i++)
        if (atomic_load(&process->workers[i].request_us))
            return;
    wdm_log(process->config, group->vhost, WPY_LOG_INFO,
            MWS(3024) "daemon process %ld of group '%s' was idle for %d s: it is replaced", (long)getpid(), group->name,
            group->inactivity_timeout);
    wdm_process_ask_successor(process, WIO_EXIT_INACTIVITY); /* so that the next request does not wait for its load */
}

/* Sleeps; a service process hears its manager meanwhile. */
static void sleep_or_hear(wdm_process *process, int *hears, int64_t until_us)
{
    int64_t left = until_us - wio_now_us();
    struct pollfd polled = {.fd = *hears ? process->control : -1, .events = POLLIN};
    char word;

    if (poll(&polled, 1, left > 0 ? (int)((left + 999) / 1000) : 0) <= 0)
        return;
    if (read(process->control, &word, 1) < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    *hears = 0;
    kill(getpid(), SIGTERM); /* Python makes it SystemExit in the script */
}

static void *watch(void *argument)
{
    wdm_process *process = argument;
    int64_t gil_us = 0, next_us = wio_now_us() + SECOND;
    int hears = process->group->threads == 0;

    for (;;) {
        sleep_or_hear(process, &hears, next_us);
        int64_t now = wio_now_us(), exit_at = atomic_load(&process->exit_at_us);
        if (exit_at && now >= exit_at)
            wdm_process_exit(process);
        next_us = now + SECOND;
        switch (atomic_load(&process->phase)) {
        case WDM_STARTING:
            watch_start(process, process->start_us, now);
            break;
        case WDM_SERVING:
            next_us = watch_requests(process, now);
            watch_idleness(process, now);
            wdm_watch_limits(process, now);
            watch_start(process, wpy_load_pending_us(), now);
            next_us = watch_gil(process, now, next_us, &gil_us);
            break;
        case WDM_DRAINING:
            next_us = watch_requests(process, now);
            next_us = watch_gil(process, now, next_us, &gil_us);
            break;
        case WDM_ENDING: /* Python goes away: hands off */
            break;
        }
    }
    return NULL;
}

int wdm_monitor_start(wdm_process *process)
{
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, watch, process);

    if (failed) {
        errno = failed;
        return -1;
    }
    pthread_detach(thread);
    return 0;
}
