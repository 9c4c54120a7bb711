/* SPDX-License-Identifier: Apache-2.0 */
#include "module.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../transport/memory.h"
#include "../transport/clock.h"
#include "setup.h"

static double seconds(int64_t microseconds)
{
    return (double)microseconds / 1e6;
}

/* The threads that have run something of an application. */
typedef struct crew {
    struct {
        uint32_t number;
        unsigned long long requests;
    } *threads;
    int count, room, active;
} crew;

static void note_thread(wpy_thread *thread, void *context)
{
    crew *crew = context;
    unsigned long long requests = atomic_load(&thread->requests);
    int inside = atomic_load(&thread->inside);
    crew->active += inside;
    if (!requests && !inside)
        return;
    if (crew->count < crew->room) {
        crew->threads[crew->count].number = thread->number;
        crew->threads[crew->count].requests = requests;
    }
    crew->count++;
}

/* Looks twice: how many, and then who. GIL not held. */
static void look_around(crew *crew)
{
    memset(crew, 0, sizeof *crew);
    wpy_threads_visit(note_thread, crew);
    crew->room = crew->count;
    crew->threads = calloc((size_t)crew->room + 1, sizeof *crew->threads);
    if (!crew->threads)
        crew->room = 0;
    crew->count = crew->active = 0;
    wpy_threads_visit(note_thread, crew);
    if (crew->count > crew->room)
        crew->count = crew->room;
}

static PyObject *describe_crew(const crew *crew)
{
    PyObject *list = PyList_New(crew->count), *item;
    int i;
    for (i = 0; list && i < crew->count; i++) {
        item = Py_BuildValue("{s:I,s:K}", "thread_id", (unsigned)crew->threads[i].number, "request_count",
                             crew->threads[i].requests);
        if (item)
            PyList_SET_ITEM(list, i, item);
        else
            Py_CLEAR(list);
    }
    return list;
}

PyObject *wpy_process_metrics(PyObject *module, PyObject *unused)
{
    unsigned long long requests, busy_us;
    wio_usage usage;
    double now = (double)wio_wall_us() / 1e6, started = (double)wpy_runtime_start_us() / 1e6;
    PyObject *threads, *metrics = NULL;
    PyThreadState *state = PyEval_SaveThread();
    crew crew;
    (void)module;
    (void)unused;
    wpy_threads_total(&requests, &busy_us);
    look_around(&crew);
    PyEval_RestoreThread(state);
    wio_usage_read(&usage);
    threads = describe_crew(&crew);
    if (threads)
        metrics = Py_BuildValue("{s:i,s:K,s:d,s:L,s:L,s:d,s:d,s:d,s:d,s:d,s:d,s:i,s:i,s:N}", "pid", (int)getpid(),
                                "request_count", requests, "request_busy_time", (double)busy_us / 1e6, "memory_max_rss",
                                (long long)usage.most_resident, "memory_rss", (long long)wio_resident_bytes(),
                                "cpu_user_time", seconds(usage.user_us), "cpu_system_time", seconds(usage.system_us),
                                "cpu_time", seconds(usage.user_us) + seconds(usage.system_us), "restart_time", started,
                                "current_time", now, "running_time", now - started, "request_threads", crew.count,
                                "active_requests", crew.active, "threads", threads);
    free(crew.threads);
    return metrics;
}
