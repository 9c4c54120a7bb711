/* SPDX-License-Identifier: Apache-2.0 */
/* What other threads than those of requests tell applications: that a request has run too long, that a signal came. It
 * needs the GIL, which may never come; so a thread of its own goes and waits for it. */
#include "active.h"
#include "events.h"
#include "log.h"
#include "runtime.h"

#include <stdlib.h>
#include <time.h>

#include "../transport/clock.h"

#define PAUSE_US 1000

typedef struct errand {
    atomic_int owners; /* who frees it: the last one */
    atomic_int done, result;
    /* an interrupt, or a signal (when number is not 0) */
    const wpy_channel *channel;
    uint64_t id;
    int number;
} errand;

static void let_go(errand *errand)
{
    if (atomic_fetch_sub(&errand->owners, 1) == 1)
        free(errand);
}

/* In one interpreter; GIL held. 1 when no other one needs to be asked. */
static int act(errand *errand, wpy_interp *interp)
{
    if (errand->number) {
        wpy_events_signal(interp, errand->number);
        return 0;
    }
    if (!wpy_active_interrupt(interp, errand->channel, errand->id))
        return 0;
    atomic_store(&errand->result, 1);
    return 1;
}

static void *run(void *argument)
{
    errand *errand = argument;
    wpy_thread *thread = wpy_thread_begin();
    wpy_interp *interp;
    uint32_t ordinal = 0;
    int done = !thread;
    while (!done && (interp = wpy_interp_from(ordinal))) {
        ordinal = interp->ordinal + 1;
        if (wpy_enter(thread, interp))
            break;
        done = act(errand, interp);
        wpy_leave();
    }
    if (thread) {
        wpy_log_flush_all(thread, 0);
        wpy_thread_end(thread);
    }
    atomic_store(&errand->done, 1);
    let_go(errand);
    return NULL;
}

/* NULL: it could not be sent. */
static errand *dispatch(const wpy_channel *channel, uint64_t id, int number)
{
    errand *sent = wpy_started() ? calloc(1, sizeof *sent) : NULL;
    pthread_t thread;
    if (!sent)
        return NULL;
    atomic_store(&sent->owners, 2);
    sent->channel = channel;
    sent->id = id;
    sent->number = number;
    if (pthread_create(&thread, NULL, run, sent)) {
        free(sent);
        return NULL;
    }
    pthread_detach(thread);
    return sent;
}

int wpy_interrupt(const wpy_channel *channel, uint64_t id, int timeout_ms)
{
    const struct timespec pause = {0, PAUSE_US * 1000L};
    int64_t deadline = wio_now_us() + (int64_t)timeout_ms * 1000;
    errand *sent = dispatch(channel, id, 0);
    int result;
    if (!sent)
        return -1;
    while (!atomic_load(&sent->done) && wio_now_us() < deadline)
        nanosleep(&pause, NULL);
    result = atomic_load(&sent->done) ? atomic_load(&sent->result) : -1;
    let_go(sent);
    return result;
}

void wpy_signal(int number)
{
    errand *sent = dispatch(NULL, 0, number);
    if (sent)
        let_go(sent);
}
