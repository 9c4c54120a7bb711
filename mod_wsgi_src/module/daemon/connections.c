/* SPDX-License-Identifier: Apache-2.0 */
#include "connections.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "worker.h"

#define OWN_DESCRIPTORS 256 /* what the application may need besides its connections */

/* Room for every connection that Apache's children may make. */
static int descriptor_limit(const wdm_process *process)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)process->config->max_connections + OWN_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || wanted < limit.rlim_max ? wanted : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    /* The lowest free number is given out, so this many are enough. */
    return limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > wanted * 2 ? (int)wanted * 2 : (int)limit.rlim_cur;
}

int wdm_connections_init(wdm_process *process)
{
    int failed = pthread_mutex_init(&process->lock, NULL);

    if (!failed)
        failed = pthread_cond_init(&process->changed, NULL);
    if (failed) {
        errno = failed;
        return -1;
    }
    process->n_connections = descriptor_limit(process);
    process->connections = calloc((size_t)process->n_connections, sizeof *process->connections);
    return process->connections ? 0 : -1;
}

static void tell_when_idle_locked(wdm_process *process)
{
    if (process->draining && process->busy == 0)
        wdm_process_notify(process, WDM_EVENT_IDLE);
}

static void close_locked(wdm_process *process, int fd)
{
    process->connections[fd] = 0;
    wio_ready_remove(process->ready, fd);
    close(fd);
}

int wdm_connections_adopt(wdm_process *process, int fd)
{
    int adopted = 0;

    if (fd >= process->n_connections)
        return -1;
    pthread_mutex_lock(&process->lock);
    if (!process->draining && wio_ready_add(process->ready, fd) == 0) {
        process->connections[fd] = WDM_OPEN;
        adopted = 1;
    }
    pthread_mutex_unlock(&process->lock);
    return adopted ? 0 : -1;
}

int wdm_connections_claim(wdm_process *process, int fd)
{
    int state = 0;

    if (fd >= process->n_connections)
        return 0;
    pthread_mutex_lock(&process->lock);
    if ((process->connections[fd] & (WDM_OPEN | WDM_BUSY)) == WDM_OPEN) {
        state = process->connections[fd] |= WDM_BUSY;
        process->busy++;
    }
    pthread_mutex_unlock(&process->lock);
    return state;
}

void wdm_connections_release(wdm_process *process, int fd, int keep, int counted)
{
    pthread_mutex_lock(&process->lock);
    if (counted)
        process->busy--;
    if (keep && !process->draining && wio_ready_arm(process->ready, fd) == 0)
        process->connections[fd] = (uint8_t)keep;
    else
        close_locked(process, fd);
    tell_when_idle_locked(process);
    pthread_mutex_unlock(&process->lock);
}

void wdm_connections_give_up(wdm_process *process)
{
    pthread_mutex_lock(&process->lock);
    process->busy--;
    tell_when_idle_locked(process);
    pthread_mutex_unlock(&process->lock);
}

int wdm_connections_drain(wdm_process *process)
{
    pthread_mutex_lock(&process->lock);
    int first = !process->draining;
    process->draining = 1;
    pthread_cond_broadcast(&process->changed);
    if (first) {
        wio_ready_remove(process->ready, process->listener);
        for (int fd = 0; fd < process->n_connections; fd++)
            if ((process->connections[fd] & (WDM_OPEN | WDM_BUSY)) == WDM_OPEN)
                close_locked(process, fd);
    }
    pthread_mutex_unlock(&process->lock);
    return first;
}

int wdm_connections_busy(wdm_process *process)
{
    pthread_mutex_lock(&process->lock);
    int busy = process->draining ? process->busy : -1;
    pthread_mutex_unlock(&process->lock);
    return busy;
}

void wdm_connections_disown(wdm_process *process)
{
    for (int i = 0; i < process->n_workers; i++)
        wdm_exchange_disown(&process->workers[i].exchange);
    for (int fd = 0; fd < process->n_connections; fd++)
        if (process->connections[fd] & WDM_OPEN) {
            process->connections[fd] = 0;
            close(fd);
        }
    if (process->listener >= 0)
        close(process->listener);
}
