/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* RLIMIT_NPROC is not in POSIX */
#elif defined(__sun) && !defined(__EXTENSIONS__)
#define __EXTENSIONS__
#endif

#include "limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../python/channel.h"
#include "../transport/memory.h"

#define SECOND ((int64_t)1000000)

/* --- what the kernel keeps ---------------------------------------------------------------------------------------- */

static int fail(char *error, size_t size, const wdm_group *group, const char *option, int64_t value)
{
    snprintf(error, size, "daemon group '%s': cannot set %s=%lld: %s", group->name, option, (long long)value,
             strerror(errno));
    return -1;
}

/* 0 in the option: unlimited. A hard limit that is lower than what is asked for is left alone when it cannot be
 * raised: the process is limited all the same. */
static int limit(int resource, int64_t soft, int64_t hard)
{
    struct rlimit now, wanted = {(rlim_t)soft, (rlim_t)hard};

    if (soft == 0 || setrlimit(resource, &wanted) == 0)
        return 0;
    if (errno != EPERM || getrlimit(resource, &now) < 0)
        return -1;
    wanted.rlim_max = now.rlim_max;
    if (wanted.rlim_cur > now.rlim_max)
        wanted.rlim_cur = now.rlim_max;
    return setrlimit(resource, &wanted);
}

int wdm_take_limits(const wdm_group *group, char *error, size_t size)
{
    /* At the soft limit the process leaves; it must have the time to. */
    int64_t cpu = group->cpu_time_limit, leave = (int64_t)group->graceful_timeout + group->shutdown_timeout + 1;
    const struct {
        const char *option;
        int resource;
        int64_t soft, hard;
    } limits[] = {
        {"cpu-time-limit", RLIMIT_CPU, cpu, cpu + leave},
        {"memory-limit", RLIMIT_DATA, group->memory_limit, group->memory_limit},
        {"virtual-memory-limit", RLIMIT_AS, group->virtual_memory_limit, group->virtual_memory_limit},
        {"open-files-limit", RLIMIT_NOFILE, group->open_files_limit, group->open_files_limit},
#ifdef RLIMIT_NPROC
        {"process-limit", RLIMIT_NPROC, group->process_limit, group->process_limit},
#endif
    };

    if (group->cpu_priority && setpriority(PRIO_PROCESS, 0, group->cpu_priority) < 0)
        return fail(error, size, group, "cpu-priority", group->cpu_priority);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (limit(limits[i].resource, limits[i].soft, limits[i].hard) < 0)
            return fail(error, size, group, limits[i].option, limits[i].soft);
    return 0;
}

/* --- what the process keeps itself -------------------------------------------------------------------------------- */

static int is_too_old(const wdm_process *process, int64_t now)
{
    int64_t interval = process->group->restart_interval * SECOND;

    /* Spread, so that the processes of a group do not all go at once. */
    return interval && now - process->start_us > interval * (90 + getpid() % 21) / 100;
}

void wdm_watch_limits(wdm_process *process, int64_t now)
{
    const wdm_group *group = process->group;
    int64_t memory = group->memory_soft_limit ? wio_resident_bytes() : 0;

    if (atomic_load(&process->replacement))
        return;
    if (is_too_old(process, now)) {
        wdm_process_ask_successor(process, WIO_EXIT_AGE);
    } else if (memory > group->memory_soft_limit) {
        wdm_log(process->config, group->vhost, WPY_LOG_NOTICE,
                MWS(3061) "daemon process %ld of group '%s' has %lld bytes in memory, more than "
                          "memory-soft-limit=%lld: it is "
                          "replaced",
                (long)getpid(), group->name, (long long)memory, (long long)group->memory_soft_limit);
        wdm_process_ask_successor(process, WIO_EXIT_MEMORY);
    }
}
