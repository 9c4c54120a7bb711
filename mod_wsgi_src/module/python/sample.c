/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include <stdlib.h>

#include "../transport/memory.h"
#include "../transport/clock.h"
#include "setup.h"

const char *const wpy_phase_names[WPY_PHASES] = {
    [WPY_PHASE_SERVER] = "server_time",       [WPY_PHASE_QUEUE] = "queue_time",
    [WPY_PHASE_DAEMON] = "daemon_time",       [WPY_PHASE_APPLICATION] = "application_time",
    [WPY_PHASE_REQUEST] = "request_time",     [WPY_PHASE_INPUT] = "input_read_time",
    [WPY_PHASE_OUTPUT] = "output_write_time", [WPY_PHASE_GIL] = "gil_wait_time",
};

/* Where the last sample ended. */
static struct {
    pthread_mutex_t lock;
    int64_t stop_us, cpu_user_us, cpu_system_us;
} last = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* What the interval up to now has used, and the beginning of the next one. */
static void advance(wpy_sample *sample)
{
    wio_usage usage;
    int64_t now_us = wio_wall_us();
    wio_usage_read(&usage);
    pthread_mutex_lock(&last.lock);
    sample->start_us = last.stop_us;
    sample->stop_us = now_us;
    sample->cpu_user_us = usage.user_us - last.cpu_user_us;
    sample->cpu_system_us = usage.system_us - last.cpu_system_us;
    last.stop_us = now_us;
    last.cpu_user_us = usage.user_us;
    last.cpu_system_us = usage.system_us;
    pthread_mutex_unlock(&last.lock);
    sample->memory_rss = (int64_t)wio_resident_bytes();
    sample->memory_max_rss = usage.most_resident;
}

void wpy_sample_begin(void)
{
    wpy_sample ignored;
    advance(&ignored);
}

static void count_meter(wpy_thread *thread, void *count)
{
    *(int *)count += thread->meter != NULL;
}

int wpy_sample_take(wpy_sample *sample)
{
    int most = 0;
    wpy_threads_visit(count_meter, &most);
    sample->threads = calloc((size_t)most + 1, sizeof *sample->threads);
    if (!sample->threads)
        return -1;
    sample->n_threads = wpy_recorder_drain(&sample->sum, sample->threads, most);
    sample->slots = wpy_runtime_config()->threads;
    if (sample->slots < sample->n_threads)
        sample->slots = sample->n_threads;
    advance(sample);
    return 0;
}

void wpy_sample_clear(wpy_sample *sample)
{
    free(sample->threads);
    sample->threads = NULL;
}

double wpy_sample_seconds(const wpy_sample *sample)
{
    return sample->stop_us > sample->start_us ? (double)(sample->stop_us - sample->start_us) / 1e6 : 1e-6;
}

double wpy_sample_utilization(const wpy_sample *sample)
{
    return (double)sample->sum.busy_us / 1e6 / wpy_sample_seconds(sample) / (sample->slots ? sample->slots : 1);
}
