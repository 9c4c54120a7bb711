/* SPDX-License-Identifier: Apache-2.0 */
/* What can only be decided when the whole configuration has been read: default users, which group a script belongs to,
 * whether Python is there. Runs in check_config, so that `httpd -t` tells the same as a start. */
#include <pwd.h>
#include <stdarg.h>
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

/* Says what is wrong on stderr and in the error log. Returns what a check that fails returns. */
static int refuse(server_rec *s, const char *code, const char *where, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = apr_pvsprintf(s->process->pconf, format, args);
    va_end(args);
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_CRIT, 0, s, "%s%s%s%s", code, where ? where : "", where ? ": " : "",
                 text);
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* --- virtual hosts ------------------------------------------------------------------------------------------------ */

uint32_t wap_vhost_index(const server_rec *s)
{
    return wap_server_config(s)->index;
}

server_rec *wap_vhost(uint32_t index)
{
    const wap_process *process = wap_process_config();
    return process->vhosts[index < process->n_vhosts ? index : 0];
}

static void number_vhosts(apr_pool_t *pconf, server_rec *main_server)
{
    wap_process *process = wap_process_config();
    uint32_t n = 0;
    for (server_rec *s = main_server; s; s = s->next)
        n++;
    process->vhosts = apr_palloc(pconf, n * sizeof *process->vhosts);
    process->n_vhosts = n;

    n = 0;
    for (server_rec *s = main_server; s; s = s->next) {
        /* A virtual host without any of our directives shares the record of the main server: each gets its own. */
        wap_server *own = apr_pmemdup(pconf, wap_server_config(s), sizeof *own);
        own->index = n;
        ap_set_module_config(s->module_config, &wsgi_module, own);
        process->vhosts[n++] = s;
    }
}

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
        return refuse(main_server, MWS(4012), definition->where,
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
        return refuse(main_server, MWS(4013), definition->where, "WSGIDaemonProcess %s: python-home: %s", group->name,
                      reason);
    if (group->environment_file && wdm_environment_file(group->environment_file, 0, reason, sizeof reason))
        return refuse(main_server, MWS(4019), definition->where, "WSGIDaemonProcess %s: %s", group->name, reason);
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

/* --- scripts to load at start ------------------------------------------------------------------------------------- */

static int is_listed(const wdm_import *list, int n, const wdm_import *script)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(list[i].path, script->path) && !strcmp(list[i].application_group, script->application_group))
            return 1;
    return 0;
}

/* The scripts of one process group, each once. */
static const wdm_import *collect_imports(apr_pool_t *pconf, const char *process_group, int *count)
{
    const apr_array_header_t *all = wap_process_config()->imports;
    wdm_import *list = apr_palloc(pconf, (apr_size_t)(all->nelts + 1) * sizeof *list);
    *count = 0;
    for (int i = 0; i < all->nelts; i++) {
        const wap_import *import = &APR_ARRAY_IDX(all, i, wap_import);
        if (!strcmp(import->process_group, process_group) && !is_listed(list, *count, &import->script))
            list[(*count)++] = import->script;
    }
    return list;
}

static int complete_imports(apr_pool_t *pconf, server_rec *main_server)
{
    wap_process *process = wap_process_config();
    int status = OK;

    for (int i = 0; i < process->imports->nelts; i++) {
        const wap_import *import = &APR_ARRAY_IDX(process->imports, i, wap_import);
        if (*import->process_group && !wap_find_group(import->server, import->process_group))
            status = refuse(main_server, MWS(4014), import->where,
                            "%s is to be loaded in process group \"%s\", which no WSGIDaemonProcess that this virtual "
                            "host may use defines",
                            import->script.path, import->process_group);
    }
    process->embedded_imports = collect_imports(pconf, "", &process->n_embedded_imports);
    for (int i = 0; i < process->groups->nelts; i++) {
        wdm_group *group = &APR_ARRAY_IDX(process->groups, i, wap_group *)->group;
        group->imports = collect_imports(pconf, group->name, &group->n_imports);
    }
    return status;
}

/* --- the hook, and the daemons' configuration --------------------------------------------------------------------- */

static int complete_socket_prefix(apr_pool_t *pconf, server_rec *main_server)
{
    wap_process *process = wap_process_config();
    const apr_size_t room = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    if (!process->socket_prefix)
        process->socket_prefix = ap_runtime_dir_relative(pconf, "wsgi");
    if (process->groups->nelts && strlen(process->socket_prefix) + SOCKET_SUFFIX_LENGTH > room)
        return refuse(main_server, MWS(4016), NULL,
                      "WSGISocketPrefix: \"%s\" is too long: a socket's name has at most %d characters, "
                      "%d of which must stay free; choose a shorter directory",
                      process->socket_prefix, (int)room, (int)SOCKET_SUFFIX_LENGTH);
    return OK;
}

/* httpd reads the configuration twice at a start: the notes are for the second time, or for its syntax check. */
static void log_notes(server_rec *main_server)
{
    const wap_process *process = wap_process_config();
    const char *unmet = wpy_options_unmet(&process->python);

    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG &&
        ap_state_query(AP_SQ_RUN_MODE) != AP_SQ_RM_CONFIG_TEST)
        return;
    for (int i = 0; i < process->notes->nelts; i++)
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, main_server, MWS(4017) "%s",
                     APR_ARRAY_IDX(process->notes, i, const char *));
    if (unmet)
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, main_server, MWS(4018) "%s", unmet);
}

/* httpd itself refuses another major number of its interface. An older minor one lacks what this module may use, as the
 * end of a record that grew. */
static int check_httpd(server_rec *main_server)
{
    const module *core = ap_find_linked_module("core.c");
    if (!core || core->minor_version >= wsgi_module.minor_version)
        return OK;
    return refuse(main_server, MWS(4020), NULL,
                  "the module was built for an httpd of level %d:%d, and this one is %d:%d", wsgi_module.version,
                  wsgi_module.minor_version, core->version, core->minor_version);
}

int wap_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server)
{
    wap_process *process = wap_process_config();
    char reason[1024];
    int status;
    (void)plog;
    (void)ptemp;

    if (check_httpd(main_server) != OK)
        return HTTP_INTERNAL_SERVER_ERROR;
    number_vhosts(pconf, main_server);
    process->python.case_blind = !process->case_sensitivity;
    wap_check_telemetry(process);
    log_notes(main_server);
    if (wpy_check_home(process->python_home, reason, sizeof reason))
        return refuse(main_server, MWS(4010), NULL, "%s%s", process->python_home ? "WSGIPythonHome: " : "", reason);
    status = complete_groups(pconf, main_server);
    if (status == OK)
        status = complete_imports(pconf, main_server);
    if (status == OK)
        status = complete_socket_prefix(pconf, main_server);
    return status;
}

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
