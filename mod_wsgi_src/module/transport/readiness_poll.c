/* SPDX-License-Identifier: Apache-2.0 */
/* The backend for systems with nothing better. One waiter, the leader, sits in poll(); the others wait for it to mark
 * descriptors ready. A byte in the pipe calls the leader back when what it polls has changed.
 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "readiness.h"

#include "readiness_choice.h"
#include "readiness_wake.h"

#ifdef WIO_READY_POLL

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum state { SILENT, ARMED, READY };

typedef struct entry {
    int fd;
    enum state state;
    uint64_t serial; /* tells a descriptor from an earlier one of the same number */
} entry;

struct wio_ready {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* something became ready, the leader left, or wake */
    int pipe[2];
    int woken, leading, called_back;
    uint64_t serial;
    entry *entries; /* all of the below: under the mutex */
    int count, cap;
    int next;              /* where the search for a ready one begins: nobody starves */
    struct pollfd *polled; /* the leader's, also while the mutex is free */
    uint64_t *polled_serial;
    int polled_cap;
};

wio_ready *wio_ready_new(void)
{
    wio_ready *set = calloc(1, sizeof *set);
    pthread_condattr_t attributes;

    if (!set)
        return NULL;
    if (wio_wake_open(set->pipe) < 0) {
        free(set);
        return NULL;
    }
    pthread_mutex_init(&set->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&set->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return set;
}

void wio_ready_free(wio_ready *set)
{
    if (!set)
        return;
    wio_wake_close(set->pipe);
    pthread_cond_destroy(&set->changed);
    pthread_mutex_destroy(&set->mutex);
    free(set->entries);
    free(set->polled);
    free(set->polled_serial);
    free(set);
}

/* --- under the mutex --------------------------------------------------------------------------------------------- */

static void call_leader_back(wio_ready *set)
{
    if (!set->leading || set->called_back)
        return;
    set->called_back = 1;
    wio_wake_ring(set->pipe);
}

static entry *find(wio_ready *set, int fd)
{
    for (int i = 0; i < set->count; i++)
        if (set->entries[i].fd == fd)
            return &set->entries[i];
    return NULL;
}

static int grow(void **memory, int *cap, size_t item)
{
    int wanted = *cap ? *cap * 2 : 16;
    void *bigger = realloc(*memory, (size_t)wanted * item);

    if (!bigger)
        return -1;
    *memory = bigger;
    *cap = wanted;
    return 0;
}

/* Takes one ready descriptor, or -1. */
static int take_ready(wio_ready *set)
{
    for (int i = 0; i < set->count; i++) {
        int at = (set->next + i) % set->count;
        if (set->entries[at].state == READY) {
            set->entries[at].state = SILENT;
            set->next = at + 1;
            return set->entries[at].fd;
        }
    }
    return -1;
}

/* Lists the pipe and every armed descriptor for poll(). Their number, or -1. */
static int list_armed(wio_ready *set)
{
    int n = 1;

    while (set->polled_cap < set->count + 1) {
        int same = set->polled_cap;
        if (grow((void **)&set->polled_serial, &same, sizeof *set->polled_serial) < 0 ||
            grow((void **)&set->polled, &set->polled_cap, sizeof *set->polled) < 0)
            return -1;
    }
    set->polled[0] = (struct pollfd){set->pipe[0], POLLIN, 0};
    for (int i = 0; i < set->count; i++) {
        if (set->entries[i].state != ARMED)
            continue;
        set->polled[n] = (struct pollfd){set->entries[i].fd, POLLIN, 0};
        set->polled_serial[n++] = set->entries[i].serial;
    }
    return n;
}

static void mark_ready(wio_ready *set, int n)
{
    char byte;

    if (set->polled[0].revents) {
        while (read(set->pipe[0], &byte, 1) > 0)
            ;
        set->called_back = 0;
    }
    for (int i = 1; i < n; i++) {
        if (!set->polled[i].revents)
            continue;
        entry *known = find(set, set->polled[i].fd);
        if (known && known->serial == set->polled_serial[i] && known->state == ARMED)
            known->state = READY;
    }
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Polls without the mutex. 0, or -1 with errno. */
static int lead(wio_ready *set, int64_t deadline)
{
    int n = list_armed(set);
    int64_t left = deadline < 0 ? -1 : deadline - now_ms();

    if (n < 0)
        return -1;
    set->leading = 1;
    pthread_mutex_unlock(&set->mutex);
    int got = poll(set->polled, (nfds_t)n, deadline < 0 ? -1 : left < 0 ? 0 : (int)left);
    int reason = errno;
    pthread_mutex_lock(&set->mutex);
    set->leading = 0;
    if (got > 0)
        mark_ready(set, n);
    pthread_cond_broadcast(&set->changed);
    errno = reason;
    return got < 0 ? -1 : 0;
}

static void follow(wio_ready *set, int64_t deadline)
{
    if (deadline < 0) {
        pthread_cond_wait(&set->changed, &set->mutex);
        return;
    }
    struct timespec until = {(time_t)(deadline / 1000), (long)(deadline % 1000) * 1000000};
    pthread_cond_timedwait(&set->changed, &set->mutex, &until);
}

static int wait_locked(wio_ready *set, int64_t deadline)
{
    for (;;) {
        if (set->woken) {
            errno = ECANCELED;
            return -1;
        }
        int fd = take_ready(set);
        if (fd >= 0)
            return fd;
        if (set->leading)
            follow(set, deadline);
        else if (lead(set, deadline) < 0)
            return -1;
        if (deadline >= 0 && now_ms() >= deadline) {
            fd = set->woken ? -1 : take_ready(set);
            errno = set->woken ? ECANCELED : ETIMEDOUT;
            return fd;
        }
    }
}

/* --- the interface ----------------------------------------------------------------------------------------------- */

int wio_ready_add(wio_ready *set, int fd)
{
    int result = -1;

    pthread_mutex_lock(&set->mutex);
    if (find(set, fd)) {
        errno = EEXIST;
    } else if (set->count < set->cap || grow((void **)&set->entries, &set->cap, sizeof *set->entries) == 0) {
        set->entries[set->count++] = (entry){fd, ARMED, ++set->serial};
        call_leader_back(set);
        result = 0;
    }
    pthread_mutex_unlock(&set->mutex);
    return result;
}

int wio_ready_arm(wio_ready *set, int fd)
{
    pthread_mutex_lock(&set->mutex);
    entry *known = find(set, fd);
    if (known) {
        known->state = ARMED;
        call_leader_back(set);
    } else {
        errno = ENOENT;
    }
    pthread_mutex_unlock(&set->mutex);
    return known ? 0 : -1;
}

int wio_ready_remove(wio_ready *set, int fd)
{
    pthread_mutex_lock(&set->mutex);
    entry *known = find(set, fd);
    if (known) {
        *known = set->entries[--set->count];
        call_leader_back(set);
    } else {
        errno = ENOENT;
    }
    pthread_mutex_unlock(&set->mutex);
    return known ? 0 : -1;
}

int wio_ready_wait(wio_ready *set, int timeout_ms)
{
    pthread_mutex_lock(&set->mutex);
    int fd = wait_locked(set, timeout_ms < 0 ? -1 : now_ms() + timeout_ms);
    int reason = errno;
    pthread_mutex_unlock(&set->mutex);
    errno = reason;
    return fd;
}

void wio_ready_wake(wio_ready *set)
{
    pthread_mutex_lock(&set->mutex);
    set->woken = 1;
    call_leader_back(set);
    pthread_cond_broadcast(&set->changed);
    pthread_mutex_unlock(&set->mutex);
}

#endif
