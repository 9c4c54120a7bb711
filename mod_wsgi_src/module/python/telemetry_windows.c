/* SPDX-License-Identifier: Apache-2.0 */
#include "telemetry.h"

#ifdef _WIN32

const char *wpy_telemetry_impossible(void)
{
    return "Windows has no datagram sockets with a path";
}

void wpy_telemetry_start(const wpy_telemetry *telemetry)
{
    (void)telemetry;
}

void wpy_telemetry_draining(void) {}

void wpy_telemetry_stop(const char *reason)
{
    (void)reason;
}

#endif
