/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of a daemon that run requests. All wait on one readiness set; each event goes to one of them. */
#ifndef WSGI_DAEMON_WORKER_H
#define WSGI_DAEMON_WORKER_H

#include "exchange.h"
#include "process.h"

typedef struct wdm_worker {
    wdm_process *process;
    wdm_exchange exchange;
    pthread_t thread;
    int started;                /* the thread exists */
    _Atomic int64_t request_us; /* monotonic: its request began; 0 none runs */
    int64_t overdue_us;         /* monitor: request_us of a request that it has ended and that still runs; 0 none */
    int64_t ended_us;           /* monitor: when it ended that one */
} wdm_worker;

/* Main thread: makes process->workers and their threads. 0, or -1 with errno. */
int wdm_workers_start(wdm_process *process);

/* Main thread, after wio_ready_wake() on a draining process: waits for all to end. 0; -1 when some still run a
 * request, and then nothing was waited for. */
int wdm_workers_join(wdm_process *process);

#endif
