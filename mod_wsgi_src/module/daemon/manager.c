/* SPDX-License-Identifier: Apache-2.0 */
#include "manager.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "../python/channel.h"
#include "../transport/sockets.h"
#include "roster.h"
#include "supervise.h"

#define TICK_US  500000
#define ALONE_US 1500000 /* a retired generation without children ends after this, whoever else holds the lifeline */

enum { SIGNALS, LIFELINE, RETIRE, FIRST_DAEMON };

typedef struct manager {
    wdm_generation *generation;
    wdm_table table;
    struct pollfd *polled;
    int n_polled;
    int retired;  /* the parent has forgotten this generation */
    int deserted; /* no child is left */
    int64_t next_tick_us, alone_since_us;
} manager;

/* Only for the handler; a manager is one process with one pipe. */
static int signal_pipe[2];

static void on_signal(int number)
{
    int before = errno;
    char byte = (char)number;

    while (write(signal_pipe[1], &byte, 1) < 0 && errno == EINTR)
        ;
    errno = before;
}

static void end(manager *m, const char *why)
{
    if (m->table.ending)
        return;
    wdm_log(m->generation->config, 0, WPY_LOG_INFO, MWS(3011) "manager %ld of generation %u ends: %s", (long)getpid(),
            m->generation->config->generation, why);
    wdm_table_end(&m->table);
}

/* The newest generation's daemons: an older one's only finish what they have. */
static void list_daemons(manager *m)
{
    const wdm_config *config = m->generation->config;

    if (!m->table.changed || !config->list || m->retired)
        return;
    m->table.changed = 0;
    if (wdm_roster_write(&m->table, config->list) < 0)
        wdm_log(config, 0, WPY_LOG_WARNING, MWS(3012) "WSGIDaemonList: %s cannot be written: %s", config->list,
                strerror(errno));
}

static void retire(manager *m)
{
    m->retired = 1;
    m->polled[RETIRE].fd = -1;
}

/* --- one turn ----------------------------------------------------------------------------------------------------- */

static void poll_all(manager *m, int64_t wait_us)
{
    int needed = FIRST_DAEMON + m->table.count;

    if (needed > m->n_polled) {
        struct pollfd *bigger = realloc(m->polled, (size_t)needed * sizeof *bigger);
        if (!bigger)
            needed = m->n_polled; /* the rest is heard in a later turn */
        else
            m->polled = bigger;
        m->n_polled = needed;
    }
    for (int i = FIRST_DAEMON; i < needed; i++)
        m->polled[i] = (struct pollfd){.fd = m->table.daemons[i - FIRST_DAEMON].control, .events = POLLIN};
    m->polled[LIFELINE].fd = m->table.ending ? -1 : m->generation->lifeline[0];

    if (poll(m->polled, (nfds_t)needed, (int)((wait_us + 999) / 1000)) <= 0)
        for (int i = 0; i < needed; i++)
            m->polled[i].revents = 0;
}

static void hear(manager *m, int daemons)
{
    char byte;

    /* Before anyone is reaped, while positions still match. */
    for (int i = 0; i < daemons && FIRST_DAEMON + i < m->n_polled; i++)
        if (m->polled[FIRST_DAEMON + i].revents & POLLIN)
            wdm_table_hear(&m->table, i);

    if (m->polled[SIGNALS].revents)
        while (read(signal_pipe[0], &byte, 1) == 1)
            if (byte == SIGTERM)
                end(m, "SIGTERM");
    wdm_table_reap(&m->table);
    if (m->polled[LIFELINE].revents) {
        m->deserted = 1;
        end(m, "the last Apache child is gone");
    }
    if (m->polled[RETIRE].revents)
        retire(m);
}

static void tick(manager *m)
{
    int64_t now = wio_now_us();

    if (!m->retired && getppid() != m->generation->owner)
        retire(m);
    if (now < m->next_tick_us)
        return;
    m->next_tick_us = now + TICK_US;

    wdm_table_sweep(&m->table);
    int living = wdm_generation_sweep(m->generation);
    if (living || !m->retired)
        m->alone_since_us = 0;
    else if (!m->alone_since_us)
        m->alone_since_us = now;
    else if (now - m->alone_since_us > ALONE_US)
        end(m, "no Apache child lives, though another process still holds the lifeline");
}

/* --- a life ------------------------------------------------------------------------------------------------------- */

/* Apache's listening sockets, logs, pipes: a stopped server would keep its port. */
static void close_what_is_not_ours(wdm_generation *generation)
{
    const wdm_config *config = generation->config;
    int count = 2 + config->n_log_fds, n = 0;

    for (int i = 0; i < config->n_groups; i++)
        count += config->groups[i].processes;
    int *keep = malloc((size_t)count * sizeof *keep);
    if (!keep)
        _exit(1);

    keep[n++] = generation->lifeline[0];
    keep[n++] = generation->retire[0];
    for (int i = 0; i < config->n_log_fds; i++)
        keep[n++] = config->log_fds[i];
    for (int i = 0; i < config->n_groups; i++)
        for (int j = 0; j < config->groups[i].processes; j++)
            keep[n++] = generation->seats[i][j].listener;
    wio_close_all_but(keep, n);
    free(keep);
    generation->lifeline[1] = generation->retire[1] = -1;
}

static void take_signals(void)
{
    static const int ignored[] = {SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGQUIT};

    if (wdm_pipe(signal_pipe) < 0)
        _exit(1);
    fcntl(signal_pipe[1], F_SETFL, O_NONBLOCK);
    wdm_handle_signal(SIGTERM, on_signal);
    wdm_handle_signal(SIGCHLD, on_signal);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        wdm_handle_signal(ignored[i], SIG_IGN);
}

static void remove_sockets(const wdm_generation *generation)
{
    const wdm_config *config = generation->config;

    for (int i = 0; i < config->n_groups; i++)
        for (int j = 0; j < config->groups[i].processes; j++)
            if (generation->seats[i][j].path)
                unlink(generation->seats[i][j].path);
}

static void run(wdm_generation *generation, const wdm_title *title)
{
    manager m = {.generation = generation};

    close_what_is_not_ours(generation);
    wdm_reset_signals();
    setsid(); /* signals to Apache's process group are not for us: the lifeline tells when it is time */
    if (chdir("/") < 0)
        _exit(1);
    take_signals();
    wdm_show_title(title, "(wsgi-manager)");

    m.n_polled = FIRST_DAEMON;
    m.polled = calloc(FIRST_DAEMON, sizeof *m.polled);
    if (!m.polled || wdm_table_init(&m.table, generation, title) < 0)
        _exit(1);
    m.polled[SIGNALS] = (struct pollfd){.fd = signal_pipe[0], .events = POLLIN};
    m.polled[LIFELINE] = (struct pollfd){.fd = generation->lifeline[0], .events = POLLIN};
    m.polled[RETIRE] = (struct pollfd){.fd = generation->retire[0], .events = POLLIN};

    while (!m.table.ending || m.table.count) {
        int64_t wait = wdm_table_run(&m.table, TICK_US);
        int daemons = m.table.count;
        poll_all(&m, wait);
        hear(&m, daemons);
        tick(&m);
        list_daemons(&m);
    }
    if (generation->config->list)
        wdm_roster_remove(generation->config->list);
    wdm_table_end_strays(&m.table);
    if (m.retired || m.deserted)
        remove_sockets(generation); /* else the parent goes on with another manager */
    _exit(0);                       /* no atexit, no pools: those are the parent's */
}

pid_t wdm_manager_start(wdm_generation *generation, const wdm_title *title)
{
    pid_t pid = fork();

    if (pid == 0)
        run(generation, title);
    return pid;
}
