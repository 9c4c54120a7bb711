/* SPDX-License-Identifier: Apache-2.0 */
/* Adds up what requests cost, interval by interval, for request_metrics() and for telemetry. Each thread has a meter of
 * its own, made when recording is on and a request begins; whoever reads takes what all meters have and leaves them
 * empty. Nothing here needs the GIL, and nobody who holds it may call drain() or visit(). */
#ifndef WSGI_PYTHON_RECORDER_H
#define WSGI_PYTHON_RECORDER_H

#include "call.h"

/* 1 ms to 65.5 s, four equal parts in each power of two, what is shorter in the first; the last one is for the rest. */
#define WPY_BUCKETS 65

enum wpy_phase {
    WPY_PHASE_SERVER,      /* Apache received it -> it is offered to a daemon, or the application is called */
    WPY_PHASE_QUEUE,       /* offered -> a daemon took it */
    WPY_PHASE_DAEMON,      /* taken -> the application is called */
    WPY_PHASE_APPLICATION, /* called -> done */
    WPY_PHASE_REQUEST,     /* all of it */
    WPY_PHASE_INPUT,
    WPY_PHASE_OUTPUT,
    WPY_PHASE_GIL,
    WPY_PHASES
};

typedef struct wpy_histogram {
    uint64_t count;
    int64_t total_us, least_us, most_us;
    uint32_t buckets[WPY_BUCKETS];
} wpy_histogram;

/* What a thread, or all of them, did. */
typedef struct wpy_tally {
    uint64_t completed, status[5]; /* 1xx .. 5xx */
    uint64_t input_reads, input_bytes, output_writes, output_bytes, gil_waits;
    int64_t busy_us, cpu_us, longest_us;
    int64_t running_us; /* how long the present request has run; 0: none */
    wpy_histogram phases[WPY_PHASES];
} wpy_tally;

/* A request that runs, for reports of slow ones. */
typedef struct wpy_running {
    char id[64], method[16], path[512], agent[256];
    int64_t begun_us; /* monotonic; 0: none runs */
    int reported;
} wpy_running;

/* Begins recording; details: who runs now is noted as well. Idempotent. */
void wpy_recorder_start(int details, int agent);
int wpy_recorder_on(void);

/* A request of this thread begins and ends; only when it is measured. */
void wpy_recorder_begin(wpy_call *call, int64_t now_us);
void wpy_recorder_end(wpy_call *call, int64_t now_us);
void wpy_recorder_free(wpy_thread *thread);

/* Takes what was recorded since the last time: the sum, and one tally for each thread that has a meter, at most `max`.
 * Returns how many. */
int wpy_recorder_drain(wpy_tally *sum, wpy_tally *threads, int max);

/* Calls back with every request that runs, its meter locked. */
void wpy_recorder_visit(void (*seen)(wpy_running *running, int64_t now_us, void *context), void *context);

/* A reported request ended. Set once, before recording begins. */
void wpy_recorder_on_end(void (*ended)(const wpy_running *running, int status, int64_t elapsed_us));

#endif
