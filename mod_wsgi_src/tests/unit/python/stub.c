/* SPDX-License-Identifier: Apache-2.0 */
#include "../../../module/python/compat.h"
#include "stub.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../../module/transport/frame.h"

wio_buf process_log;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char scratch_root[256];

static void put(wio_buf *buf, const void *bytes, size_t len)
{
    if (wio_buf_append(buf, bytes, len))
        abort();
}

static const char *terminated(wio_buf *buf)
{
    put(buf, "", 1);
    buf->len--;
    return (const char *)buf->data;
}

/* ---- the channel ---- */

/* Does this thread hold the GIL? */
static int has_gil(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked() != NULL;
#elif PY_VERSION_HEX >= 0x030C0000
    return _PyThreadState_UncheckedGet() != NULL;
#else
    return 0; /* the current state is of the process, not of the thread */
#endif
}

static exchange *enter(wpy_channel *channel)
{
    exchange *x = (exchange *)channel;
    x->misuse += has_gil() || x->finishes;
    return x;
}

/* One more thing sent; -1 when the client is gone by then. */
static int sent(exchange *x)
{
    if (x->gone_after < 0 || x->sends < x->gone_after) {
        x->sends++;
        return 0;
    }
    x->misuse += x->sends > x->gone_after; /* called again after a failure */
    x->sends = x->gone_after + 1;
    return -1;
}

static ssize_t stub_read(wpy_channel *channel, void *buf, size_t max)
{
    exchange *x = enter(channel);
    struct timespec delay = {x->read_delay_ms / 1000, (long)(x->read_delay_ms % 1000) * 1000000};
    size_t count = x->rest_len < max ? x->rest_len : max;
    x->reads++;
    x->misuse += !max;
    nanosleep(&delay, NULL);
    if (x->chunk && count > x->chunk)
        count = x->chunk;
    if (!count && x->read_error) {
        errno = x->read_error;
        return -1;
    }
    memcpy(buf, x->rest, count);
    x->rest += count;
    x->rest_len -= count;
    return (ssize_t)count;
}

static int stub_head(wpy_channel *channel, const void *bytes, size_t len)
{
    exchange *x = enter(channel);
    wio_pair pair;
    wio_head head;
    int count = 0;
    x->misuse += x->heads++ || x->bodies || x->files;
    if (wio_response_open(bytes, len, &head)) {
        x->misuse++;
        return -1;
    }
    x->code = head.status;
    while (wio_pair_next(&head.pairs, &pair) > 0) {
        count++;
        put(&x->fields, pair.key, pair.key_len);
        put(&x->fields, ": ", 2);
        put(&x->fields, pair.value, pair.value_len);
        put(&x->fields, "\n", 1);
    }
    x->misuse += count != head.fields;
    return sent(x);
}

static int stub_body(wpy_channel *channel, const struct iovec *blocks, int count, wpy_when when)
{
    exchange *x = enter(channel);
    int i, failed = sent(x);
    x->misuse += !x->heads || count < 1;
    x->bodies++;
    x->flushes += when == WPY_NOW;
    x->most_blocks = count > x->most_blocks ? count : x->most_blocks;
    for (i = 0; i < count && !failed; i++) {
        x->misuse += !blocks[i].iov_len;
        put(&x->bytes, blocks[i].iov_base, blocks[i].iov_len);
    }
    return failed;
}

static int stub_file(wpy_channel *channel, int fd, off_t offset, off_t length)
{
    exchange *x = enter(channel);
    char buf[4096];
    int failed = sent(x);
    x->misuse += !x->heads;
    x->files++;
    while (length > 0 && !failed) {
        ssize_t got = pread(fd, buf, length < (off_t)sizeof buf ? (size_t)length : sizeof buf, offset);
        if (got <= 0)
            break;
        put(&x->bytes, buf, (size_t)got);
        offset += got;
        length -= got;
    }
    return failed;
}

static void stub_finish(wpy_channel *channel, wpy_outcome outcome, int status, int reason, uint64_t application_us)
{
    exchange *x = enter(channel);
    (void)application_us;
    x->finishes++;
    x->outcome = outcome;
    x->failure = status;
    x->reason = reason;
}

static void stub_log(wpy_channel *channel, int level, const char *text, size_t len)
{
    exchange *x = enter(channel);
    x->misuse += memchr(text, '\n', len) != NULL || level < WPY_LOG_CRIT || level > WPY_LOG_DEBUG;
    put(&x->log, text, len);
    put(&x->log, "\n", 1);
}

/* ---- exchanges ---- */

static void add_pair(exchange *x, const char *key, const char *value)
{
    int flags = strcmp(key, WPY_KEY_SCRIPT) && strcmp(key, "DOCUMENT_ROOT") ? 0 : WIO_PAIR_PATH;
    if (value && wio_pair_put(&x->vars, (uint16_t)flags, key, strlen(key), value, strlen(value)))
        abort();
}

void begin(exchange *x, const target *to)
{
    static const wpy_channel channel = {stub_read, stub_head, stub_body, stub_file, stub_finish, stub_log};
    memset(x, 0, sizeof *x);
    x->channel = channel;
    x->gone_after = -1;
    x->request.body_done = 1;
    x->request.request_start_us = 1700000000000001;
    add_pair(x, "SERVER_NAME", to->name ? to->name : "test.example");
    add_pair(x, "wsgi.url_scheme", "http");
    add_pair(x, WPY_KEY_SCRIPT, to->script ? to->script : SCRIPT);
    add_pair(x, WPY_KEY_GROUP, to->group ? to->group : "");
    add_pair(x, WPY_KEY_CALLABLE, to->callable ? to->callable : "application");
    add_pair(x, WPY_KEY_HANDLER, to->handler ? to->handler : "");
    add_pair(x, WPY_KEY_RELOADING, to->reloading ? "1" : "0");
    x->request.fixed_len = (uint32_t)x->vars.len;
}

void add(exchange *x, const char *key, const char *value)
{
    add_pair(x, key, value);
}

void run(exchange *x)
{
    x->request.vars = x->vars.data;
    x->request.vars_len = (uint32_t)x->vars.len;
    wpy_run_request(&x->request, &x->channel);
}

void end(exchange *x)
{
    wio_buf_free(&x->vars);
    wio_buf_free(&x->fields);
    wio_buf_free(&x->bytes);
    wio_buf_free(&x->log);
}

void get(exchange *x, const char *callable)
{
    target to = {.callable = callable};
    begin(x, &to);
    add(x, "REQUEST_METHOD", "GET");
    run(x);
}

const char *fields_of(exchange *x)
{
    return terminated(&x->fields);
}

const char *bytes_of(exchange *x)
{
    return terminated(&x->bytes);
}

const char *log_of(exchange *x)
{
    return terminated(&x->log);
}

int occurs(const char *in, const char *what)
{
    int count = 0;
    while ((in = strstr(in, what))) {
        count++;
        in += strlen(what);
    }
    return count;
}

/* ---- the process ---- */

static void log_line(void *context, int level, const char *text, size_t len)
{
    (void)context;
    (void)level;
    pthread_mutex_lock(&log_lock);
    put(&process_log, text, len);
    put(&process_log, "\n", 1);
    pthread_mutex_unlock(&log_lock);
}

const char *process_log_text(void)
{
    return terminated(&process_log);
}

wpy_config plain_config(void)
{
    wpy_config config = {.process_group = "",
                         .processes = 1,
                         .threads = 5,
                         .multithread = 1,
                         .python = {.options = {.restrict_signal = 1}},
                         .apache_version = {2, 4, 99},
                         .apache_description = "Test/1.0",
                         .apache_build_date = "today",
                         .mpm_name = "test",
                         .log = log_line};
    return config;
}

void start(const wpy_config *config)
{
    char error[1024];
    if (wpy_start(config, error, sizeof error)) {
        fprintf(stderr, "%s\n%s\n", error, process_log_text());
        exit(2);
    }
}

int run_in_python(const tap_test *tests, int count)
{
    wpy_config config = plain_config();
    int result;
    start(&config);
    result = tap_run(tests, count);
    wpy_stop("");
    wio_buf_free(&process_log);
    return result;
}

/* ---- files ---- */

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static void remove_scratch(void)
{
    nftw(scratch_root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scratch(const char *name)
{
    static char path[1024];
    const char *top = getenv("TMPDIR");
    if (!*scratch_root) {
        snprintf(scratch_root, sizeof scratch_root, "%s/wsgi-unit-XXXXXX", top ? top : "/tmp");
        if (!mkdtemp(scratch_root))
            abort();
        atexit(remove_scratch);
    }
    snprintf(path, sizeof path, "%s/%s", scratch_root, name);
    return path;
}

void write_file(const char *path, const char *text, long mtime)
{
    struct timespec times[2] = {{mtime, 0}, {mtime, 0}};
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) || utimensat(AT_FDCWD, path, times, 0))
        abort();
}
