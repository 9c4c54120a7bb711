/* SPDX-License-Identifier: Apache-2.0 */
/* As much of kqueue, made of epoll, as the readiness set needs: its backend then runs on Linux. This is our reading of
 * the manual pages, not a BSD. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/event.h>

int kqueue(void)
{
    return epoll_create1(0);
}

static int change(int queue, const struct kevent *wanted)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = (int)wanted->ident};
    int operation = wanted->flags & EV_DELETE ? EPOLL_CTL_DEL : wanted->flags & EV_ADD ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

    if (wanted->flags & EV_DISPATCH)
        event.events |= EPOLLONESHOT;
    int result = epoll_ctl(queue, operation, (int)wanted->ident, &event);
    if (result < 0 && errno == EEXIST)
        result = epoll_ctl(queue, EPOLL_CTL_MOD, (int)wanted->ident, &event);
    return result;
}

int kevent(int queue, const struct kevent *changes, int n_changes, struct kevent *events, int n_events,
           const struct timespec *timeout)
{
    struct epoll_event event;

    for (int i = 0; i < n_changes; i++)
        if (change(queue, &changes[i]) < 0)
            return -1;
    if (n_events == 0)
        return 0;
    int limit = timeout ? (int)(timeout->tv_sec * 1000 + timeout->tv_nsec / 1000000) : -1;
    int got = epoll_wait(queue, &event, 1, limit);
    if (got > 0)
        events[0] = (struct kevent){.ident = (uintptr_t)event.data.fd, .filter = EVFILT_READ};
    return got;
}
