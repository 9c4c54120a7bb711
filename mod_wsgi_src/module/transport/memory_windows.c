/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#ifdef _WIN32

#include <psapi.h>

static PROCESS_MEMORY_COUNTERS counters(void)
{
    PROCESS_MEMORY_COUNTERS read = {.cb = sizeof read};

    GetProcessMemoryInfo(GetCurrentProcess(), &read, sizeof read);
    return read;
}

int64_t wio_resident_bytes(void)
{
    return (int64_t)counters().WorkingSetSize;
}

/* A FILETIME counts tenths of microseconds. */
static int64_t microseconds(FILETIME time)
{
    return (int64_t)(((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime) / 10);
}

void wio_usage_read(wio_usage *usage)
{
    FILETIME began, ended, kernel = {0, 0}, user = {0, 0};

    GetProcessTimes(GetCurrentProcess(), &began, &ended, &kernel, &user);
    usage->user_us = microseconds(user);
    usage->system_us = microseconds(kernel);
    usage->most_resident = (int64_t)counters().PeakWorkingSetSize;
}

#endif
