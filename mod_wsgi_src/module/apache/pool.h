/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of one Apache child to the daemons: kept between requests, last in first out, made when first needed.
 * One mutex guards them all; every function may be called from any thread but the two that say otherwise. */
#ifndef WSGI_APACHE_POOL_H
#define WSGI_APACHE_POOL_H

#include <stdint.h>

#include "../daemon/shared.h"

typedef struct wap_conn {
    struct wap_conn *newer, *older; /* in the list it stands in */
    int fd;
    int word; /* claim word; -1: none was free, so its requests are never replayed */
    uint32_t process;
    int greeted; /* HELLO has been sent */
    int64_t idle_since_us;
    uint8_t *memory; /* receive buffer, from malloc */
    size_t size;
} wap_conn;

typedef struct wap_conns {
    wap_conn *newest, *oldest;
} wap_conns;

typedef struct wap_pool { /* of one daemon group */
    const wdm_generation *generation;
    const wdm_group *group;
    wio_board *board;
    wio_shelf *shelf;
    int row;         /* of this child on the board; -1 none */
    wap_conns *idle; /* by process */
    wap_conns busy;
    uint32_t last; /* process of the connection that was given back last: its caches are warm */
} wap_pool;

#define WAP_RECEIVE_SIZE (64 * 1024)

/* child_init, once. 0, or -1 when out of memory. */
int wap_pools_init(const wdm_generation *generation);
/* NULL before wap_pools_init. */
wap_pool *wap_pool_of(uint32_t group);

/* An idle connection to a process, now busy; NULL: there is none. */
wap_conn *wap_pool_take(wap_pool *pool, uint32_t process);
/* A new one, busy. NULL with errno: as wio_connect, ECANCELED when this child stops. */
wap_conn *wap_pool_dial(wap_pool *pool, uint32_t process, int64_t deadline_us);
/* The request is over: keeps the connection for the next one; or closes it. */
void wap_pool_give(wap_pool *pool, wap_conn *conn);
void wap_pool_drop(wap_pool *pool, wap_conn *conn);
/* Closes the idle connections to a process: one was found dead, so the others are. */
void wap_pool_clear(wap_pool *pool, uint32_t process);

/* This child stops at once: every wait for a daemon ends. */
void wap_pools_stop(void);
int wap_pools_stopping(void);

#endif
