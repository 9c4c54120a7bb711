/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon groups of a configuration that has been read whole: what was not said about them, and what the daemons get
 * to know. */
#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ap_mpm.h"
#include "apr_strings.h"
#include "http_core.h"
#include "unixd.h"

#include "../daemon/environment_file.h"
#include "../python/runtime.h"
#include "config.h"
#include "error_logs.h"
#include "server_score.h"

/* The rest of a socket's name: .<parent pid>.<generation>.<group>.<process>.sock */
#define SOCKET_SUFFIX_LENGTH (sizeof ".4194304.99999.999.999.sock" - 1)
#define HEADER_BUFFER_SIZE   32768
#define MOST_CONNECTIONS     65536

/* --- groups ------------------------------------------------------------------------------------------------------- */

/* Whether a virtual host may use what was defined in `owner`. */
static int is_reachable(const server_rec *s, const server_rec *owner)
{
    return s == owner || !owner->is_virtual ||
           (s->server_hostname && owner->server_hostname &&
            !ap_cstr_casecmp(s->server_hostname, owner->server_hostname));
}

const wap_group *wap_find_group(const server_rec *s, const char *name)
{
    const wap_group *found = apr_hash_get(wap_process_config()->groups_by_name, name, APR_HASH_KEY_STRING);
    return found && is_reachable(s, found->server) ? found : NULL;
}

static int complete_identity(apr_pool_t *pconf, wap_group *definition, server_rec *main_server)
{
    wdm_group *group = &definition->group;
    const struct passwd *user;

    if (!definition->user_given)
        group->uid = ap_unixd_config.user_id;
    if (!definition->group_given)
        group->gid = ap_unixd_config.group_id;
    if (!definition->socket_user_given || geteuid() != 0)
        group->socket_uid = geteuid() == 0 ? ap_unixd_config.user_id : geteuid();
    if (geteuid() != 0) {
        if (definition->user_given && group->uid != geteuid())
            ap_log_error(
                APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, main_server,
                MWS(4011) "%s: WSGIDaemonProcess %s: user= has no effect, since the server is not started as root",
                definition->where, group->name);
        return OK;
    }
    if (group->uid == 0)
        return wap_refuse(main_server, MWS(4012), definition->where,
                          "WSGIDaemonProcess %s would run as root: give it user=, or the server a User", group->name);
    user = getpwuid(group->uid);
    if (!group->user_name && user)
        group->user_name = apr_pstrdup(pconf, user->pw_name);

    /* The working directory is the user's home, when that is somebody else than Apache's and has one. */
    struct stat status;
    if (!definition->home_given && group->uid != ap_unixd_config.user_id && user && !stat(user->pw_dir, &status) &&
        S_ISDIR(status.st_mode))
        group->home = apr_pstrdup(pconf, user->pw_dir);
    return OK;
}

static int complete_group(apr_pool_t *pconf, wap_group *definition, server_rec *main_server)
{
    wap_process *process = wap_process_config();
    wdm_group *group = &definition->group;
    char reason[1024];

    group->vhost = wap_vhost_index(definition->server);
    if (!group->socket_timeout)
        group->socket_timeout = (int)apr_time_sec(definition->server->timeout);
    if (!group->response_socket_timeout)
        group->response_socket_timeout = group->socket_timeout;
    if (!group->eviction_timeout)
        group->eviction_timeout = group->graceful_timeout;
    if (!group->header_buffer_size)
        group->header_buffer_size = HEADER_BUFFER_SIZE;
    if (!group->python_home)
        group->python_home = process->python_home;
    else if (wpy_check_home(group->python_home, reason, sizeof reason))
        return wap_refuse(main_server, MWS(4013), definition->where, "WSGIDaemonProcess %s: python-home: %s",
                          group->name, reason);
    if (group->environment_file && wdm_environment_file(group->environment_file, 0, reason, sizeof reason))
        return wap_refuse(main_server, MWS(4019), definition->where, "WSGIDaemonProcess %s: %s", group->name, reason);
    return complete_identity(pconf, definition, main_server);
}

static int complete_groups(apr_pool_t *pconf, server_rec *main_server)
{
    wap_process *process = wap_process_config();
    int status = OK;
    process->groups_by_name = apr_hash_make(pconf);
    for (int i = 0; i < process->groups->nelts; i++) {
        wap_group *definition = APR_ARRAY_IDX(process->groups, i, wap_group *);
        apr_hash_set(process->groups_by_name, definition->group.name, APR_HASH_KEY_STRING, definition);
        if (complete_group(pconf, definition, main_server) != OK)
            status = HTTP_INTERNAL_SERVER_ERROR;
    }
    return status;
}

static int complete_socket_prefix(apr_pool_t *pconf, server_rec *main_server)
{
    wap_process *process = wap_process_config();
    const apr_size_t room = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    if (!process->socket_prefix)
        process->socket_prefix = ap_runtime_dir_relative(pconf, "wsgi");
    if (process->groups->nelts && strlen(process->socket_prefix) + SOCKET_SUFFIX_LENGTH > room)
        return wap_refuse(main_server, MWS(4016), NULL,
                          "WSGISocketPrefix: \"%s\" is too long: a socket's name has at most %d characters, "
                          "%d of which must stay free; choose a shorter directory",
                          process->socket_prefix, (int)room, (int)SOCKET_SUFFIX_LENGTH);
    return OK;
}

int wap_check_groups(apr_pool_t *pconf, server_rec *main_server)
{
    int status = complete_groups(pconf, main_server);
    return status == OK ? complete_socket_prefix(pconf, main_server) : status;
}

/* --- what the daemons get to know --------------------------------------------------------------------------------- */

static void begin_daemon(void *pconf, const wdm_group *group)
{
    wap_error_logs_guard(pconf);
    wap_scoreboard_protect(group->server_metrics);
}

static int ask_mpm(int what)
{
    int answer;
    return ap_mpm_query(what, &answer) == APR_SUCCESS && answer > 0 ? answer : 1;
}

const wdm_config *wap_daemon_config(apr_pool_t *pconf, server_rec *main_server)
{
    wap_process *process = wap_process_config();
    wdm_config *daemon = &process->daemon;
    ap_version_t version;
    (void)main_server;

    wdm_group *groups = apr_palloc(pconf, (apr_size_t)(process->groups->nelts + 1) * sizeof *groups);
    for (int i = 0; i < process->groups->nelts; i++)
        groups[i] = APR_ARRAY_IDX(process->groups, i, wap_group *)->group;
    daemon->groups = groups;
    daemon->n_groups = process->groups->nelts;
    daemon->socket_prefix = process->socket_prefix;
    daemon->list = process->daemon_list;
    daemon->socket_gid = ap_unixd_config.group_id;

    /* An exiting child keeps its row while its successor takes one. */
    uint64_t children = (uint64_t)ask_mpm(AP_MPMQ_HARD_LIMIT_DAEMONS), threads = (uint64_t)ask_mpm(AP_MPMQ_MAX_THREADS);
    daemon->max_children = (uint32_t)(children + children / 4 + 4);
    uint64_t connections = (uint64_t)daemon->max_children * threads;
    daemon->max_connections = (uint32_t)(connections < MOST_CONNECTIONS ? connections : MOST_CONNECTIONS);

    daemon->python = process->python;
    ap_get_server_revision(&version);
    daemon->apache_version[0] = version.major;
    daemon->apache_version[1] = version.minor;
    daemon->apache_version[2] = version.patch;
    daemon->apache_description = apr_pstrdup(pconf, ap_get_server_description());
    daemon->apache_build_date = ap_get_server_built();
    daemon->mpm_name = ap_show_mpm();
    wap_error_logs_share(pconf, daemon);
    daemon->scoreboard = &wap_scoreboard;
    daemon->telemetry = wap_telemetry_config(process);
    daemon->begin = begin_daemon;
    daemon->context = pconf;
    return daemon;
}
