/* SPDX-License-Identifier: Apache-2.0 */
/* The pipe by which a readiness set calls its waiters, for the backends whose system has nothing better. Both ends are
 * close-on-exec and never block.
 */
#ifndef WSGI_TRANSPORT_READINESS_WAKE_H
#define WSGI_TRANSPORT_READINESS_WAKE_H

/* 0; -1 with errno, and both ends are -1. */
int wio_wake_open(int ends[2]);
void wio_wake_close(const int ends[2]);

/* Makes ends[0] readable until it is read. Any thread. */
void wio_wake_ring(const int ends[2]);

#endif
