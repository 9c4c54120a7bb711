/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include <time.h>

/* Two threads on one request is rare and short: a nap is simpler than a lock, and costs other requests nothing. */
static void nap_without_gil(void)
{
    struct timespec pause = {0, 1000000};
    PyThreadState *state = PyEval_SaveThread();
    nanosleep(&pause, NULL);
    PyEval_RestoreThread(state);
}

int wpy_call_take(wpy_call *call)
{
    call->waiting++;
    while (call->busy && !call->over)
        nap_without_gil();
    call->waiting--;
    if (call->over) {
        PyErr_SetString(PyExc_RuntimeError, "the request has ended");
        return -1;
    }
    call->busy = 1;
    return 0;
}

void wpy_call_give(wpy_call *call)
{
    call->busy = 0;
}

void wpy_call_end(wpy_call *call)
{
    call->over = 1;
    while (call->busy || call->waiting)
        nap_without_gil();
}

int wpy_call_status(const wpy_call *call)
{
    if (call->failed && !call->head_sent)
        return call->failure;
    return call->started ? call->status : 0;
}
