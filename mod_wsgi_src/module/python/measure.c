/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <string.h>
#include <time.h>
#ifndef _WIN32
#include <sys/resource.h>
#endif

atomic_int wpy_measuring;

/* Processor time of this thread; where the system does not tell it apart, all of it counts as the user's. */
static void thread_cpu(int64_t *user_us, int64_t *system_us)
{
#ifdef RUSAGE_THREAD
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    *user_us = (int64_t)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
    *system_us = (int64_t)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec;
#else
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    *user_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    *system_us = 0;
#endif
}

void wpy_measure_start(wpy_call *call)
{
    if (call->outer)
        return; /* the thread's record is for that */
    call->measure = &call->thread->measure;
    memset(call->measure, 0, sizeof *call->measure);
    thread_cpu(&call->measure->cpu_user_us, &call->measure->cpu_system_us);
}

void wpy_measure_end(wpy_call *call)
{
    wpy_measure *measure = call->measure;
    int64_t user_us, system_us;
    thread_cpu(&user_us, &system_us);
    measure->cpu_user_us = user_us - measure->cpu_user_us;
    measure->cpu_system_us = system_us - measure->cpu_system_us;
    measure->finish_us = wio_wall_us();
}
