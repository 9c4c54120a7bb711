/* SPDX-License-Identifier: Apache-2.0 */
/* A channel without a server: records what the Python layer sends, plays a request body, fails on demand, and notes
 * every call that the contract of channel.h forbids. */
#ifndef WSGI_TEST_STUB_H
#define WSGI_TEST_STUB_H

#include "../../../module/python/run_request.h"
#include "../../../module/python/runtime.h"
#include "../../../module/transport/buffer.h"
#include "../tap.h"

typedef struct target {
    const char *script, *group, *callable, *handler;
    int reloading;
    const char *name; /* SERVER_NAME, to vary the fixed part */
} target;

typedef struct exchange {
    wpy_channel channel; /* first: the callbacks cast it back */
    wpy_request request;
    wio_buf vars;
    /* how the other side behaves */
    const char *rest;       /* body bytes that come by read() */
    size_t rest_len, chunk; /* at most `chunk` at once; 0: any number */
    int read_error;         /* errno after the rest; 0: the end */
    int gone_after;         /* that many of head, body and file succeed; -1: all */
    unsigned read_delay_ms;
    /* what was seen */
    int reads, heads, bodies, flushes, files, most_blocks, finishes, sends;
    int misuse; /* calls against the contract */
    wpy_outcome outcome;
    int code, failure, reason;
    wio_buf fields, bytes, log; /* "Name: value\n"...; log lines, each with its newline; all NUL terminated */
} exchange;

/* A GET request for a target; add() what else it brings before run(). */
void begin(exchange *x, const target *to);
void add(exchange *x, const char *key, const char *value);
void run(exchange *x);
void end(exchange *x);

/* Runs one GET for a callable of scripts/app.wsgi in the main interpreter. */
void get(exchange *x, const char *callable);

const char *fields_of(exchange *x);
const char *bytes_of(exchange *x);
const char *log_of(exchange *x);
/* How often a text occurs. */
int occurs(const char *in, const char *what);

/* Ended well with that code and body. */
#define CHECK_ANSWER(x, wanted_code, wanted_body)                                                                      \
    do {                                                                                                               \
        CHECK_THAT((x)->finishes == 1 && (x)->outcome == WPY_COMPLETE && (x)->code == (wanted_code) &&                 \
                       !strcmp(bytes_of(x), wanted_body) && !(x)->misuse,                                              \
                   "outcome %d code %d failure %d misuse %d body '%.200s' log '%.1500s'", (x)->outcome, (x)->code,     \
                   (x)->failure, (x)->misuse, bytes_of(x), log_of(x));                                                 \
    } while (0)

/* Failed before anything was sent. */
#define CHECK_FAILURE(x, wanted_failure)                                                                               \
    do {                                                                                                               \
        CHECK_THAT((x)->finishes == 1 && (x)->outcome == WPY_NO_RESPONSE && (x)->failure == (wanted_failure) &&        \
                       !(x)->heads && !(x)->bodies && !(x)->files && !(x)->misuse,                                     \
                   "outcome %d code %d failure %d misuse %d body '%.200s' log '%.1500s'", (x)->outcome, (x)->code,     \
                   (x)->failure, (x)->misuse, bytes_of(x), log_of(x));                                                 \
    } while (0)

/* Cut after something was sent, for that reason. */
#define CHECK_CUT(x, wanted_reason)                                                                                    \
    do {                                                                                                               \
        CHECK_THAT((x)->finishes == 1 && (x)->outcome == WPY_TRUNCATED && (x)->reason == (wanted_reason) &&            \
                       (x)->heads == 1 && !(x)->misuse,                                                                \
                   "outcome %d reason %d misuse %d body '%.200s' log '%.1500s'", (x)->outcome, (x)->reason,            \
                   (x)->misuse, bytes_of(x), log_of(x));                                                               \
    } while (0)

/* Lines of the process's log, of all threads. */
extern wio_buf process_log;
const char *process_log_text(void);

/* A configuration that logs to process_log. */
wpy_config plain_config(void);
/* Starts Python or ends the program. */
void start(const wpy_config *config);
/* Runs tests in one Python with the plain configuration, from its start to its end; the program's exit code. */
int run_in_python(const tap_test *tests, int count);

#define PYTHON_MAIN(tests)                                                                                             \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        return run_in_python(tests, (int)(sizeof(tests) / sizeof *(tests)));                                           \
    }

/* A temporary directory of this program, removed at exit; and files in it, with a modification time in seconds. */
const char *scratch(const char *name);
void write_file(const char *path, const char *text, long mtime);

#define SCRIPT "scripts/app.wsgi"

#endif
