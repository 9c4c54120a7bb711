/* SPDX-License-Identifier: Apache-2.0 */
/* mod_wsgi.start_recording_metrics() and request_metrics(). */
#include "module.h"

#include <stdio.h>
#include <unistd.h>

#include "sample.h"
#include "setup.h"

/* Puts a new reference (or NULL with an exception). 0; -1 with an exception. */
static int put(PyObject *metrics, const char *key, PyObject *value)
{
    int result = value ? PyDict_SetItemString(metrics, key, value) : -1;
    Py_XDECREF(value);
    return result;
}

static PyObject *real(double value)
{
    return PyFloat_FromDouble(value);
}

static PyObject *whole(uint64_t value)
{
    return PyLong_FromUnsignedLongLong(value);
}

static PyObject *seconds(int64_t us)
{
    return real((double)us / 1e6);
}

/* ---- phases ---- */

static PyObject *bucket_list(const wpy_histogram *histogram)
{
    PyObject *list = PyList_New(WPY_BUCKETS), *item;
    int i;
    for (i = 0; list && i < WPY_BUCKETS; i++) {
        if ((item = PyLong_FromUnsignedLong(histogram->buckets[i])))
            PyList_SET_ITEM(list, i, item);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *or_none(const wpy_histogram *histogram, PyObject *value)
{
    if (histogram->count)
        return value;
    Py_XDECREF(value);
    return wpy_new_ref(Py_None);
}

static int put_phase(PyObject *metrics, const char *name, const wpy_histogram *histogram)
{
    char key[64];
    int failed;
    failed = put(metrics, name, or_none(histogram, real((double)histogram->total_us / 1e6 / (double)histogram->count)));
    snprintf(key, sizeof key, "%s_min_us", name);
    failed |= put(metrics, key, or_none(histogram, PyLong_FromLongLong(histogram->least_us)));
    snprintf(key, sizeof key, "%s_max_us", name);
    failed |= put(metrics, key, or_none(histogram, PyLong_FromLongLong(histogram->most_us)));
    snprintf(key, sizeof key, "%s_buckets", name);
    return failed | put(metrics, key, bucket_list(histogram));
}

/* ---- threads ---- */

typedef PyObject *of_thread(const wpy_tally *tally);

static PyObject *completed(const wpy_tally *tally)
{
    return whole(tally->completed);
}

static PyObject *busy_time(const wpy_tally *tally)
{
    return seconds(tally->busy_us);
}

static PyObject *cpu_time(const wpy_tally *tally)
{
    return seconds(tally->cpu_us);
}

static PyObject *current_elapsed(const wpy_tally *tally)
{
    return seconds(tally->running_us);
}

static PyObject *max_duration(const wpy_tally *tally)
{
    return seconds(tally->longest_us);
}

/* One entry for each thread that may serve; those that have not served yet say 0. */
static PyObject *list_of(const wpy_sample *sample, of_thread *of)
{
    static const wpy_tally nothing;
    PyObject *list = PyList_New(sample->slots), *item;
    int i;
    for (i = 0; list && i < sample->slots; i++) {
        if ((item = of(i < sample->n_threads ? &sample->threads[i] : &nothing)))
            PyList_SET_ITEM(list, i, item);
        else
            Py_CLEAR(list);
    }
    return list;
}

static int put_threads(PyObject *metrics, const wpy_sample *sample)
{
    int active = 0, i;
    for (i = 0; i < sample->n_threads; i++)
        active += sample->threads[i].completed || sample->threads[i].running_us;
    return put(metrics, "request_threads_maximum", PyLong_FromLong(sample->slots)) ||
                   put(metrics, "request_threads_started", PyLong_FromLong(sample->n_threads)) ||
                   put(metrics, "request_threads_active", PyLong_FromLong(active)) ||
                   put(metrics, "capacity_utilization", real(wpy_sample_utilization(sample))) ||
                   put(metrics, "request_threads_completed", list_of(sample, completed)) ||
                   put(metrics, "request_threads_buckets", list_of(sample, completed)) ||
                   put(metrics, "request_threads_busy_time", list_of(sample, busy_time)) ||
                   put(metrics, "request_threads_cpu_time", list_of(sample, cpu_time)) ||
                   put(metrics, "request_threads_current_elapsed", list_of(sample, current_elapsed)) ||
                   put(metrics, "request_threads_max_duration", list_of(sample, max_duration))
               ? -1
               : 0;
}

/* ---- the rest ---- */

static int put_totals(PyObject *metrics, const wpy_sample *sample)
{
    const wpy_tally *sum = &sample->sum;
    char key[] = "status_1xx";
    int i;
    for (i = 0; i < 5; i++, key[7]++)
        if (put(metrics, key, whole(sum->status[i])))
            return -1;
    return put(metrics, "request_count", whole(sum->completed)) ||
                   put(metrics, "request_throughput", real((double)sum->completed / wpy_sample_seconds(sample))) ||
                   put(metrics, "input_reads", whole(sum->input_reads)) ||
                   put(metrics, "input_bytes", whole(sum->input_bytes)) ||
                   put(metrics, "output_writes", whole(sum->output_writes)) ||
                   put(metrics, "output_bytes", whole(sum->output_bytes)) ||
                   put(metrics, "gil_wait_count", whole(sum->gil_waits))
               ? -1
               : 0;
}

static int put_process(PyObject *metrics, const wpy_sample *sample)
{
    double period = wpy_sample_seconds(sample), user = (double)sample->cpu_user_us / 1e6 / period,
           system = (double)sample->cpu_system_us / 1e6 / period;
    return put(metrics, "pid", PyLong_FromLong((long)getpid())) ||
                   put(metrics, "start_time", seconds(sample->start_us)) ||
                   put(metrics, "stop_time", seconds(sample->stop_us)) || put(metrics, "sample_period", real(period)) ||
                   put(metrics, "cpu_user_utilization", real(user)) || put(metrics, "cpu_user_time", real(user)) ||
                   put(metrics, "cpu_system_utilization", real(system)) ||
                   put(metrics, "cpu_system_time", real(system)) ||
                   put(metrics, "cpu_utilization", real(user + system)) ||
                   put(metrics, "cpu_time", real(user + system)) ||
                   put(metrics, "memory_rss", PyLong_FromLongLong(sample->memory_rss)) ||
                   put(metrics, "memory_max_rss", PyLong_FromLongLong(sample->memory_max_rss))
               ? -1
               : 0;
}

static PyObject *describe(const wpy_sample *sample)
{
    PyObject *metrics = PyDict_New();
    int i, failed =
               !metrics || put_process(metrics, sample) || put_totals(metrics, sample) || put_threads(metrics, sample);
    for (i = 0; !failed && i < WPY_PHASES; i++)
        failed = put_phase(metrics, wpy_phase_names[i], &sample->sum.phases[i]);
    if (failed)
        Py_CLEAR(metrics);
    return metrics;
}

static PyObject *request_metrics(PyObject *module, PyObject *unused)
{
    PyThreadState *state;
    PyObject *metrics;
    wpy_sample sample;
    int failed;
    (void)module;
    (void)unused;
    if (!wpy_recorder_on() || wpy_runtime_config()->telemetry)
        Py_RETURN_NONE;
    state = PyEval_SaveThread();
    failed = wpy_sample_take(&sample);
    PyEval_RestoreThread(state);
    if (failed)
        return PyErr_NoMemory();
    metrics = describe(&sample);
    wpy_sample_clear(&sample);
    return metrics;
}

static PyObject *start_recording(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    if (!wpy_recorder_on()) {
        wpy_recorder_start(0, 0);
        wpy_sample_begin();
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"start_recording_metrics", start_recording, METH_NOARGS, "Has request_metrics() measure from now on."},
    {"request_metrics", request_metrics, METH_NOARGS,
     "What the requests of this process cost since the last call, as a dictionary; None when nothing is recorded."}};

int wpy_request_metrics_init(PyObject *module)
{
    size_t i;
    for (i = 0; i < sizeof methods / sizeof *methods; i++)
        if (wpy_module_set(module, methods[i].ml_name, PyCFunction_New(&methods[i], NULL)))
            return -1;
    return 0;
}
