/* SPDX-License-Identifier: Apache-2.0 */
/* One daemon's life: takes its place, starts Python, serves, drains, ends. Its threads: the main one (signals, the
 * manager's words), the workers, the monitor.
 */
#ifndef WSGI_DAEMON_PROCESS_H
#define WSGI_DAEMON_PROCESS_H

#include <pthread.h>
#include <stdatomic.h>

#include "../transport/readiness.h"
#include "shared.h"
#include "surroundings.h"

/* What the monitor may look at. */
enum wdm_phase { WDM_STARTING, WDM_SERVING, WDM_DRAINING, WDM_ENDING };

struct wdm_worker;

typedef struct wdm_process {
    wdm_generation *generation;
    const wdm_config *config;
    const wdm_group *group;
    wio_board *board;
    wio_process *record;
    uint32_t pid;
    int successor; /* another daemon serves on this seat until we are ready */
    int forked;    /* in a process that an application forked */
    int listener, control;
    int events[2]; /* pipe: one byte for each thing that the main thread must know */
    wio_ready *ready;
    struct wdm_worker *workers;
    struct wdm_ended *ended; /* the monitor's, one for each worker */
    int n_workers;
    uint32_t request_limit; /* maximum-requests with jitter; 0: none */
    int64_t start_us;

    pthread_mutex_t lock; /* guards the rest of this block: connections.h */
    uint8_t *connections; /* by descriptor: wdm_connection */
    int n_connections;
    int busy; /* requests that still matter */
    int draining;
    unsigned failed_successors;
    int abandoned;          /* the last successor failed, and none was asked for since */
    pthread_cond_t changed; /* draining, or failed_successors */

    atomic_int phase; /* wdm_phase */
    _Atomic uint32_t served;
    _Atomic uint32_t strangers;     /* refused connections that the log has not told of */
    _Atomic int64_t strangers_told; /* when it did, in us; 0 never */
    _Atomic uint32_t reason;        /* wio_exit_reason, once known */
    atomic_int replacement;         /* asked for */
    _Atomic int64_t active_us;      /* the last request began or ended */
    _Atomic int64_t exit_at_us;     /* the monitor ends the process hard; 0: no such time */
} wdm_process;

/* Where a daemon belongs. */
typedef struct wdm_post {
    uint32_t group, seat;
    int control;   /* its end of the socket pair with the manager */
    int successor; /* another daemon serves on this seat until this one is ready */
} wdm_post;

/* What a daemon process does from its fork on; never returns. */
_Noreturn void wdm_process_run(wdm_generation *generation, const wdm_post *post, const wdm_title *title);

/* Any thread: asks the manager for a successor and serves on until that is ready. Only the first reason counts. */
void wdm_process_ask_successor(wdm_process *process, uint32_t reason);
/* Any thread but the main one: the same, and waits for it. 1 when this process is to take no more requests, 0 when the
 * successor failed. */
int wdm_process_await_successor(wdm_process *process, uint32_t reason);
/* Any thread: takes no more requests from now on; those that run are finished, then the process ends. */
void wdm_process_leave(wdm_process *process, uint32_t reason);
/* Ends the process at once, without Python's shutdown. */
_Noreturn void wdm_process_exit(wdm_process *process);

/* Wakes the main thread. Async-signal-safe. */
enum wdm_event {
    WDM_EVENT_REPLACE = 'U',  /* an operator wants a fresh process */
    WDM_EVENT_CPU_TIME = 'C', /* cpu-time-limit is reached */
    WDM_EVENT_STOP = 'T',
    WDM_EVENT_HUP = 'H', /* for the application's subscribers */
    WDM_EVENT_USR2 = '2',
    WDM_EVENT_DRAIN = 'D', /* it has begun */
    WDM_EVENT_IDLE = 'I'   /* the last request that was waited for has ended */
};
void wdm_process_notify(wdm_process *process, char event);

#endif
