/* SPDX-License-Identifier: Apache-2.0 */
/* Measures what a request costs. Nothing is measured until somebody asks for it (events, metrics, telemetry): then each
 * request that begins gets a wpy_measure, which lies in its thread's record. All of it is for the request's own
 * thread. */
#ifndef WSGI_PYTHON_MEASURE_H
#define WSGI_PYTHON_MEASURE_H

#include "call.h"

#include "../transport/clock.h"

/* Set once somebody wants to know; never cleared. */
extern atomic_int wpy_measuring;

void wpy_measure_start(wpy_call *call);
/* The application is done: completes the times. */
void wpy_measure_end(wpy_call *call);

/* Gives the call its measure, when it has none and somebody wants to know. GIL either. */
static inline void wpy_measure_begin(wpy_call *call)
{
    if (atomic_load_explicit(&wpy_measuring, memory_order_relaxed) && !call->measure)
        wpy_measure_start(call);
}

/* A reading of the clock; 0 when nothing is measured. */
static inline int64_t wpy_measure_now(const wpy_call *call)
{
    return call->measure ? wio_now_us() : 0;
}

/* A read from the channel, or a write to it, took from then until now. */
static inline void wpy_measure_read(wpy_call *call, int64_t since_us)
{
    if (call->measure)
        call->measure->input_us += wio_now_us() - since_us;
}

static inline void wpy_measure_write(wpy_call *call, int64_t since_us)
{
    if (call->measure)
        call->measure->output_us += wio_now_us() - since_us;
}

/* PyEval_RestoreThread(), its time counted. */
static inline void wpy_measure_resume(wpy_call *call, PyThreadState *state)
{
    int64_t since_us = wpy_measure_now(call);
    PyEval_RestoreThread(state);
    if (call->measure) {
        call->measure->gil_waits++;
        call->measure->gil_us += wio_now_us() - since_us;
    }
}

#endif
