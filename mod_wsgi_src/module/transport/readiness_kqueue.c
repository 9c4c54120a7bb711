/* SPDX-License-Identifier: Apache-2.0 */
/* The backend for BSD and macOS. EV_DISPATCH gives an event to one waiter and then silences the descriptor. */
#include "readiness.h"

#include "readiness_choice.h"
#include "readiness_wake.h"

#ifdef WIO_READY_KQUEUE

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/event.h>
#include <time.h>
#include <unistd.h>

struct wio_ready {
    int kqueue;
    int wake[2]; /* never read: once written, it stays readable for every waiter */
    atomic_bool woken;
};

static int change(wio_ready *set, int fd, unsigned action)
{
    struct kevent event;

    EV_SET(&event, (uintptr_t)fd, EVFILT_READ, (unsigned short)action, 0, 0, 0);
    return kevent(set->kqueue, &event, 1, NULL, 0, NULL) < 0 ? -1 : 0;
}

wio_ready *wio_ready_new(void)
{
    wio_ready *set = calloc(1, sizeof *set);

    if (!set)
        return NULL;
    set->wake[0] = set->wake[1] = -1;
    set->kqueue = kqueue();
    if (set->kqueue < 0 || wio_wake_open(set->wake) < 0 || change(set, set->wake[0], EV_ADD) < 0) {
        int reason = errno;
        wio_ready_free(set);
        errno = reason;
        return NULL;
    }
    fcntl(set->kqueue, F_SETFD, FD_CLOEXEC);
    return set;
}

void wio_ready_free(wio_ready *set)
{
    if (!set)
        return;
    if (set->kqueue >= 0)
        close(set->kqueue);
    wio_wake_close(set->wake);
    free(set);
}

int wio_ready_add(wio_ready *set, int fd)
{
    return change(set, fd, EV_ADD | EV_DISPATCH);
}

int wio_ready_arm(wio_ready *set, int fd)
{
    return change(set, fd, EV_ENABLE | EV_DISPATCH);
}

int wio_ready_remove(wio_ready *set, int fd)
{
    return change(set, fd, EV_DELETE);
}

int wio_ready_wait(wio_ready *set, int timeout_ms)
{
    struct timespec limit = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    struct kevent event;

    if (!atomic_load(&set->woken)) {
        int got = kevent(set->kqueue, NULL, 0, &event, 1, timeout_ms < 0 ? NULL : &limit);
        if (got < 0)
            return -1;
        if (got == 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        if ((int)event.ident != set->wake[0])
            return (int)event.ident;
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
