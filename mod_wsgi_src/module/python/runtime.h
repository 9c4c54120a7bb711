/* SPDX-License-Identifier: Apache-2.0 */
/* The life of Python in a process: start once, run requests, stop. No Python.h here: upper floors include this file. */
#ifndef WSGI_PYTHON_RUNTIME_H
#define WSGI_PYTHON_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "options.h"
#include "scoreboard.h"
#include "telemetry.h"

/* The strings must live as long as Python does. */
typedef struct wpy_config {
    const char *python_home;   /* prefix or virtual environment; NULL: the interpreter we were linked with */
    const char *python_path;   /* colon list put in front of sys.path, .pth files processed; or NULL */
    const char *home;          /* put first on sys.path; or NULL */
    const char *process_group; /* "" = embedded */
    int processes, threads;    /* mod_wsgi.maximum_processes, threads_per_process */
    int multiprocess, multithread, run_once;
    const char *python_eggs; /* PYTHON_EGG_CACHE; or NULL */
    wpy_python python;
    int service_script; /* threads=0: the application's signal handlers work, SIGTERM raises SystemExit */
    int apache_version[3];
    const char *apache_description, *apache_build_date, *mpm_name;
    const wpy_telemetry *telemetry;   /* NULL: none */
    const wpy_scoreboard *scoreboard; /* NULL: applications may not see it */
    /* Lines that belong to no request; any thread, GIL either. */
    void (*log)(void *context, int level, const char *text, size_t len);
    void *log_context;
} wpy_config;

/* Compares `python_home` (or, when NULL, what we were linked with) with this module, without starting Python:
 * pyvenv.cfg version, existence, readability. 0; -1 and one sentence in `error` that names both versions and the
 * fix. Config time. */
int wpy_check_home(const char *python_home, char *error, size_t size);

/* Starts Python; the calling thread holds no GIL afterwards. Once per process. 0; -1 and a sentence in `error`. */
int wpy_start(const wpy_config *config, char *error, size_t size);
int wpy_started(void);

/* Loads a script into an interpreter at start (WSGIImportScript, pre-loading). 0; -1 when it failed, which is
 * logged; 1 when a service script asked for the end of the process (SystemExit, as by SIGTERM) without a failure. ""
 * names the main interpreter. With config.service_script it runs on the calling (main) thread until the script
 * returns. */
int wpy_import_script(const char *path, const char *application_group);

/* When the script that loads now began to, by wio_now_us(); 0 when none does or one has loaded before. Any thread. */
int64_t wpy_load_pending_us(void);

/* Ends sub-interpreters and Python: subscribers of events hear `reason` (mod_wsgi's word for it, "" in embedded mode),
 * atexit callbacks run. Call after every worker thread has left. The caller keeps a watchdog, since foreign code can
 * hang here. */
void wpy_stop(const char *reason);

/* Raises mod_wsgi.RequestTimeout in the thread that runs the request `id` on `channel`, and nowhere else: if that
 * request has ended, nothing happens, and what was not raised before it ends never is. Code that waits in C sees it
 * when it comes back to Python. 1 on its way; 0 no such request; -1 the GIL could not be had within timeout_ms (or
 * Python does not run): it may still happen later. GIL not held. */
int wpy_interrupt(const wpy_channel *channel, uint64_t id, int timeout_ms);

/* Tells those who subscribed to signals. Returns at once; GIL not held. */
void wpy_signal(int number);

/* Writes the Python stacks of all threads to the log; for timeouts. GIL not held: when it cannot be had within
 * timeout_ms, a daemon writes them without it, to the main error log. */
void wpy_dump_stacks(int timeout_ms);
/* 0 when the GIL could be had within timeout_ms, -1 when not: the dead-lock probe. */
int wpy_probe_gil(int timeout_ms);

#endif
