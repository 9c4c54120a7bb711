/* SPDX-License-Identifier: Apache-2.0 */
/* As much of event ports, made of epoll, as the readiness set needs: its backend then runs on Linux. This is our reading
 * of the manual pages, not a Solaris. */
#include <errno.h>
#include <poll.h>
#include <port.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define MOST_PORTS 1024

static atomic_int alerts[MOST_PORTS]; /* by port: one more than the descriptor that is readable in alert mode */

int port_create(void)
{
    int port = epoll_create1(0);

    if (port >= 0 && port < MOST_PORTS)
        alerts[port] = 0;
    return port;
}

int port_associate(int port, int source, uintptr_t object, int events, void *user)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = (int)object};

    if (source != PORT_SOURCE_FD || events != POLLIN || user) {
        errno = EINVAL;
        return -1;
    }
    int result = epoll_ctl(port, EPOLL_CTL_MOD, (int)object, &event);
    return result < 0 && errno == ENOENT ? epoll_ctl(port, EPOLL_CTL_ADD, (int)object, &event) : result;
}

int port_dissociate(int port, int source, uintptr_t object)
{
    (void)source;
    return epoll_ctl(port, EPOLL_CTL_DEL, (int)object, &(struct epoll_event){0});
}

int port_get(int port, port_event_t *event, struct timespec *timeout)
{
    struct epoll_event happened;
    int limit = timeout ? (int)(timeout->tv_sec * 1000 + timeout->tv_nsec / 1000000) : -1;
    int got = epoll_wait(port, &happened, 1, limit);

    if (got <= 0) {
        if (got == 0)
            errno = ETIME;
        return -1;
    }
    int alert = happened.data.fd == alerts[port] - 1;
    *event = (port_event_t){.portev_source = alert ? PORT_SOURCE_ALERT : PORT_SOURCE_FD,
                            .portev_object = (uintptr_t)happened.data.fd};
    return 0;
}

int port_alert(int port, int flags, int events, void *user)
{
    int fd = eventfd(1, 0); /* readable for ever; ends with the test's process */
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    (void)flags;
    (void)events;
    (void)user;
    alerts[port] = fd + 1;
    return epoll_ctl(port, EPOLL_CTL_ADD, fd, &event);
}
