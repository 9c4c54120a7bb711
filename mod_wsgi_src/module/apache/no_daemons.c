/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for daemon mode where there is none. No group can be defined, so nothing here is asked about one. */
#include "../transport/platform.h"

#ifndef WSGI_DAEMON_MODE

#include "apr_strings.h"

#include "arguments.h"
#include "generation.h"
#include "request.h"
#include "spooling.h"

const char *wap_set_daemon_process(cmd_parms *cmd, void *settings, const char *args)
{
    (void)settings;
    (void)args;
    return apr_psprintf(cmd->pool,
                        "%s: this build has no daemon mode; without the line, applications run in Apache's "
                        "own processes",
                        cmd->cmd->name);
}

int wap_check_groups(apr_pool_t *pconf, server_rec *main_server)
{
    (void)pconf;
    (void)main_server;
    return OK;
}

const wap_group *wap_find_group(const server_rec *s, const char *name)
{
    (void)s;
    (void)name;
    return NULL;
}

int wap_check_script_owner(request_rec *r, const wap_group *group, const char *script)
{
    (void)r;
    (void)group;
    (void)script;
    return HTTP_FORBIDDEN;
}

void wap_spooling_child_init(apr_pool_t *pchild, server_rec *main_server)
{
    (void)pchild;
    (void)main_server;
}

apr_ssize_t wap_read_spooled(wap_note *note, void *buf, apr_size_t max)
{
    (void)note;
    (void)buf;
    (void)max;
    return 0;
}

int wap_client_run(wap_request *request)
{
    (void)request;
    return HTTP_INTERNAL_SERVER_ERROR;
}

void wap_generation_register_hooks(apr_pool_t *pool)
{
    (void)pool;
}

#endif
