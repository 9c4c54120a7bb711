/* SPDX-License-Identifier: Apache-2.0 */
/* Interpreters by name, and the thread states with which OS threads enter them.
 *
 * Each OS thread that meets Python here has one wpy_thread, made on first use and freed when the thread ends. Lock
 * order: no lock of ours is ever waited for while the GIL is held, so the GIL may be waited for under any of them.
 */
#ifndef WSGI_PYTHON_INTERPRETERS_H
#define WSGI_PYTHON_INTERPRETERS_H

#include "compat.h"

#include <pthread.h>
#include <stdatomic.h>

#include "../transport/buffer.h"
#include "options.h"

#define WPY_MAX_INTERPRETERS 256
#define WPY_TEMPLATES        16
#define WPY_KEYS             1024  /* a power of two */
#define WPY_SMALL_BODY       32768 /* bodies up to here are copied, so that one GIL hold is enough */
#define WPY_HEAD_MEMORY      4096

typedef struct wpy_target wpy_target;     /* target.h */
typedef struct wpy_template wpy_template; /* environ.h */
typedef struct wpy_call wpy_call;         /* call.h */
typedef struct wpy_meter wpy_meter;       /* recorder.c */

enum wpy_stream { WPY_ERRORS, WPY_STDOUT, WPY_STDERR, WPY_STREAMS };

/* What requests brought under a name, as Python objects. */
typedef struct wpy_known {
    PyObject *key, *value; /* the value of the last request that had a short one; NULL: none yet */
} wpy_known;

/* The names that are looked up while a request runs, interned. */
typedef struct wpy_names {
    PyObject *input, *request_start, *queue_start, *daemon_start, *script_start, *application_start;
    PyObject *close, *fileno, *flush, *tell, *raw;
} wpy_names;

typedef struct wpy_interp {
    char *name;       /* "": the main interpreter */
    uint32_t ordinal; /* 0: the main interpreter */
    int ready;        /* under the table's lock: 0 while it is being made */
    wpy_options options;
    PyInterpreterState *py;
    PyThreadState *base;  /* lives as long as the interpreter, so that threading's idea of a main
                                              thread stays true; only for making and ending it */
    pthread_mutex_t load; /* one script loads at a time */
    wpy_target *targets;  /* under the table's lock; only grows */
    /* Python objects of this interpreter, under its GIL */
    PyTypeObject *response_type, *input_type, *file_wrapper_type, *stream_type, *closed_stream_type;
    PyObject *errors;          /* wsgi.errors */
    PyObject *request_timeout; /* mod_wsgi.RequestTimeout */
    PyObject *event_callbacks, *shutdown_callbacks, *signal_callbacks;
    wpy_call *calls; /* that run now: active.h */
    wpy_gil_mutex calls_mutex;
    PyTypeObject *reader_type, *random_type, *raw_file_type; /* io.BufferedReader, BufferedRandom, FileIO */
    wpy_names names;
    wpy_known keys[WPY_KEYS]; /* environ keys seen before */
    wpy_gil_mutex keys_mutex;
} wpy_interp;

/* What a request costs; measure.h. Microseconds, bytes and how often. */
typedef struct wpy_measure {
    int64_t cpu_user_us, cpu_system_us; /* of the thread: what it was at the begin, at the end what the request used */
    int64_t input_us, output_us, gil_us;
    uint64_t input_reads, output_writes, gil_waits; /* calls and blocks of the application */
    int64_t finish_us;                              /* wall clock: the application was done */
} wpy_measure;

typedef struct wpy_thread {
    PyThreadState *states[WPY_MAX_INTERPRETERS];
    atomic_int inside;                      /* runs a request or a script now */
    uint32_t number;                        /* mod_wsgi.thread_id */
    wpy_call *call;                         /* the request that runs on this thread */
    wpy_template *templates[WPY_TEMPLATES]; /* most recently used first */
    wio_buf partial[WPY_STREAMS];           /* text without its newline yet */
    atomic_ullong requests, busy_us;
    wpy_measure measure; /* of the request that runs, when somebody wants to know */
    wpy_meter *meter;    /* recorder.h; NULL until something is recorded; set under the table's lock */
    struct wpy_thread *next, **link;
    uint8_t head[WPY_HEAD_MEMORY];
    uint8_t small[WPY_SMALL_BODY];
} wpy_thread;

/* Prepares the threads' records. Before Python starts: C libraries clear a thread's keys in the order of their
 * creation, and Python's own must outlive ours. 0; -1 when the system has no key left. */
int wpy_threads_start(void);

/* Enters the running Python as the main interpreter. GIL held. 0; -1 with an exception. */
int wpy_interps_start(void);

/* This thread's record; NULL when out of memory. GIL either. */
wpy_thread *wpy_thread_self(void);

/* Marks this thread as inside Python until wpy_thread_end(). NULL when Python does not run (any more). GIL not held. */
wpy_thread *wpy_thread_begin(void);
void wpy_thread_end(wpy_thread *thread);

/* The interpreter of that name, made when there is none. NULL when it cannot be made, which is logged. GIL not held. */
wpy_interp *wpy_interp_get(wpy_thread *thread, const char *name);
/* The same, but never makes one. */
wpy_interp *wpy_interp_find(const char *name);

/* The interpreter of that ordinal, or the next one that is ready; NULL after the last. GIL not held; the calling thread
 * is inside Python. */
wpy_interp *wpy_interp_from(uint32_t ordinal);

/* Takes the GIL with this thread's state in `interp`. 0; -1 out of memory, GIL not held then. */
int wpy_enter(wpy_thread *thread, wpy_interp *interp);
/* Drops the GIL. */
void wpy_leave(void);

/* The table's lock, for lists that hang on it. GIL not held. */
void wpy_table_lock(void);
void wpy_table_unlock(void);

/* Calls visit() with every thread's record, under the table's lock: it must not wait for the GIL. GIL not held. */
void wpy_threads_visit(void (*visit)(wpy_thread *thread, void *context), void *context);

/* Requests served and microseconds spent by all threads, past ones included. GIL either. */
void wpy_threads_total(unsigned long long *requests, unsigned long long *busy_us);

/* No thread begins any more; tells subscribers why, ends sub-interpreters. GIL held with `main_state`, the calling
 * thread's. 0; -1 when threads are left (of ours, or of an application in a sub-interpreter): then exit callbacks ran,
 * and Python must not be finalised. */
int wpy_interps_stop(PyThreadState *main_state, const char *reason);

#endif
