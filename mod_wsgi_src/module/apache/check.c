/* SPDX-License-Identifier: Apache-2.0 */
/* What can only be decided when the whole configuration has been read: which group a script belongs to, whether Python
 * is there. Runs in check_config, so that `httpd -t` tells the same as a start. */
#include <stdarg.h>

#include "ap_mpm.h"
#include "apr_strings.h"
#include "http_core.h"

#include "../python/runtime.h"
#include "config.h"

int wap_refuse(server_rec *s, const char *code, const char *where, const char *format, ...)
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
            status =
                wap_refuse(main_server, MWS(4014), import->where,
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

/* --- the hook ----------------------------------------------------------------------------------------------------- */

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
    return wap_refuse(main_server, MWS(4020), NULL,
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
        return wap_refuse(main_server, MWS(4010), NULL, "%s%s", process->python_home ? "WSGIPythonHome: " : "", reason);
    status = wap_check_groups(pconf, main_server);
    return status == OK ? complete_imports(pconf, main_server) : status;
}
