/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of a daemon. Idle and busy change, and draining begins, under one lock: no request falls in between.
 * Any thread. */
#ifndef WSGI_DAEMON_CONNECTIONS_H
#define WSGI_DAEMON_CONNECTIONS_H

#include "process.h"

enum wdm_connection { WDM_OPEN = 1, WDM_GREETED = 2, WDM_BUSY = 4 };

/* Main thread, once. 0, or -1 with errno. */
int wdm_connections_init(wdm_process *process);

/* A new connection: 0 it is watched from now on, -1 not: close it unread, its request is replayed. */
int wdm_connections_adopt(wdm_process *process, int fd);
/* A worker goes to read a connection. Its wdm_connection flags; 0 when it is gone or another's. */
int wdm_connections_claim(wdm_process *process, int fd);
/* The worker is done with it. keep: WDM_OPEN, with WDM_GREETED once it has said HELLO, watches it on (unless the
 * process drains); 0 closes it. counted: the request was not given up. */
void wdm_connections_release(wdm_process *process, int fd, int keep, int counted);
/* A running request's time is over: nobody waits for it any more. */
void wdm_connections_give_up(wdm_process *process);

/* No more requests: forgets the listener, closes idle connections unread. 1, or 0 when that has been done before. */
int wdm_connections_drain(wdm_process *process);
/* Requests that are waited for; -1 when the process does not drain. */
int wdm_connections_busy(wdm_process *process);

/* In a process that the application forked: closes all, for our peers wait for an end of file. */
void wdm_connections_disown(wdm_process *process);

#endif
