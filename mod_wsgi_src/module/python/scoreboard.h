/* SPDX-License-Identifier: Apache-2.0 */
/* What mod_wsgi.server_metrics() wants to know of Apache, as apache/ tells it. No Python.h here: upper floors include
 * this file. */
#ifndef WSGI_PYTHON_SCOREBOARD_H
#define WSGI_PYTHON_SCOREBOARD_H

#include <stdint.h>

typedef struct wpy_score_server {
    int server_limit, thread_limit, generation;
    int64_t restart_us; /* wall clock, as all times here; 0: never */
} wpy_score_server;

typedef struct wpy_score_process {
    long pid; /* 0: none */
    int generation, quiescing;
} wpy_score_process;

typedef struct wpy_score_worker {
    int number, generation;
    char status; /* letter of mod_status */
    unsigned long access_count;
    unsigned long long bytes_served;
    int64_t start_us, stop_us, last_used_us;
    char client[65], request[65], vhost[33];
} wpy_score_worker;

typedef struct wpy_scoreboard {
    int (*server)(wpy_score_server *score); /* 0; -1 when Apache has no scoreboard */
    void (*process)(int process, wpy_score_process *score);
    void (*worker)(int process, int worker, wpy_score_worker *score);
} wpy_scoreboard;

#endif
