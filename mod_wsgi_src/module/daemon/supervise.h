/* SPDX-License-Identifier: Apache-2.0 */
/* The manager's table of daemons: who sits on which seat, who must be started, replaced or killed, and when. Single
 * thread.
 *
 * A seat may hold several daemons for a while: one that serves, its successor that starts, older ones that finish.
 * The rule is one: a seat on which nobody starts or is ready gets a new daemon, at once or, after quick deaths, with
 * back-off.
 */
#ifndef WSGI_DAEMON_SUPERVISE_H
#define WSGI_DAEMON_SUPERVISE_H

#include "shared.h"
#include "surroundings.h"

/* One byte each on the control socket between a daemon and its manager; end of file on it means the other is gone. */
enum wdm_word {
    WDM_READY = 'Y',   /* daemon: I serve */
    WDM_REPLACE = 'R', /* daemon: I serve on, start my successor, then tell me to drain; again: now, and not later */
    WDM_LEAVING = 'L', /* daemon: I take no more requests */
    WDM_ENDS = 0x80,   /* daemon, with a wio_exit_reason in the lower bits: I exit now, and this is why */
    WDM_DRAIN = 'D',   /* manager: take no more requests, finish those you have, end */
    WDM_SERVE_ON = 'S' /* manager: your successor has failed; it is tried again */
};

typedef struct wdm_daemon {
    pid_t pid;
    uint32_t group, seat;
    int control;
    uint32_t state; /* wio_process_state */
    int was_ready;
    uint32_t reason;             /* wio_exit_reason, as it told itself; 0: it has not */
    int64_t born_us, kill_at_us; /* kill_at_us 0: not */
} wdm_daemon;

typedef struct wdm_plan { /* of one seat */
    int quick_deaths;
    int64_t born_us;     /* of the last daemon */
    int64_t start_at_us; /* 0: no start is due */
    int again;           /* another was asked for after the one that starts now had begun */
} wdm_plan;

typedef struct wdm_table {
    wdm_generation *generation;
    const wdm_title *title;
    wdm_daemon *daemons;
    int count, room;
    pid_t *strays; /* process groups of daemons that are gone, in which an application's own processes live on */
    int n_strays;
    wdm_plan **plans;  /* by group and seat */
    long memory_kills; /* of the kernel, as last looked at: shortage.h */
    int ending;
    int changed; /* since the list of daemons was last written; see roster.h */
} wdm_table;

/* 0, or -1 when out of memory. Plans a start for every seat. */
int wdm_table_init(wdm_table *table, wdm_generation *generation, const wdm_title *title);

/* Acts on what is due now: starts and kills. Returns the microseconds until the next thing is due, at most
 * `limit_us`. */
int64_t wdm_table_run(wdm_table *table, int64_t limit_us);

/* A daemon said something: reads one byte of its control socket and acts on it. */
void wdm_table_hear(wdm_table *table, int index);

/* Collects the dead, records and logs why they ended, plans their successors. */
void wdm_table_reap(wdm_table *table);

/* Forgets process groups that have become empty. Often: their numbers may come back. */
void wdm_table_sweep(wdm_table *table);

/* Ends every daemon, and what applications have left running; nothing is started any more. */
void wdm_table_end(wdm_table *table);
/* When every daemon is gone: kills what applications have left running. */
void wdm_table_end_strays(wdm_table *table);

#endif
