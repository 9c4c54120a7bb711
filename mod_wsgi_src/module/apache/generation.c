/* SPDX-License-Identifier: Apache-2.0 */
#include "generation.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ap_mpm.h"
#include "apr_strings.h"
#include "apr_thread_proc.h"
#include "http_core.h"
#include "http_log.h"
#include "mpm_common.h"
#include "scoreboard.h"

#include "../daemon/manager.h"
#include "../daemon/shared.h"
#include "../transport/sockets.h"
#include "config.h"
#include "pool.h"

#define RETAINED      "wsgi-managers"
#define MOST_MANAGERS 64
#define SECOND        ((int64_t)1000000)

/* Managers of this and older generations. It survives the unloading of this module, so: plain data only. */
typedef struct managers {
    int n;
    struct {
        pid_t pid;
        uint32_t generation;
    } manager[MOST_MANAGERS];
} managers;

/* The parent's and its children's; goes with the configuration. */
typedef struct current {
    wdm_config config;
    wdm_generation *generation;
    server_rec *server;
    apr_pool_t *pconf;
    wdm_title title;
    int64_t started_us; /* the last manager of it */
    int waits;          /* for the scoreboard, before its first manager starts */
} current;

static current *now_serving;

/* --- managers ----------------------------------------------------------------------------------------------------- */

static managers *kept(void)
{
    managers *list = ap_retained_data_get(RETAINED);

    return list ? list : ap_retained_data_create(RETAINED, sizeof *list);
}

static void forget(pid_t pid)
{
    managers *list = kept();

    for (int i = 0; i < list->n; i++)
        if (list->manager[i].pid == pid) {
            list->manager[i] = list->manager[--list->n];
            return;
        }
}

/* Unique for each pid and in the pool it is registered with, as APR wants it. */
typedef struct watched {
    apr_proc_t proc;
    uint32_t generation;
} watched;

static void start_manager(current *c);

/* httpd's news of a manager. RESTART (on every pass of a reclaim) and UNREGISTER (pool clear) are none of our
 * business: a manager knows by itself when to end. */
static void hear_of_manager(int reason, void *data, apr_wait_t status)
{
    const watched *manager = data;
    int mpm_state = AP_MPMQ_STOPPING;

    (void)status;
    if (reason != APR_OC_REASON_DEATH && reason != APR_OC_REASON_LOST)
        return;
    apr_proc_other_child_unregister(data);
    forget(manager->proc.pid);
    ap_mpm_query(AP_MPMQ_MPM_STATE, &mpm_state);
    if (!now_serving || manager->generation != now_serving->config.generation || mpm_state == AP_MPMQ_STOPPING)
        return;
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, now_serving->server,
                 MWS(4041) "manager %ld of the WSGI daemons died: starting another", (long)manager->proc.pid);
    start_manager(now_serving);
}

static void watch(pid_t pid, uint32_t generation, apr_pool_t *pool)
{
    watched *manager = apr_pcalloc(pool, sizeof *manager);

    manager->proc.pid = pid;
    manager->generation = generation;
    apr_proc_other_child_register(&manager->proc, hear_of_manager, manager, NULL, pool);
}

static void start_manager(current *c)
{
    managers *list = kept();
    uint32_t generation = c->config.generation;

    if (wio_now_us() - c->started_us < SECOND / 2)
        poll(NULL, 0, 200); /* one that cannot live must not keep the parent busy */
    c->started_us = wio_now_us();
    pid_t pid = wdm_manager_start(c->generation, &c->title);
    if (pid < 0) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, errno, c->server, MWS(4042) "cannot fork the manager of the WSGI daemons");
        return;
    }
    if (list->n < MOST_MANAGERS) {
        list->manager[list->n].pid = pid;
        list->manager[list->n++].generation = generation;
    }
    watch(pid, generation, c->pconf);
}

static void adopt_older_managers(apr_pool_t *pconf)
{
    managers *list = kept();

    for (int i = 0; i < list->n;) {
        if (kill(list->manager[i].pid, 0) < 0 && errno == ESRCH) {
            list->manager[i] = list->manager[--list->n];
        } else {
            watch(list->manager[i].pid, list->manager[i].generation, pconf);
            i++;
        }
    }
}

/* --- configuration comes and goes --------------------------------------------------------------------------------- */

/* How long daemons may take to end by themselves. */
static int64_t longest_shutdown(const wdm_config *config)
{
    int longest = 0;

    for (int i = 0; i < config->n_groups; i++)
        if (config->groups[i].shutdown_timeout > longest)
            longest = config->groups[i].shutdown_timeout;
    return longest * SECOND;
}

/* On stop: whatever is left when the main process is gone may be killed by whoever supervises it, in the middle of
 * Python's own shutdown. */
static void wait_for_managers(int64_t limit_us)
{
    int64_t until = wio_now_us() + limit_us;
    managers *list = kept();

    for (int i = 0; i < list->n; i++)
        while (waitpid(list->manager[i].pid, NULL, WNOHANG) == 0 && wio_now_us() < until)
            poll(NULL, 0, 10);
}

static apr_status_t retire(void *data)
{
    current *c = data;

    if (c->generation->owner != getpid())
        return APR_SUCCESS; /* some fork clears its copy of the pool */
    int stopping = ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_EXITING;
    int64_t patience = longest_shutdown(&c->config) + SECOND;

    now_serving = NULL;
    wdm_generation_retire(c->generation);
    if (stopping)
        wait_for_managers(patience);
    wdm_generation_free(c->generation, stopping);
    return APR_SUCCESS;
}

static int reads_scoreboard(const wdm_config *config)
{
    for (int i = 0; i < config->n_groups; i++)
        if (config->groups[i].server_metrics)
            return 1;
    return 0;
}

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    char error[512];
    int number = 0;

    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG ||
        ap_state_query(AP_SQ_RUN_MODE) != AP_SQ_RM_NORMAL)
        return OK;
    adopt_older_managers(pconf);
    const wdm_config *config = wap_daemon_config(pconf, s);
    if (config->n_groups == 0)
        return OK;

    wdm_sweep_sockets(config->socket_prefix);
    current *c = apr_pcalloc(pconf, sizeof *c);
    ap_mpm_query(AP_MPMQ_GENERATION, &number);
    c->config = *config;
    c->config.generation = (uint32_t)number;
    c->server = s;
    c->pconf = pconf;
    c->generation = wdm_generation_new(&c->config, error, sizeof error);
    if (!c->generation) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, MWS(4043) "the WSGI daemons cannot be prepared: %s", error);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (s->process->argc > 0) {
        const char *argv0 = s->process->argv[0];
        size_t room = wdm_title_room(argv0);
        c->title = (wdm_title){(char *)argv0, room, apr_pmemdup(pconf, argv0, room)};
    }
    now_serving = c;
    apr_pool_cleanup_register(pconf, c, retire, apr_pool_cleanup_null);
    /* Apache makes its scoreboard later, when it first starts: daemons that read it must come after that. */
    c->waits = reads_scoreboard(config) && !ap_exists_scoreboard_image();
    if (!c->waits)
        start_manager(c);
    return OK;
}

static int pre_mpm(apr_pool_t *pool, ap_scoreboard_e type)
{
    (void)pool;
    (void)type;
    if (now_serving && now_serving->waits) {
        now_serving->waits = 0;
        start_manager(now_serving);
    }
    return OK;
}

/* --- children ----------------------------------------------------------------------------------------------------- */

static void child_status(server_rec *s, pid_t pid, ap_generation_t generation, int slot, mpm_child_status status)
{
    (void)s;
    (void)slot;
    if (!now_serving || now_serving->generation->owner != getpid() ||
        (uint32_t)generation != now_serving->config.generation)
        return; /* of an older generation, whose table is gone here */
    if (status == MPM_CHILD_STARTED || status == MPM_CHILD_EXITED)
        wdm_generation_note_child(now_serving->generation, pid, status == MPM_CHILD_STARTED);
}

static void child_init(apr_pool_t *pool, server_rec *s)
{
    (void)pool;
    if (!now_serving)
        return;
    if (now_serving->generation->owner != getpid()) /* with -X the parent is its own child */
        wdm_generation_in_child(now_serving->generation);
    if (wap_pools_init(now_serving->generation) < 0)
        ap_log_error(APLOG_MARK, APLOG_CRIT, errno, s, MWS(4044) "no memory for connections to the WSGI daemons");
}

/* Runs before httpd joins its worker threads, which may wait for daemons. On a graceful end they may; else httpd has
 * cut their clients off already. */
static void child_stopping(apr_pool_t *pool, int graceful)
{
    (void)pool;
    if (!graceful)
        wap_pools_stop();
}

void wap_generation_register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_pre_mpm(pre_mpm, NULL, NULL, APR_HOOK_LAST);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_child_status(child_status, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_stopping(child_stopping, NULL, NULL, APR_HOOK_MIDDLE);
}
