/* SPDX-License-Identifier: Apache-2.0 */
/* mod_wsgi.server_metrics(): Apache's scoreboard as dictionaries. */
#include "module.h"

#include <string.h>

#include "../transport/clock.h"
#include "scoreboard.h"
#include "setup.h"

static double seconds(int64_t us)
{
    return (double)us / 1e6;
}

static PyObject *latin1(const char *text)
{
    return PyUnicode_DecodeLatin1(text, (Py_ssize_t)strlen(text), NULL);
}

static PyObject *describe_worker(const wpy_scoreboard *board, int process, int worker)
{
    wpy_score_worker score;
    board->worker(process, worker, &score);
    return Py_BuildValue("{s:i,s:i,s:C,s:k,s:K,s:d,s:d,s:d,s:N,s:N,s:N}", "thread_num", score.number, "generation",
                         score.generation, "status", score.status, "access_count", score.access_count, "bytes_served",
                         score.bytes_served, "start_time", seconds(score.start_us), "stop_time", seconds(score.stop_us),
                         "last_used", seconds(score.last_used_us), "client", latin1(score.client), "request",
                         latin1(score.request), "vhost", latin1(score.vhost));
}

/* Appends a new reference (or NULL with an exception) to the list, dropping that on a failure. */
static PyObject *append(PyObject *list, PyObject *item)
{
    if (!item || PyList_Append(list, item))
        Py_CLEAR(list);
    Py_XDECREF(item);
    return list;
}

static PyObject *describe_process(const wpy_scoreboard *board, int process, int workers)
{
    PyObject *list = PyList_New(0);
    wpy_score_process score;
    int i;
    board->process(process, &score);
    for (i = 0; list && i < workers; i++)
        list = append(list, describe_worker(board, process, i));
    if (!list)
        return NULL;
    return Py_BuildValue("{s:i,s:l,s:i,s:O,s:N}", "process_num", process, "pid", score.pid, "generation",
                         score.generation, "quiescing", score.quiescing ? Py_True : Py_False, "workers", list);
}

static PyObject *server_metrics(PyObject *module, PyObject *unused)
{
    const wpy_scoreboard *board = wpy_runtime_config()->scoreboard;
    int64_t now = wio_wall_us();
    wpy_score_server score;
    PyObject *list;
    int i;
    (void)module;
    (void)unused;
    if (!board || board->server(&score))
        Py_RETURN_NONE;
    list = PyList_New(0);
    for (i = 0; list && i < score.server_limit; i++)
        list = append(list, describe_process(board, i, score.thread_limit));
    if (!list)
        return NULL;
    return Py_BuildValue("{s:i,s:i,s:i,s:d,s:d,s:L,s:N}", "server_limit", score.server_limit, "thread_limit",
                         score.thread_limit, "running_generation", score.generation, "restart_time",
                         seconds(score.restart_us), "current_time", seconds(now), "running_time",
                         (long long)(now - score.restart_us) / 1000000, "processes", list);
}

static PyMethodDef method = {"server_metrics", server_metrics, METH_NOARGS,
                             "Apache's processes and threads, or None where WSGIServerMetrics is off."};

int wpy_server_metrics_init(PyObject *module)
{
    return wpy_module_set(module, "server_metrics", PyCFunction_New(&method, NULL));
}
