/* SPDX-License-Identifier: Apache-2.0 */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../python/channel.h"
#include "../transport/sockets.h"
#include "process.h"
#include "shortage.h"

#define SECOND          ((int64_t)1000000)
#define QUICK_LIFE      (2 * SECOND)
#define PATIENT_DEATHS  2 /* so many quick deaths in a row are bad luck, more a broken group */
#define LONGEST_BACKOFF (30 * SECOND)
#define KILL_SLACK      (2 * SECOND) /* what a daemon gets beyond its own time limit */

static const wdm_group *group_of(const wdm_table *table, uint32_t group)
{
    return &table->generation->config->groups[group];
}

static wio_process *record_of(const wdm_table *table, const wdm_daemon *daemon)
{
    return wio_board_process(table->generation->boards[daemon->group], daemon->seat);
}

/* --- seats -------------------------------------------------------------------------------------------------------- */

/* When the next daemon may start: at once after a useful life, else a second after the last one began at the
 * earliest, and with pauses that grow. */
static int64_t next_start(const wdm_plan *plan, int64_t now)
{
    int64_t wait = SECOND;

    if (plan->quick_deaths == 0)
        return now;
    if (plan->quick_deaths < PATIENT_DEATHS)
        return plan->born_us + SECOND > now ? plan->born_us + SECOND : now;
    for (int i = PATIENT_DEATHS; i < plan->quick_deaths && wait < LONGEST_BACKOFF; i++)
        wait *= 2;
    return now + (wait < LONGEST_BACKOFF ? wait : LONGEST_BACKOFF);
}

/* Brings plan and board in line with who sits there. */
static void settle(wdm_table *table, uint32_t group, uint32_t seat)
{
    wdm_plan *plan = &table->plans[group][seat];
    int starting = 0, serving = 0, ready = 0;

    table->changed = 1;
    for (int i = 0; i < table->count; i++) {
        const wdm_daemon *daemon = &table->daemons[i];
        if (daemon->group != group || daemon->seat != seat)
            continue;
        starting += daemon->state == WIO_PROCESS_STARTING;
        ready += daemon->state == WIO_PROCESS_READY;
        serving += daemon->state == WIO_PROCESS_READY || daemon->state == WIO_PROCESS_RECYCLING;
    }

    uint32_t state = serving                               ? WIO_PROCESS_READY
                     : plan->quick_deaths > PATIENT_DEATHS ? WIO_PROCESS_FAILED
                     : starting                            ? WIO_PROCESS_STARTING
                                                           : WIO_PROCESS_NONE;
    atomic_store(&wio_board_process(table->generation->boards[group], seat)->state, state);

    if (starting || ready || table->ending)
        plan->start_at_us = 0;
    else if (plan->start_at_us == 0)
        plan->start_at_us = next_start(plan, wio_now_us());
}

static void start_failed(wdm_table *table, uint32_t group, uint32_t seat, const char *what)
{
    wdm_log(table->generation->config, group_of(table, group)->vhost, WPY_LOG_ERROR,
            MWS(3041) "daemon group '%s': cannot %s: %s; tries again in a second", group_of(table, group)->name, what,
            strerror(errno));
    table->plans[group][seat].start_at_us = wio_now_us() + SECOND;
}

static int make_room(wdm_table *table)
{
    if (table->count < table->room)
        return 0;

    int room = table->room ? table->room * 2 : 16;
    wdm_daemon *bigger = realloc(table->daemons, (size_t)room * sizeof *bigger);
    if (!bigger)
        return -1;
    table->daemons = bigger;
    table->room = room;
    return 0;
}

static int has_one(const wdm_table *table, uint32_t group, uint32_t seat, uint32_t state)
{
    for (int i = 0; i < table->count; i++)
        if (table->daemons[i].group == group && table->daemons[i].seat == seat && table->daemons[i].state == state)
            return 1;
    return 0;
}

static void start(wdm_table *table, uint32_t group, uint32_t seat)
{
    int control[2];

    if (make_room(table) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, control) < 0) {
        start_failed(table, group, seat, "make a control socket");
        return;
    }
    for (int i = 0; i < 2; i++)
        fcntl(control[i], F_SETFD, FD_CLOEXEC);
    fcntl(control[0], F_SETFL, O_NONBLOCK);

    wdm_post post = {group, seat, control[1], has_one(table, group, seat, WIO_PROCESS_RECYCLING)};
    pid_t pid = fork();
    if (pid == 0)
        wdm_process_run(table->generation, &post, table->title);
    close(control[1]);
    if (pid < 0) {
        close(control[0]);
        start_failed(table, group, seat, "fork");
        return;
    }

    wdm_daemon *daemon = &table->daemons[table->count++];
    *daemon = (wdm_daemon){.pid = pid,
                           .group = group,
                           .seat = seat,
                           .control = control[0],
                           .state = WIO_PROCESS_STARTING,
                           .born_us = wio_now_us()};
    table->plans[group][seat].born_us = daemon->born_us;
    table->plans[group][seat].again = 0;
    settle(table, group, seat);
}

/* --- daemons ------------------------------------------------------------------------------------------------------ */

/* Kills a daemon that does not end by itself within `seconds` and its shutdown-timeout (0: for ever). */
static void allow(wdm_table *table, wdm_daemon *daemon, int seconds)
{
    int shutdown = group_of(table, daemon->group)->shutdown_timeout;

    daemon->kill_at_us = shutdown ? wio_now_us() + (seconds + shutdown) * SECOND + KILL_SLACK : 0;
}

static int drain_seconds(const wdm_group *group)
{
    return group->eviction_timeout > group->graceful_timeout ? group->eviction_timeout : group->graceful_timeout;
}

static void drain(wdm_table *table, wdm_daemon *daemon)
{
    const char word = WDM_DRAIN;

    daemon->state = WIO_PROCESS_DRAINING;
    allow(table, daemon, drain_seconds(group_of(table, daemon->group)));
    if (write(daemon->control, &word, 1) != 1)
        kill(daemon->pid, SIGTERM);
}

static void is_ready(wdm_table *table, wdm_daemon *daemon)
{
    daemon->state = WIO_PROCESS_READY;
    daemon->was_ready = 1;
    atomic_store(&record_of(table, daemon)->pid, (uint32_t)daemon->pid);
    for (int i = 0; i < table->count; i++) {
        wdm_daemon *other = &table->daemons[i];
        if (other->group == daemon->group && other->seat == daemon->seat && other->state == WIO_PROCESS_RECYCLING)
            drain(table, other);
    }
}

void wdm_table_hear(wdm_table *table, int index)
{
    wdm_daemon *daemon = &table->daemons[index];
    uint32_t group = daemon->group, seat = daemon->seat;
    char word;

    ssize_t got = read(daemon->control, &word, 1);
    if (got == 0) {
        /* It is about to end; or its application has closed descriptors that are not its own, and it cannot be led. */
        close(daemon->control);
        daemon->control = -1;
        daemon->kill_at_us = wio_now_us() + KILL_SLACK;
    }
    if (got == 1 && (uint8_t)word & WDM_ENDS)
        daemon->reason = (uint8_t)word & ~(uint32_t)WDM_ENDS;
    if (got != 1 || table->ending)
        return;
    if (word == WDM_READY && daemon->state == WIO_PROCESS_STARTING) {
        is_ready(table, daemon);
    } else if (word == WDM_REPLACE && daemon->state == WIO_PROCESS_READY) {
        daemon->state = WIO_PROCESS_RECYCLING;
    } else if (word == WDM_REPLACE && daemon->state == WIO_PROCESS_RECYCLING) {
        wdm_plan *plan = &table->plans[group][seat];
        if (has_one(table, group, seat, WIO_PROCESS_STARTING))
            plan->again = 1;
        else
            plan->start_at_us = wio_now_us();
    } else if (word == WDM_LEAVING && daemon->state != WIO_PROCESS_DRAINING) {
        daemon->state = WIO_PROCESS_DRAINING;
        allow(table, daemon, drain_seconds(group_of(table, group)));
    }
    settle(table, group, seat);
}

/* --- deaths ------------------------------------------------------------------------------------------------------- */

/* Its last words: what it wrote just before it ended may not have been heard yet. */
static void hear_last_words(wdm_daemon *daemon)
{
    char word;

    while (daemon->control >= 0 && read(daemon->control, &word, 1) == 1)
        if ((uint8_t)word & WDM_ENDS)
            daemon->reason = (uint8_t)word & ~(uint32_t)WDM_ENDS;
}

/* Whether the kernel took the process for its memory, which only a counter tells. */
static int was_short_of_memory(wdm_table *table, int number)
{
    long kills = number == SIGKILL ? wdm_memory_kills() : table->memory_kills, before = table->memory_kills;

    table->memory_kills = kills;
    return kills > before;
}

static void split_status(wdm_table *table, int status, const wdm_daemon *daemon, uint32_t *reason, uint32_t *detail)
{
    *detail = 0;
    if (WIFSIGNALED(status)) {
        *reason = was_short_of_memory(table, WTERMSIG(status)) ? WIO_EXIT_SHORTAGE : WIO_EXIT_SIGNAL;
        *detail = (uint32_t)WTERMSIG(status);
    } else if (daemon->reason) {
        *reason = daemon->reason;
    } else {
        *reason = WIO_EXIT_CODE;
        *detail = (uint32_t)WEXITSTATUS(status);
    }
}

static void record_death(wdm_table *table, const wdm_daemon *daemon, uint32_t reason, uint32_t detail)
{
    const wdm_group *group = group_of(table, daemon->group);
    wio_process *record = record_of(table, daemon);
    /* A request that went down with it has its own error line, and a daemon that could say more has done so. */
    int level = (reason == WIO_EXIT_SIGNAL || reason == WIO_EXIT_SHORTAGE || reason == WIO_EXIT_CODE) && !table->ending
                    ? WPY_LOG_WARNING
                    : WPY_LOG_INFO;
    char why[80];

    if (table->generation->shelves[daemon->group])
        wio_shelf_forget(table->generation->shelves[daemon->group], (uint32_t)daemon->pid);
    atomic_store(&record->exit_reason, reason);
    atomic_store(&record->exit_detail, detail);
    atomic_store(&record->exit_pid, (uint32_t)daemon->pid); /* last: who sees it sees the others */

    wdm_describe_exit(reason, detail, why, sizeof why);
    wdm_log(table->generation->config, group->vhost, level, MWS(3042) "daemon process %ld of group '%s' %s",
            (long)daemon->pid, group->name, why);
}

static void count_death(wdm_table *table, const wdm_daemon *daemon, uint32_t reason)
{
    wdm_plan *plan = &table->plans[daemon->group][daemon->seat];
    const wdm_group *group = group_of(table, daemon->group);
    int useful = daemon->was_ready &&
                 (wio_now_us() - daemon->born_us >= QUICK_LIFE || atomic_load(&record_of(table, daemon)->served) > 0);

    if (useful) {
        plan->quick_deaths = 0;
    } else if (daemon->state != WIO_PROCESS_DRAINING) {
        plan->quick_deaths++;
        if (plan->quick_deaths == PATIENT_DEATHS + 1)
            wdm_log(
                table->generation->config, group->vhost, WPY_LOG_CRIT,
                MWS(3043) "daemon group '%s': process %u %s %d times in a row; it is tried again with growing pauses",
                group->name, daemon->seat, reason == WIO_EXIT_START_FAILED ? "could not start" : "died at its start",
                plan->quick_deaths);
    }
}

/* Those that wait for this one need not any longer, or get another one at once. */
static void give_up(wdm_table *table, const wdm_daemon *failed)
{
    wdm_plan *plan = &table->plans[failed->group][failed->seat];
    const char word = WDM_SERVE_ON;

    if (plan->again) {
        plan->start_at_us = wio_now_us();
        return;
    }
    for (int i = 0; i < table->count; i++) {
        const wdm_daemon *daemon = &table->daemons[i];
        if (daemon->group == failed->group && daemon->seat == failed->seat && daemon->state == WIO_PROCESS_RECYCLING &&
            write(daemon->control, &word, 1) != 1)
            kill(daemon->pid, SIGTERM);
    }
}

/* An application's own processes outlive a daemon that is replaced, as they would outlive a server that knew nothing of
 * them; but not the whole server. */
static void note_stray(wdm_table *table, pid_t group)
{
    if (kill(-group, 0) < 0)
        return;
    pid_t *more = realloc(table->strays, ((size_t)table->n_strays + 1) * sizeof *more);
    if (!more)
        return;
    table->strays = more;
    table->strays[table->n_strays++] = group;
}

void wdm_table_sweep(wdm_table *table)
{
    for (int i = 0; i < table->n_strays;)
        if (kill(-table->strays[i], 0) < 0)
            table->strays[i] = table->strays[--table->n_strays];
        else
            i++;
}

static void signal_strays(const wdm_table *table, int number)
{
    for (int i = 0; i < table->n_strays; i++)
        kill(-table->strays[i], number);
}

void wdm_table_end_strays(wdm_table *table)
{
    wdm_table_sweep(table);
    signal_strays(table, SIGKILL);
}

void wdm_table_reap(wdm_table *table)
{
    uint32_t reason, detail;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        int i = 0;
        while (i < table->count && table->daemons[i].pid != pid)
            i++;
        if (i == table->count)
            continue;

        wdm_daemon daemon = table->daemons[i];
        table->daemons[i] = table->daemons[--table->count];
        note_stray(table, pid);
        hear_last_words(&daemon);
        if (daemon.control >= 0)
            close(daemon.control);
        split_status(table, status, &daemon, &reason, &detail);
        record_death(table, &daemon, reason, detail);
        count_death(table, &daemon, reason);
        if (daemon.state == WIO_PROCESS_STARTING)
            give_up(table, &daemon);
        settle(table, daemon.group, daemon.seat);
    }
}

/* --- the whole table ---------------------------------------------------------------------------------------------- */

int wdm_table_init(wdm_table *table, wdm_generation *generation, const wdm_title *title)
{
    const wdm_config *config = generation->config;

    *table = (wdm_table){.generation = generation, .title = title, .memory_kills = wdm_memory_kills()};
    table->plans = calloc((size_t)config->n_groups, sizeof *table->plans);
    if (!table->plans)
        return -1;
    for (int i = 0; i < config->n_groups; i++) {
        table->plans[i] = calloc((size_t)config->groups[i].processes, sizeof **table->plans);
        if (!table->plans[i])
            return -1;
        for (int j = 0; j < config->groups[i].processes; j++)
            settle(table, (uint32_t)i, (uint32_t)j);
    }
    return 0;
}

static int64_t sooner(int64_t left, int64_t due_us, int64_t now)
{
    int64_t wait = due_us > now ? due_us - now : 0;

    return wait < left ? wait : left;
}

int64_t wdm_table_run(wdm_table *table, int64_t limit_us)
{
    const wdm_config *config = table->generation->config;
    int64_t now = wio_now_us(), left = limit_us;

    for (int i = 0; i < config->n_groups; i++)
        for (int j = 0; j < config->groups[i].processes; j++) {
            wdm_plan *plan = &table->plans[i][j];
            if (plan->start_at_us && plan->start_at_us <= now)
                start(table, (uint32_t)i, (uint32_t)j);
            if (plan->start_at_us)
                left = sooner(left, plan->start_at_us, now);
        }

    for (int i = 0; i < table->count; i++) {
        wdm_daemon *daemon = &table->daemons[i];
        if (daemon->kill_at_us && daemon->kill_at_us <= now) {
            const wdm_group *group = group_of(table, daemon->group);
            wdm_log(config, group->vhost, WPY_LOG_ERROR,
                    MWS(3044) "daemon process %ld of group '%s' does not end: killed", (long)daemon->pid, group->name);
            kill(daemon->pid, SIGKILL);
            daemon->kill_at_us = now + KILL_SLACK;
        }
        if (daemon->kill_at_us)
            left = sooner(left, daemon->kill_at_us, now);
    }
    return left;
}

void wdm_table_end(wdm_table *table)
{
    if (table->ending)
        return;
    table->ending = 1;
    signal_strays(table, SIGTERM);
    for (int i = 0; i < table->count; i++) {
        wdm_daemon *daemon = &table->daemons[i];
        daemon->state = WIO_PROCESS_DRAINING;
        allow(table, daemon, 0);
        kill(daemon->pid, SIGTERM);
    }
    for (int i = 0; i < table->generation->config->n_groups; i++)
        for (int j = 0; j < table->generation->config->groups[i].processes; j++)
            settle(table, (uint32_t)i, (uint32_t)j);
}
