/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../transport/sockets.h"

#define LONGEST_IDLE_US ((int64_t)60 * 1000000)
#define DIAL_SLICE_US   1000000 /* between two looks whether this child stops */

static struct {
    pthread_mutex_t lock;
    const wdm_generation *generation;
    wap_pool *pools; /* by group */
    atomic_int stopping;
} child = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- lists -------------------------------------------------------------------------------------------------------- */

static void push_locked(wap_conns *list, wap_conn *conn)
{
    conn->newer = NULL;
    conn->older = list->newest;
    if (list->newest)
        list->newest->newer = conn;
    else
        list->oldest = conn;
    list->newest = conn;
}

static void remove_locked(wap_conns *list, wap_conn *conn)
{
    *(conn->newer ? &conn->newer->older : &list->newest) = conn->older;
    *(conn->older ? &conn->older->newer : &list->oldest) = conn->newer;
}

static void destroy(const wap_pool *pool, wap_conn *conn)
{
    if (!conn)
        return;
    if (conn->fd >= 0)
        close(conn->fd);
    wio_board_give_word(pool->board, conn->word);
    free(conn->memory);
    free(conn);
}

/* --- a forked process --------------------------------------------------------------------------------------------- */

static void lock_all(void)
{
    pthread_mutex_lock(&child.lock);
}

static void unlock_all(void)
{
    pthread_mutex_unlock(&child.lock);
}

static void close_list(wap_conns *list)
{
    for (wap_conn *conn = list->newest; conn; conn = conn->older) {
        close(conn->fd);
        conn->fd = -1;
    }
}

/* A process that an application or another module forked here must not keep daemons, or the old generation, waiting. */
static void in_forked(void)
{
    for (int i = 0; i < child.generation->config->n_groups; i++) {
        wap_pool *pool = &child.pools[i];
        for (int j = 0; j < pool->group->processes; j++)
            close_list(&pool->idle[j]);
        close_list(&pool->busy);
    }
    if (child.generation->lifeline[1] >= 0)
        close(child.generation->lifeline[1]);
    unlock_all();
}

/* --- the child's life --------------------------------------------------------------------------------------------- */

int wap_pools_init(const wdm_generation *generation)
{
    const wdm_config *config = generation->config;

    child.generation = generation;
    child.pools = calloc((size_t)config->n_groups, sizeof *child.pools);
    if (!child.pools)
        return -1;
    for (int i = 0; i < config->n_groups; i++) {
        wap_pool *pool = &child.pools[i];
        pool->generation = generation;
        pool->group = &config->groups[i];
        pool->board = generation->boards[i];
        pool->shelf = generation->shelves[i];
        pool->row = wio_board_take_row(pool->board, (uint32_t)getpid());
        pool->idle = calloc((size_t)pool->group->processes, sizeof *pool->idle);
        if (!pool->idle)
            return -1;
    }
    /* Here and not in the parent, whose forks are Apache's children. */
    return pthread_atfork(lock_all, unlock_all, in_forked) ? -1 : 0;
}

wap_pool *wap_pool_of(uint32_t group)
{
    return child.pools ? &child.pools[group] : NULL;
}

void wap_pools_stop(void)
{
    lock_all();
    atomic_store(&child.stopping, 1);
    for (int i = 0; child.pools && i < child.generation->config->n_groups; i++)
        for (wap_conn *conn = child.pools[i].busy.newest; conn; conn = conn->older)
            shutdown(conn->fd, SHUT_RDWR);
    unlock_all();
}

int wap_pools_stopping(void)
{
    return atomic_load_explicit(&child.stopping, memory_order_relaxed);
}

/* --- connections -------------------------------------------------------------------------------------------------- */

wap_conn *wap_pool_take(wap_pool *pool, uint32_t process)
{
    lock_all();
    wap_conn *conn = pool->idle[process].newest;
    if (conn) {
        remove_locked(&pool->idle[process], conn);
        push_locked(&pool->busy, conn);
    }
    unlock_all();
    return conn;
}

static int connect_unless_stopping(const char *path, int64_t deadline_us)
{
    for (;;) {
        int64_t slice = wio_now_us() + DIAL_SLICE_US;
        int last = deadline_us && deadline_us <= slice;
        int fd = wio_connect(path, last ? deadline_us : slice);
        if (fd >= 0 || errno != EAGAIN || last)
            return fd;
        if (wap_pools_stopping()) {
            errno = ECANCELED;
            return -1;
        }
    }
}

wap_conn *wap_pool_dial(wap_pool *pool, uint32_t process, int64_t deadline_us)
{
    const wdm_group *group = pool->group;
    wap_conn *conn = calloc(1, sizeof *conn);

    if (!conn)
        return NULL;
    conn->word = -1;
    conn->process = process;
    conn->size = WAP_RECEIVE_SIZE;
    conn->memory = malloc(conn->size);
    conn->fd =
        conn->memory ? connect_unless_stopping(pool->generation->seats[group->index][process].path, deadline_us) : -1;
    if (conn->fd < 0) {
        int reason = errno;
        destroy(pool, conn);
        errno = reason;
        return NULL;
    }
    wio_set_buffers(conn->fd, group->send_buffer_size, group->receive_buffer_size);
    conn->word = wio_board_take_word(pool->board, (uint32_t)getpid());

    lock_all();
    push_locked(&pool->busy, conn);
    if (wap_pools_stopping())
        shutdown(conn->fd, SHUT_RDWR);
    unlock_all();
    return conn;
}

void wap_pool_give(wap_pool *pool, wap_conn *conn)
{
    wap_conns *idle = &pool->idle[conn->process];
    int64_t now = wio_now_us();

    lock_all();
    remove_locked(&pool->busy, conn);
    conn->idle_since_us = now;
    push_locked(idle, conn);
    pool->last = conn->process;
    /* The oldest shows whether there are more than are needed; one at a time is enough. */
    wap_conn *unneeded = idle->oldest;
    if (now - unneeded->idle_since_us > LONGEST_IDLE_US)
        remove_locked(idle, unneeded);
    else
        unneeded = NULL;
    unlock_all();
    destroy(pool, unneeded);
}

void wap_pool_drop(wap_pool *pool, wap_conn *conn)
{
    lock_all();
    remove_locked(&pool->busy, conn);
    unlock_all();
    destroy(pool, conn);
}

void wap_pool_clear(wap_pool *pool, uint32_t process)
{
    lock_all();
    wap_conn *conn = pool->idle[process].newest;
    pool->idle[process] = (wap_conns){NULL, NULL};
    unlock_all();
    while (conn) {
        wap_conn *older = conn->older;
        destroy(pool, conn);
        conn = older;
    }
}
