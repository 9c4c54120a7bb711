/* SPDX-License-Identifier: Apache-2.0 */
#include "recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../transport/clock.h"
#include "active.h"
#include "measure.h"

struct wpy_meter {
    pthread_mutex_t lock;
    wpy_tally tally;
    wpy_running running;
    int64_t counted_us; /* busy time is in the tally up to here */
};

static struct {
    atomic_int on;
    int details, agent;
    void (*ended)(const wpy_running *running, int status, int64_t elapsed_us);
} recorder;

void wpy_recorder_start(int details, int agent)
{
    if (details) {
        recorder.details = 1;
        recorder.agent = agent;
    }
    atomic_store(&recorder.on, 1);
    atomic_store(&wpy_measuring, 1);
}

int wpy_recorder_on(void)
{
    return atomic_load_explicit(&recorder.on, memory_order_relaxed);
}

void wpy_recorder_on_end(void (*ended)(const wpy_running *running, int status, int64_t elapsed_us))
{
    recorder.ended = ended;
}

/* ---- one thread's meter ---- */

static wpy_meter *meter_of(wpy_thread *thread)
{
    wpy_meter *meter = thread->meter;
    if (!meter && (meter = calloc(1, sizeof *meter))) {
        pthread_mutex_init(&meter->lock, NULL);
        wpy_table_lock();
        thread->meter = meter;
        wpy_table_unlock();
    }
    return meter;
}

void wpy_recorder_free(wpy_thread *thread)
{
    if (!thread->meter)
        return;
    pthread_mutex_destroy(&thread->meter->lock);
    free(thread->meter);
}

static void note_running(wpy_running *running, const wpy_request *request)
{
    snprintf(running->id, sizeof running->id, "%s", wpy_active_variable(request, "mod_wsgi.request_id"));
    snprintf(running->method, sizeof running->method, "%s", wpy_active_variable(request, "REQUEST_METHOD"));
    snprintf(running->path, sizeof running->path, "%s", wpy_active_variable(request, "REQUEST_URI"));
    running->path[strcspn(running->path, "?")] = 0; /* what follows may be private */
    if (recorder.agent)
        snprintf(running->agent, sizeof running->agent, "%s", wpy_active_variable(request, "HTTP_USER_AGENT"));
}

void wpy_recorder_begin(wpy_call *call, int64_t now_us)
{
    wpy_meter *meter = wpy_recorder_on() ? meter_of(call->thread) : NULL;
    if (!meter)
        return;
    pthread_mutex_lock(&meter->lock);
    meter->counted_us = now_us;
    meter->running.begun_us = now_us;
    meter->running.reported = 0;
    if (recorder.details)
        note_running(&meter->running, call->request);
    pthread_mutex_unlock(&meter->lock);
}

static int bucket_of(int64_t us)
{
    int64_t octave_us = 1000;
    int i;
    if (us < 1000)
        return 0;
    for (i = 0; i < WPY_BUCKETS - 1; i += 4, octave_us *= 2)
        if (us < octave_us * 2)
            return i + (int)((us - octave_us) * 4 / octave_us);
    return WPY_BUCKETS - 1;
}

static void add(wpy_histogram *histogram, int64_t us)
{
    if (us < 0) /* the wall clock was set back */
        us = 0;
    if (!histogram->count || us < histogram->least_us)
        histogram->least_us = us;
    if (us > histogram->most_us)
        histogram->most_us = us;
    histogram->count++;
    histogram->total_us += us;
    histogram->buckets[bucket_of(us)]++;
}

static void add_phases(wpy_tally *tally, const wpy_call *call)
{
    const wpy_request *request = call->request;
    const wpy_measure *used = call->measure;
    int64_t called_us = call->application_us ? call->application_us : used->finish_us;
    if (request->daemon_start_us) {
        add(&tally->phases[WPY_PHASE_SERVER], request->queue_start_us - request->request_start_us);
        add(&tally->phases[WPY_PHASE_QUEUE], request->daemon_start_us - request->queue_start_us);
        add(&tally->phases[WPY_PHASE_DAEMON], called_us - request->daemon_start_us);
    } else {
        add(&tally->phases[WPY_PHASE_SERVER], called_us - request->request_start_us);
    }
    add(&tally->phases[WPY_PHASE_APPLICATION], used->finish_us - called_us);
    add(&tally->phases[WPY_PHASE_REQUEST], used->finish_us - request->request_start_us);
    add(&tally->phases[WPY_PHASE_INPUT], used->input_us);
    add(&tally->phases[WPY_PHASE_OUTPUT], used->output_us);
    add(&tally->phases[WPY_PHASE_GIL], used->gil_us);
}

static void count(wpy_tally *tally, const wpy_call *call, int status)
{
    tally->completed++;
    if (status >= 100 && status < 600)
        tally->status[status / 100 - 1]++;
    tally->input_reads += call->measure->input_reads;
    tally->input_bytes += (uint64_t)call->body_taken;
    tally->output_writes += call->measure->output_writes;
    tally->output_bytes += (uint64_t)call->sent;
    tally->gil_waits += call->measure->gil_waits;
    tally->cpu_us += call->measure->cpu_user_us + call->measure->cpu_system_us;
    add_phases(tally, call);
}

void wpy_recorder_end(wpy_call *call, int64_t now_us)
{
    wpy_meter *meter = call->thread->meter;
    int status = wpy_call_status(call);
    int64_t elapsed_us;
    if (!meter || !meter->running.begun_us)
        return;
    if (!call->measure->finish_us)
        wpy_measure_end(call); /* it did not come as far as the application */
    pthread_mutex_lock(&meter->lock);
    elapsed_us = now_us - meter->running.begun_us;
    count(&meter->tally, call, status);
    meter->tally.busy_us += now_us - meter->counted_us;
    if (elapsed_us > meter->tally.longest_us)
        meter->tally.longest_us = elapsed_us;
    if (meter->running.reported && recorder.ended)
        recorder.ended(&meter->running, status, elapsed_us);
    meter->running.begun_us = 0;
    pthread_mutex_unlock(&meter->lock);
}

/* ---- all meters ---- */

static void add_histogram(wpy_histogram *to, const wpy_histogram *from)
{
    int i;
    if (!from->count)
        return;
    if (!to->count || from->least_us < to->least_us)
        to->least_us = from->least_us;
    if (from->most_us > to->most_us)
        to->most_us = from->most_us;
    to->count += from->count;
    to->total_us += from->total_us;
    for (i = 0; i < WPY_BUCKETS; i++)
        to->buckets[i] += from->buckets[i];
}

static void add_tally(wpy_tally *to, const wpy_tally *from)
{
    int i;
    to->completed += from->completed;
    for (i = 0; i < 5; i++)
        to->status[i] += from->status[i];
    to->input_reads += from->input_reads;
    to->input_bytes += from->input_bytes;
    to->output_writes += from->output_writes;
    to->output_bytes += from->output_bytes;
    to->gil_waits += from->gil_waits;
    to->busy_us += from->busy_us;
    to->cpu_us += from->cpu_us;
    for (i = 0; i < WPY_PHASES; i++)
        add_histogram(&to->phases[i], &from->phases[i]);
}

typedef struct drainage {
    wpy_tally *sum, *threads;
    int count, max;
    int64_t now_us;
} drainage;

static void drain_thread(wpy_thread *thread, void *context)
{
    drainage *all = context;
    wpy_meter *meter = thread->meter;
    if (!meter)
        return;
    pthread_mutex_lock(&meter->lock);
    if (meter->running.begun_us) {
        meter->tally.busy_us += all->now_us - meter->counted_us;
        meter->tally.running_us = all->now_us - meter->running.begun_us;
        meter->counted_us = all->now_us;
    }
    add_tally(all->sum, &meter->tally);
    if (all->count < all->max)
        all->threads[all->count++] = meter->tally;
    memset(&meter->tally, 0, sizeof meter->tally);
    pthread_mutex_unlock(&meter->lock);
}

int wpy_recorder_drain(wpy_tally *sum, wpy_tally *threads, int max)
{
    drainage all = {sum, threads, 0, max, wio_now_us()};
    memset(sum, 0, sizeof *sum);
    wpy_threads_visit(drain_thread, &all);
    return all.count;
}

typedef struct inspection {
    void (*seen)(wpy_running *running, int64_t now_us, void *context);
    void *context;
    int64_t now_us;
} inspection;

static void inspect_thread(wpy_thread *thread, void *context)
{
    const inspection *inspection = context;
    if (!thread->meter)
        return;
    pthread_mutex_lock(&thread->meter->lock);
    if (thread->meter->running.begun_us)
        inspection->seen(&thread->meter->running, inspection->now_us, inspection->context);
    pthread_mutex_unlock(&thread->meter->lock);
}

void wpy_recorder_visit(void (*seen)(wpy_running *running, int64_t now_us, void *context), void *context)
{
    inspection all = {seen, context, wio_now_us()};
    wpy_threads_visit(inspect_thread, &all);
}
