/* SPDX-License-Identifier: Apache-2.0 */
#include "embedded.h"

#include <pthread.h>
#include <unistd.h>

#include "ap_mpm.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_log.h"

#include "../python/run_request.h"
#include "../python/runtime.h"
#include "reply.h"
#include "request.h"

/* --- Python in this process ------------------------------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock; /* of the start */
    apr_pool_t *pool;     /* ends with the process */
    server_rec *main_server;
    int failed; /* a start that failed is not tried again: Python cannot be started twice */
} child = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void log_process(void *context, int level, const char *text, size_t len)
{
    ap_log_error(APLOG_MARK, level, 0, (server_rec *)context, "%.*s", (int)len, text);
}

static apr_status_t stop_python(void *unused)
{
    (void)unused;
    wpy_stop();
    return APR_SUCCESS;
}

static int ask_mpm(int what)
{
    int answer;
    return ap_mpm_query(what, &answer) == APR_SUCCESS ? answer : 0;
}

static void describe(wpy_config *config)
{
    const wap_process *process = wap_process_config();
    ap_version_t version;

    ap_get_server_revision(&version);
    *config = (wpy_config){
        .python_home = process->python_home,
        .python_path = process->python_path,
        .process_group = "",
        .processes = ask_mpm(AP_MPMQ_MAX_DAEMONS),
        .threads = ask_mpm(AP_MPMQ_MAX_THREADS),
        .multithread = ask_mpm(AP_MPMQ_IS_THREADED) != AP_MPMQ_NOT_SUPPORTED,
        .restrict_stdin = process->restrict_stdin,
        .restrict_stdout = process->restrict_stdout,
        .restrict_signal = process->restrict_signal,
        .apache_version = {version.major, version.minor, version.patch},
        .apache_description = ap_get_server_description(),
        .apache_build_date = ap_get_server_built(),
        .mpm_name = ap_show_mpm(),
        .log = log_process,
        .log_context = child.main_server,
    };
    /* MPMs without threads say 0. */
    if (config->threads < 1)
        config->threads = 1;
    config->multiprocess = ask_mpm(AP_MPMQ_IS_FORKED) != AP_MPMQ_NOT_SUPPORTED && config->processes > 1;
    config->run_once = config->threads == 1 && ask_mpm(AP_MPMQ_MAX_REQUESTS_DAEMON) == 1;
}

static void start_locked(void)
{
    const wap_process *process = wap_process_config();
    wpy_config config;
    char reason[1024];

    describe(&config);
    if (wpy_start(&config, reason, sizeof reason) < 0) {
        child.failed = 1;
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, child.main_server, "Python cannot be started: %s", reason);
        return;
    }
    apr_pool_cleanup_register(child.pool, NULL, stop_python, apr_pool_cleanup_null);
    for (int i = 0; i < process->n_embedded_imports; i++)
        wpy_import_script(process->embedded_imports[i].path, process->embedded_imports[i].application_group);
}

static int start(void)
{
    if (wpy_started())
        return 0;
    pthread_mutex_lock(&child.lock);
    if (!wpy_started() && !child.failed)
        start_locked();
    int failed = child.failed;
    pthread_mutex_unlock(&child.lock);
    return failed ? -1 : 0;
}

void wap_embedded_child_init(apr_pool_t *pchild, server_rec *main_server)
{
    wap_process *process = wap_process_config();
    child.pool = pchild;
    child.main_server = main_server;
    process->child_pid = getpid();
    if (!process->restrict_embedded && (process->groups->nelts == 0 || process->n_embedded_imports > 0))
        start();
}

/* --- a channel over a request ------------------------------------------------------------------------------------------ */

typedef struct embedded_channel {
    wpy_channel channel; /* first: the Python layer's view */
    request_rec *r;
    wap_reply reply;
    int result; /* what the handler returns */
} embedded_channel;

static embedded_channel *of(wpy_channel *channel)
{
    return (embedded_channel *)channel;
}

static ssize_t channel_read(wpy_channel *channel, void *buf, size_t max)
{
    return wap_read_body(of(channel)->r, buf, max);
}

static int channel_head(wpy_channel *channel, const void *bytes, size_t len)
{
    embedded_channel *self = of(channel);
    wio_head head;
    if (wio_response_open(bytes, len, &head) < 0)
        self->result = HTTP_INTERNAL_SERVER_ERROR;
    else
        self->result = wap_reply_head(&self->reply, &head);
    return self->result == OK ? 0 : -1;
}

static int channel_body(wpy_channel *channel, const struct iovec *blocks, int count, int flush)
{
    embedded_channel *self = of(channel);
    for (int i = 0; i < count; i++)
        if (wap_reply_body(&self->reply, blocks[i].iov_base, blocks[i].iov_len, flush && i + 1 == count) < 0)
            return -1;
    return 0;
}

static int channel_file(wpy_channel *channel, int fd, off_t offset, off_t length)
{
    return wap_reply_file(&of(channel)->reply, fd, 0, offset, length);
}

static void channel_finish(wpy_channel *channel, wpy_outcome outcome, int status, int reason, uint64_t application_us)
{
    embedded_channel *self = of(channel);
    int body_error = wap_body_error(self->r);
    (void)reason;
    (void)application_us;

    if (!self->reply.started) {
        /* Refused heads have set the result; an unreadable body explains the failure better than the application's 500. */
        if (self->result == OK)
            self->result = body_error ? body_error : status;
    } else if (outcome == WPY_COMPLETE) {
        self->result = wap_reply_end(&self->reply);
    } else {
        self->result = wap_reply_abort(&self->reply);
    }
}

static void channel_log(wpy_channel *channel, int level, const char *text, size_t len)
{
    ap_log_rerror(APLOG_MARK, level, 0, of(channel)->r, "%.*s", (int)len, text);
}

int wap_embedded_run(wap_request *request)
{
    embedded_channel self = {
        .channel = {channel_read, channel_head, channel_body, channel_file, channel_finish, channel_log},
        .r = request->r,
        .result = OK,
    };
    if (start() < 0)
        return HTTP_INTERNAL_SERVER_ERROR;

    wap_reply_init(&self.reply, request->r);
    const wio_request *fields = &request->fields;
    wpy_request run = {
        .vars = request->head.data + WIO_HEAD_ROOM,
        .vars_len = fields->vars_len,
        .fixed_len = fields->fixed_len,
        .body_done = (fields->flags & WIO_REQUEST_BODY_DONE) != 0,
        .content_length = fields->content_length,
        .script_mtime_us = fields->script_mtime_us,
        .request_start_us = fields->request_start_us,
    };
    wpy_run_request(&run, &self.channel);
    return self.result;
}
