/* SPDX-License-Identifier: Apache-2.0 */
#include "embedded.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "ap_mpm.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_log.h"

#include "../python/run_request.h"
#include "../python/runtime.h"
#include "error_logs.h"
#include "reply.h"
#include "request.h"
#include "server_score.h"

/* --- Python in this process --------------------------------------------------------------------------------------- */

/* FAILED is final: Python cannot be started twice. */
enum state { NOT_STARTED, STARTING, RUNNING, STOPPING, FAILED };

/* Python has a thread of its own, the keeper, that starts and ends it: whoever starts Python is its main thread, and
 * finalising waits for ever for a main thread that has gone, as a request's thread may have. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t keeper;
    enum state state;
    apr_pool_t *pool; /* ends with the process */
    server_rec *main_server;
} child = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void log_process(void *context, int level, const char *text, size_t len)
{
    ap_log_error(NULL, 0, APLOG_MODULE_INDEX, level, 0, (server_rec *)context, "%.*s", (int)len, text);
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
        .python_path = process->python.options.python_path,
        .process_group = "",
        .processes = ask_mpm(AP_MPMQ_MAX_DAEMONS),
        .threads = ask_mpm(AP_MPMQ_MAX_THREADS),
        .multithread = ask_mpm(AP_MPMQ_IS_THREADED) != AP_MPMQ_NOT_SUPPORTED,
        .python_eggs = process->python_eggs,
        .python = process->python,
        .apache_version = {version.major, version.minor, version.patch},
        .apache_description = ap_get_server_description(),
        .apache_build_date = ap_get_server_built(),
        .mpm_name = ap_show_mpm(),
        .telemetry = wap_telemetry_config(process),
        .scoreboard = process->server_metrics ? &wap_scoreboard : NULL,
        .log = log_process,
        .log_context = child.main_server,
    };
    /* MPMs without threads say 0. */
    if (config->threads < 1)
        config->threads = 1;
    config->multiprocess = ask_mpm(AP_MPMQ_IS_FORKED) != AP_MPMQ_NOT_SUPPORTED && config->processes > 1;
    config->run_once = config->threads == 1 && ask_mpm(AP_MPMQ_MAX_REQUESTS_DAEMON) == 1;
}

static int start_python(void)
{
    const wap_process *process = wap_process_config();
    wpy_config config;
    char reason[1024];

    describe(&config);
    if (wpy_start(&config, reason, sizeof reason) < 0) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, child.main_server, MWS(4031) "Python cannot be started: %s", reason);
        return -1;
    }
    for (int i = 0; i < process->n_embedded_imports; i++)
        wpy_import_script(process->embedded_imports[i].path, process->embedded_imports[i].application_group);
    return 0;
}

static void *keep_python(void *unused)
{
    int failed = start_python();

    (void)unused;
    pthread_mutex_lock(&child.lock);
    child.state = failed ? FAILED : RUNNING;
    pthread_cond_broadcast(&child.changed);
    while (child.state == RUNNING)
        pthread_cond_wait(&child.changed, &child.lock);
    pthread_mutex_unlock(&child.lock);
    if (!failed)
        wpy_stop("");
    return NULL;
}

static apr_status_t stop_python(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&child.lock);
    if (child.state == RUNNING)
        child.state = STOPPING;
    pthread_cond_broadcast(&child.changed);
    pthread_mutex_unlock(&child.lock);
    pthread_join(child.keeper, NULL);
    return APR_SUCCESS;
}

/* The keeper takes no signals: they are for httpd's own threads. */
static void start_locked(void)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&child.keeper, NULL, keep_python, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        child.state = FAILED;
        ap_log_error(APLOG_MARK, APLOG_CRIT, failed, child.main_server,
                     MWS(4032) "Python cannot be started: no thread for it");
        return;
    }
    child.state = STARTING;
    apr_pool_cleanup_register(child.pool, NULL, stop_python, apr_pool_cleanup_null);
    while (child.state == STARTING)
        pthread_cond_wait(&child.changed, &child.lock);
}

int wap_embedded_start(void)
{
    if (wpy_started())
        return 0;
    pthread_mutex_lock(&child.lock);
    if (child.state == NOT_STARTED)
        start_locked();
    while (child.state == STARTING)
        pthread_cond_wait(&child.changed, &child.lock);
    int ready = child.state == RUNNING;
    pthread_mutex_unlock(&child.lock);
    return ready ? 0 : -1;
}

void wap_embedded_child_init(apr_pool_t *pchild, server_rec *main_server)
{
    wap_process *process = wap_process_config();
    child.pool = pchild;
    child.main_server = main_server;
    process->child_pid = getpid();
    int asked = process->asks_scripts || process->n_embedded_imports > 0;
    if (asked || !process->restrict_embedded)
        wap_error_logs_guard(pchild);
    if (asked || (!process->restrict_embedded && process->groups->nelts == 0))
        wap_embedded_start();
}

/* --- a channel over a request ------------------------------------------------------------------------------------- */

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
    wio_response_view(bytes, len, &head);
    self->result = wap_reply_head(&self->reply, &head);
    return self->result == OK ? 0 : -1;
}

static int channel_body(wpy_channel *channel, const struct iovec *blocks, int count, wpy_when when)
{
    wap_reply *reply = &of(channel)->reply;
    for (int i = 0; i < count; i++) {
        const void *bytes = blocks[i].iov_base;
        size_t len = blocks[i].iov_len;
        if (when == WPY_LAST ? wap_reply_body_kept(reply, bytes, len) < 0
                             : wap_reply_body(reply, bytes, len, when == WPY_NOW && i + 1 == count) < 0)
            return -1;
    }
    return 0;
}

static int channel_file(wpy_channel *channel, int fd, off_t offset, off_t length)
{
    return wap_reply_file(&of(channel)->reply, fd, offset, length);
}

static void channel_finish(wpy_channel *channel, wpy_outcome outcome, int status, int reason, uint64_t application_us)
{
    embedded_channel *self = of(channel);
    int body_error = wap_body_error(self->r);
    (void)reason;
    (void)application_us;

    if (!self->reply.started) {
        /* A refused head has set the result; an unreadable body explains more than the application's 500. */
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
    ap_log_rerror(NULL, 0, APLOG_MODULE_INDEX, level, 0, of(channel)->r, "%.*s", (int)len, text);
}

int wap_embedded_run(wap_request *request)
{
    embedded_channel self = {
        .channel = {channel_read, channel_head, channel_body, channel_file, channel_finish, channel_log},
        .r = request->r,
        .result = OK,
    };
    if (wap_embedded_start() < 0)
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
        .request_rec = wap_request_settings(request->r)->pass_apache_request == 1 ? request->r : NULL,
    };
    wpy_run_request(&run, &self.channel);
    return self.result;
}
