/* SPDX-License-Identifier: Apache-2.0 */
#include "module.h"

#include <sys/resource.h>
#include <unistd.h>

#include "../transport/memory.h"
#include "../transport/sockets.h"
#include "setup.h"

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

PyObject *wpy_process_metrics(PyObject *module, PyObject *unused)
{
    unsigned long long requests, busy_us;
    struct rusage usage;
    double now = (double)wio_wall_us() / 1e6, started = (double)wpy_runtime_start_us() / 1e6;
    PyThreadState *state = PyEval_SaveThread();
    (void)module;
    (void)unused;
    wpy_threads_total(&requests, &busy_us);
    PyEval_RestoreThread(state);
    getrusage(RUSAGE_SELF, &usage);
    return Py_BuildValue("{s:i,s:K,s:d,s:L,s:L,s:d,s:d,s:d,s:d,s:d}", "pid", (int)getpid(), "request_count", requests,
                         "request_busy_time", (double)busy_us / 1e6, "memory_max_rss",
                         (long long)usage.ru_maxrss * 1024, "memory_rss", (long long)wio_resident_bytes(),
                         "cpu_user_time", seconds(usage.ru_utime), "cpu_system_time", seconds(usage.ru_stime),
                         "restart_time", started, "current_time", now, "running_time", now - started);
}
