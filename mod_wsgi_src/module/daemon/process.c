/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../python/channel.h"
#include "../python/runtime.h"
#include "../transport/sockets.h"
#include "connections.h"
#include "monitor.h"
#include "supervise.h"
#include "worker.h"

#define SECOND ((int64_t)1000000)

/* For the signal and fork handlers only: a daemon is one process. */
static wdm_process *this_process;

/* --- the end ------------------------------------------------------------------------------------------------------ */

static int tell_manager(const wdm_process *process, char word)
{
    ssize_t told;

    do
        told = write(process->control, &word, 1);
    while (told < 0 && errno == EINTR);
    return told == 1 ? 0 : -1;
}

/* The manager hears the reason over the control socket: an exit code could be an application's. */
_Noreturn void wdm_process_exit(wdm_process *process)
{
    uint32_t reason = atomic_load(&process->reason);

    tell_manager(process, (char)(WDM_ENDS | (reason ? reason : WIO_EXIT_STOP)));
    _exit(reason == WIO_EXIT_START_FAILED ? EXIT_FAILURE : EXIT_SUCCESS); /* no atexit: those are the parent's */
}

static _Noreturn void fail_start(wdm_process *process, const char *error)
{
    wdm_log(process->config, process->group->vhost, WPY_LOG_CRIT, MWS(3031) "daemon process %ld: %s", (long)getpid(),
            error);
    atomic_store(&process->reason, WIO_EXIT_START_FAILED);
    wdm_process_exit(process);
}

static void set_reason(wdm_process *process, uint32_t reason)
{
    uint32_t unknown = WIO_EXIT_NONE;

    atomic_compare_exchange_strong(&process->reason, &unknown, reason);
}

void wdm_process_ask_successor(wdm_process *process, uint32_t reason)
{
    if (atomic_exchange(&process->replacement, 1))
        return;
    set_reason(process, reason);
    if (tell_manager(process, WDM_REPLACE) < 0)
        wdm_process_leave(process, reason);
}

/* The same, for those who know that a successor which has failed is another one now: the manager would try it later. */
static void ask_again(wdm_process *process, uint32_t reason)
{
    pthread_mutex_lock(&process->lock);
    int again = process->abandoned;
    process->abandoned = 0;
    pthread_mutex_unlock(&process->lock);

    if (again)
        tell_manager(process, WDM_REPLACE);
    else
        wdm_process_ask_successor(process, reason);
}

int wdm_process_await_successor(wdm_process *process, uint32_t reason)
{
    pthread_mutex_lock(&process->lock);
    unsigned before = process->failed_successors;
    pthread_mutex_unlock(&process->lock);

    ask_again(process, reason);

    pthread_mutex_lock(&process->lock);
    while (!process->draining && process->failed_successors == before)
        pthread_cond_wait(&process->changed, &process->lock);
    int ready = process->draining;
    pthread_mutex_unlock(&process->lock);
    return ready;
}

static void serve_on(wdm_process *process)
{
    pthread_mutex_lock(&process->lock);
    process->failed_successors++;
    process->abandoned = 1;
    pthread_cond_broadcast(&process->changed);
    pthread_mutex_unlock(&process->lock);
}

void wdm_process_leave(wdm_process *process, uint32_t reason)
{
    if (!wdm_connections_drain(process))
        return;
    set_reason(process, reason);
    tell_manager(process, WDM_LEAVING); /* it may be dead: that is why we leave, perhaps */
    wdm_process_notify(process, WDM_EVENT_DRAIN);
}

/* --- events for the main thread ----------------------------------------------------------------------------------- */

void wdm_process_notify(wdm_process *process, char event)
{
    while (write(process->events[1], &event, 1) < 0 && errno == EINTR)
        ;
}

static char event_of(int number)
{
    switch (number) {
    case SIGUSR1:
        return WDM_EVENT_REPLACE;
    case SIGXCPU:
        return WDM_EVENT_CPU_TIME;
    case SIGHUP:
        return WDM_EVENT_HUP;
    case SIGUSR2:
        return WDM_EVENT_USR2;
    default:
        return WDM_EVENT_STOP;
    }
}

static void on_signal(int number)
{
    int before = errno;

    if (this_process->forked) { /* meant for the application's own child, which has no handler of its own */
        signal(number, SIG_DFL);
        raise(number);
    } else {
        wdm_process_notify(this_process, event_of(number));
    }
    errno = before;
}

static void do_nothing(int number)
{
    (void)number;
}

/* Signals are not blocked in the workers: programs that the application starts would inherit that. */
static void take_signals(const wdm_process *process)
{
    if (process->group->threads == 0) { /* the script's: Python makes SIGTERM a SystemExit */
        wdm_handle_signal(SIGUSR1, SIG_IGN);
        return;
    }
    wdm_handle_signal(SIGTERM, on_signal);
    wdm_handle_signal(SIGINT, on_signal);
    wdm_handle_signal(SIGUSR1, on_signal);
    wdm_handle_signal(SIGHUP, on_signal);
    wdm_handle_signal(SIGUSR2, on_signal);
    wdm_handle_signal(SIGXCPU, on_signal);
    wdm_handle_signal(SIGALRM, do_nothing); /* an alarm that no handler waits for ends nobody */
}

/* A fork of the application's shares our descriptors: the other ends must not wait for it too. */
static void in_forked(void)
{
    wdm_process *process = this_process;

    process->forked = 1;
    wdm_connections_disown(process);
    close(process->events[0]);
    close(process->events[1]);
    close(process->control);
}

/* --- the start ---------------------------------------------------------------------------------------------------- */

static void close_what_is_not_ours(wdm_process *process)
{
    const wdm_config *config = process->config;
    int *keep = malloc(((size_t)config->n_log_fds + 2) * sizeof *keep), n = 0;

    if (!keep)
        fail_start(process, "out of memory");
    keep[n++] = process->listener;
    keep[n++] = process->control;
    for (int i = 0; i < config->n_log_fds; i++)
        keep[n++] = config->log_fds[i];
    wio_close_all_but(keep, n);
    free(keep);

    /* A daemon may read and harm what is shared with its own group only. */
    wdm_generation_keep_group(process->generation, process->group->index);
}

static uint32_t jittered(int limit)
{
    int64_t spread = (int64_t)limit * (90 + getpid() % 21) / 100;

    return limit <= 0 ? 0 : spread < 1 ? 1 : (uint32_t)spread;
}

static void prepare(wdm_process *process)
{
    if (wdm_pipe(process->events) < 0 || !(process->ready = wio_ready_new()) || wdm_connections_init(process) < 0)
        fail_start(process, strerror(errno));
    fcntl(process->events[1], F_SETFL, O_NONBLOCK); /* a full pipe wakes as well */
    this_process = process;
    take_signals(process);
    if (pthread_atfork(NULL, NULL, in_forked) != 0 || wdm_monitor_start(process) < 0)
        fail_start(process, "cannot start the monitor thread");
}

static void python_log(void *context, int level, const char *text, size_t len)
{
    const wdm_process *process = context;

    process->config->log(process->config->context, process->group->vhost, level, text, len);
}

static void start_python(wdm_process *process)
{
    const wdm_config *config = process->config;
    const wdm_group *group = process->group;
    int service = group->threads == 0;
    char cause[512], error[768];
    wpy_config python = {
        .python_home = group->python_home,
        .python_path = group->python_path,
        .python_eggs = group->python_eggs,
        .home = group->home,
        .process_group = group->name,
        .processes = group->processes,
        .threads = group->threads,
        .multiprocess = group->processes_given,
        .multithread = group->threads > 1,
        .run_once = group->threads == 1 && group->maximum_requests == 1,
        .python = config->python,
        .service_script = service,
        .apache_version = {config->apache_version[0], config->apache_version[1], config->apache_version[2]},
        .apache_description = config->apache_description,
        .apache_build_date = config->apache_build_date,
        .mpm_name = config->mpm_name,
        .telemetry = config->telemetry,
        .scoreboard = group->server_metrics ? config->scoreboard : NULL,
        .log = python_log,
        .log_context = process,
    };

    if (group->switch_interval > 0)
        python.python.options.switch_interval = group->switch_interval;
    if (wpy_start(&python, cause, sizeof cause) < 0) {
        snprintf(error, sizeof error, "daemon group '%s': %s", group->name, cause);
        fail_start(process, error);
    }
}

/* 0, or -1 when one failed, which is logged. A service ends with the first of its scripts that fails or wants the end:
 * the next one may depend on it, and would know nothing of the signal. */
static int run_imports(const wdm_process *process)
{
    const wdm_group *group = process->group;
    int failed = 0;

    for (int i = 0; i < group->n_imports; i++) {
        int result = wpy_import_script(group->imports[i].path, group->imports[i].application_group);
        if (result < 0)
            failed = -1;
        if (result != 0 && group->threads == 0)
            break;
    }
    return failed;
}

/* --- serving ------------------------------------------------------------------------------------------------------ */

typedef struct ending {
    int eviction;     /* told by SIGUSR1 */
    int stopping;     /* no more grace for requests than shutdown-timeout */
    int64_t until_us; /* of the present phase; 0: for ever */
} ending;

static int64_t from_now(int seconds)
{
    return wio_now_us() + seconds * SECOND;
}

static void stop(wdm_process *process, ending *ending)
{
    if (ending->stopping)
        return;
    ending->stopping = 1;
    ending->until_us = process->group->shutdown_timeout ? from_now(process->group->shutdown_timeout) : 0;
    wdm_process_leave(process, WIO_EXIT_STOP);
}

static void hear_event(wdm_process *process, ending *ending, char event)
{
    const wdm_group *group = process->group;

    switch (event) {
    case WDM_EVENT_REPLACE:
        ending->eviction = 1;
        ask_again(process, WIO_EXIT_STOP);
        break;
    case WDM_EVENT_CPU_TIME: /* comes again each second */
        wdm_process_ask_successor(process, WIO_EXIT_CPU_TIME);
        break;
    case WDM_EVENT_STOP:
        stop(process, ending);
        break;
    case WDM_EVENT_HUP:
        wpy_signal(SIGHUP);
        break;
    case WDM_EVENT_USR2:
        wpy_signal(SIGUSR2);
        break;
    case WDM_EVENT_DRAIN:
        atomic_store(&process->phase, WDM_DRAINING);
        wpy_telemetry_draining();
        if (!ending->stopping)
            ending->until_us = from_now(ending->eviction && group->eviction_timeout ? group->eviction_timeout
                                                                                    : group->graceful_timeout);
        break;
    default: /* WDM_EVENT_IDLE: only to wake */
        break;
    }
}

static void hear_manager(wdm_process *process, int *control)
{
    char word = WDM_DRAIN;

    if (read(process->control, &word, 1) < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (word == WDM_SERVE_ON) {
        serve_on(process);
        return;
    }
    *control = -1; /* WDM_DRAIN, or the manager is gone: either is the last we hear of it */
    wdm_process_leave(process, WIO_EXIT_STOP);
}

/* Until no request runs on a draining process, or its patience ends. Returns how many still run. */
static int wait_for_end(wdm_process *process)
{
    ending ending = {0};
    int control = process->control;
    char event;

    for (;;) {
        struct pollfd polled[] = {{process->events[0], POLLIN, 0}, {control, POLLIN, 0}};
        int64_t left = ending.until_us ? (ending.until_us - wio_now_us() + 999) / 1000 : -1;
        poll(polled, 2, ending.until_us && left < 0 ? 0 : (int)left);

        while (read(process->events[0], &event, 1) == 1)
            hear_event(process, &ending, event);
        if (control >= 0 && polled[1].revents)
            hear_manager(process, &control);

        int busy = wdm_connections_busy(process);
        if (busy == 0)
            return 0;
        if (busy > 0 && ending.until_us && wio_now_us() >= ending.until_us) {
            if (ending.stopping)
                return busy;
            wdm_log(process->config, process->group->vhost, WPY_LOG_WARNING,
                    MWS(3032) "daemon process %ld of group '%s': %d requests still run after its graceful-timeout",
                    (long)getpid(), process->group->name, busy);
            stop(process, &ending);
        }
    }
}

/* mod_wsgi's word for why this process ends. */
static const char *shutdown_reason(const wdm_process *process)
{
    switch (atomic_load(&process->reason)) {
    case WIO_EXIT_MAXIMUM_REQUESTS:
        return "maximum_requests";
    case WIO_EXIT_RELOAD:
        return "script_reload";
    case WIO_EXIT_REQUEST_TIMEOUT:
        return "request_timeout";
    case WIO_EXIT_INACTIVITY:
        return "inactivity_timeout";
    case WIO_EXIT_AGE:
        return "restart_interval";
    case WIO_EXIT_CPU_TIME:
        return "cpu_time_limit";
    case WIO_EXIT_MEMORY:
        return "memory_limit";
    default:
        return atomic_load(&process->replacement) ? "eviction_signal" : "shutdown_signal";
    }
}

static _Noreturn void finish(wdm_process *process)
{
    int busy = wait_for_end(process);

    atomic_store(&process->phase, WDM_ENDING);
    if (process->group->shutdown_timeout)
        atomic_store(&process->exit_at_us, from_now(process->group->shutdown_timeout));
    wio_ready_wake(process->ready);
    if (busy > 0 || wdm_workers_join(process) < 0) {
        if (busy > 0)
            atomic_store(&process->reason, WIO_EXIT_OVERDUE);
        wdm_log(process->config, process->group->vhost, WPY_LOG_WARNING,
                MWS(3033) "daemon process %ld of group '%s' ends without Python's shutdown: a request still runs",
                (long)getpid(), process->group->name);
        wpy_telemetry_stop(shutdown_reason(process));
        wdm_process_exit(process);
    }
    wpy_stop(shutdown_reason(process));
    wdm_process_exit(process);
}

static _Noreturn void run_service(wdm_process *process)
{
    atomic_store(&process->phase, WDM_ENDING); /* nothing for the monitor but the manager's word */
    tell_manager(process, WDM_READY);
    int failed = run_imports(process);
    if (process->group->shutdown_timeout)
        atomic_store(&process->exit_at_us, from_now(process->group->shutdown_timeout));
    wpy_stop("shutdown_signal");
    _exit(failed ? EXIT_FAILURE : EXIT_SUCCESS);
}

_Noreturn void wdm_process_run(wdm_generation *generation, const wdm_post *post, const wdm_title *title)
{
    static wdm_process process; /* threads outlive this frame's reach */
    char error[768];

    process.generation = generation;
    process.config = generation->config;
    process.group = &generation->config->groups[post->group];
    process.board = generation->boards[post->group];
    process.record = wio_board_process(process.board, post->seat);
    process.listener = generation->seats[post->group][post->seat].listener;
    process.control = post->control;
    process.successor = post->successor;
    process.pid = (uint32_t)getpid();
    process.start_us = wio_now_us();
    process.request_limit = jittered(process.group->maximum_requests);

    setpgid(0, 0); /* what the application starts belongs to it, and ends with the server */
    wdm_reset_signals();
    close_what_is_not_ours(&process);
    process.config->begin(process.config->context, process.group);
    wdm_show_title(title, process.group->display_name);
    if (wdm_take_place(process.group, error, sizeof error) < 0)
        fail_start(&process, error);
    prepare(&process);
    start_python(&process);
    if (process.group->threads == 0)
        run_service(&process);

    if (run_imports(&process) < 0 && process.successor)
        fail_start(&process, "a script to be loaded at start failed: the process that it was to replace serves on");
    atomic_store(&process.record->served, 0);
    if (wdm_workers_start(&process) < 0)
        fail_start(&process, strerror(errno));
    atomic_store(&process.phase, WDM_SERVING);
    /* Before the first request, which may ask for a successor: the manager would not hear that from one that starts. */
    tell_manager(&process, WDM_READY);
    if (wio_ready_add(process.ready, process.listener) < 0)
        fail_start(&process, strerror(errno));
    finish(&process);
}
