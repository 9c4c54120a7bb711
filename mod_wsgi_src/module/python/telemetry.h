/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that tells a collector what this process does: one JSON object in each datagram, sent to a UNIX socket. A
 * collector that is not there, or is slow, costs nothing but the datagrams. No Python.h here: upper floors include this
 * file. */
#ifndef WSGI_PYTHON_TELEMETRY_H
#define WSGI_PYTHON_TELEMETRY_H

/* WSGITelemetryService, WSGISlowRequests, WSGITelemetryOptions. */
typedef struct wpy_telemetry {
    const char *path;
    int interval_ms;
    int slow_ms; /* -1: slow requests are not reported */
    int user_agent;
} wpy_telemetry;

/* NULL, or why this system cannot report. */
const char *wpy_telemetry_impossible(void);
/* Begins to report. Failures are logged: the process serves all the same. */
void wpy_telemetry_start(const wpy_telemetry *telemetry);
/* The process takes no more requests; it ends: last words. */
void wpy_telemetry_draining(void);
void wpy_telemetry_stop(const char *reason);

#endif
