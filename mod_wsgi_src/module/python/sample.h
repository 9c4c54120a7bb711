/* SPDX-License-Identifier: Apache-2.0 */
/* What this process did since the last sample. There is one reader: request_metrics(), or else telemetry. */
#ifndef WSGI_PYTHON_SAMPLE_H
#define WSGI_PYTHON_SAMPLE_H

#include "recorder.h"

typedef struct wpy_sample {
    int64_t start_us, stop_us;          /* wall clock */
    int64_t cpu_user_us, cpu_system_us; /* of the process, in the interval */
    int64_t memory_rss, memory_max_rss; /* bytes */
    int slots;                          /* threads that may serve requests */
    wpy_tally sum;
    wpy_tally *threads; /* n_threads that have served any so far; malloc'ed */
    int n_threads;
} wpy_sample;

extern const char *const wpy_phase_names[WPY_PHASES];

/* The interval of the first sample begins. */
void wpy_sample_begin(void);

/* 0 and the sample, which the caller clears; -1 out of memory. GIL not held. */
int wpy_sample_take(wpy_sample *sample);
void wpy_sample_clear(wpy_sample *sample);

/* How much of the threads' time was spent on requests, 0 to 1. */
double wpy_sample_utilization(const wpy_sample *sample);
double wpy_sample_seconds(const wpy_sample *sample);

#endif
