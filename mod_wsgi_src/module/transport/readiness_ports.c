/* SPDX-License-Identifier: Apache-2.0 */
/* The backend for Solaris and illumos: event ports. An association is good for one event, which one waiter gets. */
#include "readiness.h"

#include "readiness_choice.h"

#ifdef WIO_READY_PORTS

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <port.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct wio_ready {
    int port;
};

wio_ready *wio_ready_new(void)
{
    wio_ready *set = calloc(1, sizeof *set);

    if (!set)
        return NULL;
    set->port = port_create();
    if (set->port < 0) {
        free(set);
        return NULL;
    }
    fcntl(set->port, F_SETFD, FD_CLOEXEC);
    return set;
}

void wio_ready_free(wio_ready *set)
{
    if (!set)
        return;
    close(set->port);
    free(set);
}

int wio_ready_arm(wio_ready *set, int fd)
{
    return port_associate(set->port, PORT_SOURCE_FD, (uintptr_t)fd, POLLIN, NULL);
}

int wio_ready_add(wio_ready *set, int fd)
{
    return wio_ready_arm(set, fd);
}

/* The port knows only those that are armed; to forget another one is no mistake. */
int wio_ready_remove(wio_ready *set, int fd)
{
    int result = port_dissociate(set->port, PORT_SOURCE_FD, (uintptr_t)fd);

    return result < 0 && errno != ENOENT ? -1 : 0;
}

int wio_ready_wait(wio_ready *set, int timeout_ms)
{
    struct timespec limit = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    port_event_t event;

    if (port_get(set->port, &event, timeout_ms < 0 ? NULL : &limit) < 0) {
        if (errno == ETIME)
            errno = ETIMEDOUT;
        return -1;
    }
    if (event.portev_source == PORT_SOURCE_FD)
        return (int)event.portev_object;
    errno = ECANCELED;
    return -1;
}

/* In alert mode a port answers every waiter at once. */
void wio_ready_wake(wio_ready *set)
{
    port_alert(set->port, PORT_ALERT_SET, 1, NULL);
}

#endif
