/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../transport/json.h"
#include "../transport/clock.h"
#include "log.h"
#include "setup.h"
#include "telemetry.h"

#ifndef _WIN32

#define FORMAT_VERSION 1

static struct {
    const wpy_telemetry *config;
    struct sockaddr_un collector;
    int fd, runs;
    atomic_int told; /* that the collector cannot be reached */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int ending;
} telemetry = {.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

/* Intervals do not care for the wall clock, where the system can do that. */
#ifdef __APPLE__
#define wait_clock_us wio_wall_us
static int init_wait(void)
{
    return pthread_cond_init(&telemetry.changed, NULL);
}
#else
#define wait_clock_us wio_now_us
static int init_wait(void)
{
    pthread_condattr_t attributes;
    int failed = pthread_condattr_init(&attributes);
    if (!failed)
        failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (!failed)
        failed = pthread_cond_init(&telemetry.changed, &attributes);
    return failed;
}
#endif

/* ---- datagrams ---- */

static void begin(wio_json *json, const char *kind)
{
    wio_json_open(json, '{');
    wio_json_text(json, "kind", kind);
    wio_json_int(json, "version", FORMAT_VERSION);
    wio_json_int(json, "pid", (int64_t)getpid());
    wio_json_text(json, "process_group", wpy_runtime_config()->process_group);
    wio_json_real(json, "time", (double)wio_wall_us() / 1e6);
}

/* Completes and sends; gives the memory back. What cannot be sent now is lost: nobody waits for a collector. */
static void end(wio_json *json)
{
    int failed;
    wio_json_close(json, '}');
    errno = ENOMEM;
    failed = json->failed;
    if (!failed)
        failed = sendto(telemetry.fd, json->out.data, json->out.len, MSG_DONTWAIT | MSG_NOSIGNAL,
                        (const struct sockaddr *)&telemetry.collector, sizeof telemetry.collector) < 0;
    if (failed && errno != EAGAIN && errno != EWOULDBLOCK && !atomic_exchange(&telemetry.told, 1))
        wpy_log(0, WPY_LOG_INFO, MWS(2081) "telemetry cannot be sent to '%s': %s", telemetry.config->path,
                strerror(errno));
    wio_buf_free(&json->out);
}

static void tell_event(const char *event, const char *reason)
{
    wio_json json = {0};
    begin(&json, "process");
    wio_json_text(&json, "event", event);
    if (reason)
        wio_json_text(&json, "reason", reason);
    end(&json);
}

static void tell_slow(const wpy_running *running, const char *event, int status, int64_t elapsed_us)
{
    wio_json json = {0};
    begin(&json, "slow_request");
    wio_json_text(&json, "event", event);
    wio_json_text(&json, "request_id", running->id);
    wio_json_text(&json, "method", running->method);
    wio_json_text(&json, "path", running->path);
    wio_json_int(&json, "status", status);
    wio_json_real(&json, "elapsed", (double)elapsed_us / 1e6);
    if (telemetry.config->user_agent)
        wio_json_text(&json, "user_agent", running->agent);
    end(&json);
}

static void see_running(wpy_running *running, int64_t now_us, void *unused)
{
    int64_t elapsed_us = now_us - running->begun_us;
    (void)unused;
    if (running->reported || elapsed_us < (int64_t)telemetry.config->slow_ms * 1000)
        return;
    running->reported = 1;
    tell_slow(running, "running", 0, elapsed_us);
}

static void see_ended(const wpy_running *running, int status, int64_t elapsed_us)
{
    tell_slow(running, "finished", status, elapsed_us);
}

/* ---- samples: the names are those of request_metrics() ---- */

static void put_phase(wio_json *json, const char *name, const wpy_histogram *histogram)
{
    char key[64];
    int i;
    if (!histogram->count)
        return;
    wio_json_real(json, name, (double)histogram->total_us / 1e6 / (double)histogram->count);
    snprintf(key, sizeof key, "%s_min_us", name);
    wio_json_int(json, key, histogram->least_us);
    snprintf(key, sizeof key, "%s_max_us", name);
    wio_json_int(json, key, histogram->most_us);
    snprintf(key, sizeof key, "%s_buckets", name);
    wio_json_key(json, key);
    wio_json_open(json, '[');
    for (i = 0; i < WPY_BUCKETS; i++)
        wio_json_int(json, NULL, histogram->buckets[i]);
    wio_json_close(json, ']');
}

static void put_threads(wio_json *json, const wpy_sample *sample)
{
    int active = 0, i;
    wio_json_key(json, "request_threads_busy_time");
    wio_json_open(json, '[');
    for (i = 0; i < sample->n_threads; i++) {
        wio_json_real(json, NULL, (double)sample->threads[i].busy_us / 1e6);
        active += sample->threads[i].running_us != 0;
    }
    wio_json_close(json, ']');
    wio_json_int(json, "active_requests", active);
    wio_json_int(json, "request_threads_maximum", sample->slots);
    wio_json_real(json, "capacity_utilization", wpy_sample_utilization(sample));
}

static void put_sums(wio_json *json, const wpy_sample *sample)
{
    const wpy_tally *sum = &sample->sum;
    char status[] = "status_1xx";
    double period = wpy_sample_seconds(sample);
    int i;
    wio_json_real(json, "sample_period", period);
    wio_json_int(json, "request_count", (int64_t)sum->completed);
    for (i = 0; i < 5; i++, status[7]++)
        wio_json_int(json, status, (int64_t)sum->status[i]);
    wio_json_int(json, "input_reads", (int64_t)sum->input_reads);
    wio_json_int(json, "input_bytes", (int64_t)sum->input_bytes);
    wio_json_int(json, "output_writes", (int64_t)sum->output_writes);
    wio_json_int(json, "output_bytes", (int64_t)sum->output_bytes);
    wio_json_int(json, "gil_wait_count", (int64_t)sum->gil_waits);
    wio_json_real(json, "cpu_user_utilization", (double)sample->cpu_user_us / 1e6 / period);
    wio_json_real(json, "cpu_system_utilization", (double)sample->cpu_system_us / 1e6 / period);
    wio_json_int(json, "memory_rss", sample->memory_rss);
    wio_json_int(json, "memory_max_rss", sample->memory_max_rss);
}

static void tell_sample(void)
{
    wio_json json = {0};
    wpy_sample sample;
    int i;
    if (wpy_sample_take(&sample))
        return;
    begin(&json, "sample");
    put_sums(&json, &sample);
    put_threads(&json, &sample);
    for (i = 0; i < WPY_PHASES; i++)
        put_phase(&json, wpy_phase_names[i], &sample.sum.phases[i]);
    end(&json);
    wpy_sample_clear(&sample);
}

/* ---- the thread ---- */

/* Waits for the end of an interval. 1 when the process ends. */
static int rest(void)
{
    int64_t until_us = wait_clock_us() + (int64_t)telemetry.config->interval_ms * 1000;
    struct timespec until = {(time_t)(until_us / 1000000), (long)(until_us % 1000000) * 1000};
    int ending;
    pthread_mutex_lock(&telemetry.lock);
    while (!telemetry.ending && pthread_cond_timedwait(&telemetry.changed, &telemetry.lock, &until) == 0)
        ;
    ending = telemetry.ending;
    pthread_mutex_unlock(&telemetry.lock);
    return ending;
}

static void *report(void *unused)
{
    (void)unused;
    while (!rest()) {
        tell_sample();
        if (telemetry.config->slow_ms >= 0)
            wpy_recorder_visit(see_running, NULL);
    }
    tell_sample(); /* the last, short interval */
    return NULL;
}

static int start_thread(void)
{
    sigset_t all, before;
    int failed;
    sigfillset(&all); /* signals are for others */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&telemetry.thread, NULL, report, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

const char *wpy_telemetry_impossible(void)
{
    return NULL;
}

void wpy_telemetry_start(const wpy_telemetry *config)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0), failed;
    if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        wpy_log(0, WPY_LOG_ERROR, MWS(2082) "no telemetry: %s", strerror(errno));
        return;
    }
    telemetry.config = config;
    telemetry.fd = fd;
    telemetry.collector.sun_family = AF_UNIX;
    snprintf(telemetry.collector.sun_path, sizeof telemetry.collector.sun_path, "%s", config->path);
    if (config->slow_ms >= 0)
        wpy_recorder_on_end(see_ended);
    wpy_sample_begin();
    wpy_recorder_start(config->slow_ms >= 0, config->user_agent);
    tell_event("start", NULL);
    if ((failed = init_wait()) || (failed = start_thread())) {
        wpy_log(0, WPY_LOG_ERROR, MWS(2083) "no telemetry: no thread for it: %s", strerror(failed));
        return;
    }
    telemetry.runs = 1;
}

void wpy_telemetry_draining(void)
{
    if (telemetry.runs)
        tell_event("draining", NULL);
}

void wpy_telemetry_stop(const char *reason)
{
    if (!telemetry.runs)
        return;
    telemetry.runs = 0;
    pthread_mutex_lock(&telemetry.lock);
    telemetry.ending = 1;
    pthread_cond_broadcast(&telemetry.changed);
    pthread_mutex_unlock(&telemetry.lock);
    pthread_join(telemetry.thread, NULL);
    tell_event("stop", reason);
}

#endif
