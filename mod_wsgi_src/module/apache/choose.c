/* SPDX-License-Identifier: Apache-2.0 */
/* Which process group, interpreter and callable a request goes to; %{...} in their names. */
#include <stdlib.h>

#include "apr_strings.h"
#include "http_core.h"

#include "request.h"

/* host or host:port, the port only when it is not the usual one. It is that of ServerName or of the listening
 * socket, never that of the Host header: else a client could have a new interpreter made with every request. */
static const char *with_port(request_rec *r, const char *host)
{
    apr_port_t port = r->server->port ? r->server->port : r->connection->local_addr->port;
    if (port == DEFAULT_HTTP_PORT || port == DEFAULT_HTTPS_PORT)
        return host;
    return apr_psprintf(r->pool, "%s:%u", host, port);
}

/* The value of %{ENV:name}: notes, then the request's variables, then those of the process. NULL: `name` is not of that
 * form or there is no such variable. */
static const char *expand_env(request_rec *r, const char *name)
{
    apr_size_t len = strlen(name);
    if (strncmp(name, "%{ENV:", 6) || name[len - 1] != '}')
        return NULL;
    const char *variable = apr_pstrmemdup(r->pool, name + 6, len - 7);
    const char *value = apr_table_get(r->notes, variable);
    if (!value)
        value = apr_table_get(r->subprocess_env, variable);
    return value ? value : getenv(variable);
}

/* A name that cannot be expanded stands for itself; as a process group it will not be found. */
static const char *expand_group(request_rec *r, const char *name, const wap_target *target)
{
    if (*name != '%')
        return name;
    const char *value = expand_env(r, name);
    if (value)
        name = value;

    if (!strcmp(name, "%{GLOBAL}"))
        return "";
    if (!strcmp(name, "%{SERVER}"))
        return with_port(r, r->server->server_hostname);
    if (!strcmp(name, "%{HOST}"))
        return with_port(r, r->hostname ? r->hostname : r->server->server_hostname);
    if (!strcmp(name, "%{RESOURCE}")) {
        char *path = apr_pstrmemdup(r->pool, target->script_name, target->script_name_len);
        if (!wap_process_config()->case_sensitivity)
            ap_str_tolower(path);
        return apr_pstrcat(r->pool, with_port(r, r->server->server_hostname), "|", path, NULL);
    }
    return name;
}

static const char *first_of(const char *a, const char *b, const char *c)
{
    return a ? a : b ? b : c;
}

void wap_choose_target(request_rec *r, const wap_target_options *options, wap_target *target)
{
    const wap_settings *settings = target->settings;
    const char *callable = first_of(options->callable, settings->callable, "application");
    const char *expanded = *callable == '%' ? expand_env(r, callable) : NULL;

    target->callable = expanded ? expanded : callable;
    target->process_group = expand_group(r, first_of(options->process_group, settings->process_group, ""), target);
    target->application_group =
        expand_group(r, first_of(options->application_group, settings->application_group, "%{RESOURCE}"), target);
    target->pass_authorization =
        options->pass_authorization != WAP_UNSET ? options->pass_authorization : settings->pass_authorization == 1;
}
