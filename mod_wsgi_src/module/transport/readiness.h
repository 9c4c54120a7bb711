/* SPDX-License-Identifier: Apache-2.0 */
/* A one-shot readiness set that many threads wait on: each event goes to one thread, and the descriptor is silent until
 * it is armed again. Backends: epoll, kqueue, event ports, poll; chosen at compile time, behind this interface.
 */
#ifndef WSGI_TRANSPORT_READINESS_H
#define WSGI_TRANSPORT_READINESS_H

typedef struct wio_ready wio_ready;

/* NULL with errno when the system gives none. */
wio_ready *wio_ready_new(void);
void wio_ready_free(wio_ready *set);

/* Adds a descriptor that the set does not know and arms it for reading, or arms a known one again. 0, or -1 with errno.
 * Any thread. */
int wio_ready_add(wio_ready *set, int fd);
int wio_ready_arm(wio_ready *set, int fd);
/* Forgets a descriptor; call it before close(). */
int wio_ready_remove(wio_ready *set, int fd);

/* Waits for one descriptor to be readable or hung up. Its number; -1 with errno: ETIMEDOUT, EINTR, or ECANCELED after
 * wio_ready_wake(). timeout_ms -1: for ever. */
int wio_ready_wait(wio_ready *set, int timeout_ms);

/* Makes every waiter, now and later, return ECANCELED. Any thread. */
void wio_ready_wake(wio_ready *set);

#endif
