/* SPDX-License-Identifier: Apache-2.0 */
#include "readiness.h"

#include "readiness_choice.h"
#include "readiness_wake.h"

#ifdef WIO_READY_EPOLL

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct wio_ready {
    int epoll;
    int wake[2]; /* never read: once written, it stays readable for every waiter */
    atomic_bool woken;
};

static int control(wio_ready *set, int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    return epoll_ctl(set->epoll, operation, fd, &event);
}

wio_ready *wio_ready_new(void)
{
    wio_ready *set = calloc(1, sizeof *set);

    if (!set)
        return NULL;
    set->wake[0] = set->wake[1] = -1;
    set->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (set->epoll < 0 || wio_wake_open(set->wake) < 0 || control(set, EPOLL_CTL_ADD, set->wake[0], EPOLLIN) < 0) {
        int reason = errno;
        wio_ready_free(set);
        errno = reason;
        return NULL;
    }
    return set;
}

void wio_ready_free(wio_ready *set)
{
    if (!set)
        return;
    if (set->epoll >= 0)
        close(set->epoll);
    wio_wake_close(set->wake);
    free(set);
}

int wio_ready_add(wio_ready *set, int fd)
{
    return control(set, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT);
}

int wio_ready_arm(wio_ready *set, int fd)
{
    return control(set, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT);
}

int wio_ready_remove(wio_ready *set, int fd)
{
    return control(set, EPOLL_CTL_DEL, fd, 0);
}

int wio_ready_wait(wio_ready *set, int timeout_ms)
{
    struct epoll_event event;

    if (!atomic_load(&set->woken)) {
        int got = epoll_wait(set->epoll, &event, 1, timeout_ms);
        if (got < 0)
            return -1;
        if (got == 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        if (event.data.fd != set->wake[0])
            return event.data.fd;
    }
    errno = ECANCELED;
    return -1;
}

void wio_ready_wake(wio_ready *set)
{
    atomic_store(&set->woken, 1);
    wio_wake_ring(set->wake);
}

#endif
