/* SPDX-License-Identifier: Apache-2.0 */
/* Which process group, interpreter and callable a request goes to; %{...} in their names. */
#include <stdlib.h>

#include "apr_strings.h"
#include "http_core.h"

#include "../transport/message.h"
#include "hook.h"
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

static int is_in(const apr_array_header_t *names, const char *host, int (*differs)(const char *, const char *))
{
    for (int i = 0; names && i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);
        if (name && !differs(host, name))
            return 1;
    }
    return 0;
}

/* The host that the client asked for, when it is a name of this virtual host: else clients could have as many
 * interpreters made as they can think of names. NULL: it is none, which is logged. */
static const char *own_host(request_rec *r)
{
    const server_rec *s = r->server;
    const char *host = r->hostname ? r->hostname : s->server_hostname;
    if (!ap_cstr_casecmp(host, s->server_hostname) || is_in(s->names, host, ap_cstr_casecmp) ||
        is_in(s->wild_names, host, ap_strcasecmp_match))
        return with_port(r, host);
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  MWS(4111) "%%{HOST} chooses a group, and host '%s' is neither ServerName nor ServerAlias", host);
    return NULL;
}

/* A name that cannot be expanded stands for itself; as a process group it will not be found. NULL: %{HOST} is
 * refused. */
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
        return own_host(r);
    if (!strcmp(name, "%{RESOURCE}")) {
        char *path = apr_pstrmemdup(r->pool, target->script_name, target->script_name_len);
        if (!wap_process_config()->case_sensitivity)
            ap_str_tolower(path);
        return apr_pstrcat(r->pool, with_port(r, r->server->server_hostname), "|", path, NULL);
    }
    return name;
}

static const char *expand_callable(request_rec *r, const char *name)
{
    const char *expanded = *name == '%' ? expand_env(r, name) : NULL;
    return expanded ? expanded : name;
}

const char *wap_expand_script_group(request_rec *r, const char *name)
{
    return expand_group(r, name, NULL);
}

static const char *first_of(const char *a, const char *b, const char *c)
{
    return a ? a : b ? b : c;
}

static int first_flag(int a, int b, int c)
{
    return a != WAP_UNSET ? a : b != WAP_UNSET ? b : c;
}

/* httpd's own CGIPassAuth. */
static int cgi_pass_auth(const request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    return core->cgi_pass_auth == AP_CGI_PASS_AUTH_ON;
}

static int check_groups(const wap_target *target)
{
    return target->process_group && target->application_group ? OK : HTTP_MISDIRECTED_REQUEST;
}

int wap_choose_target(request_rec *r, const wap_target_options *options, wap_target *target)
{
    const wap_settings *settings = target->settings;
    target->callable = expand_callable(r, first_of(options->callable, settings->callable, "application"));
    target->process_group = expand_group(r, first_of(options->process_group, settings->process_group, ""), target);
    target->application_group =
        expand_group(r, first_of(options->application_group, settings->application_group, "%{RESOURCE}"), target);
    target->pass_authorization =
        first_flag(options->pass_authorization, settings->pass_authorization, cgi_pass_auth(r));
    return check_groups(target);
}

/* --- WSGIDispatchScript ------------------------------------------------------------------------------------------- */

/* The variables that the application would have, with the script's own groups in them. 0, or -1 without memory. */
static int put_variables(request_rec *r, const wap_target *target, const wap_script *script, wap_request *scratch)
{
    wap_target own = *target;
    own.process_group = own.root = "";
    own.application_group = script->application_group;
    wap_request_init(scratch, r);
    return wap_put_variables(scratch, &own);
}

static const char *text_of(request_rec *r, const wpy_answer *answer)
{
    return answer->kind == WPY_ANSWER_TEXT ? apr_pstrdup(r->pool, (const char *)answer->text.data) : NULL;
}

static void take_answers(request_rec *r, const wpy_answer answers[3], wap_target *target)
{
    const char *process = text_of(r, &answers[0]), *application = text_of(r, &answers[1]);
    const char *callable = text_of(r, &answers[2]);
    if (process)
        target->process_group = expand_group(r, process, target);
    if (application)
        target->application_group = expand_group(r, application, target);
    if (callable)
        target->callable = expand_callable(r, callable);
}

int wap_dispatch(request_rec *r, wap_target *target)
{
    static const wpy_question questions[3] = {
        {.function = "process_group", .allowed = WPY_ANSWER_NONE | WPY_ANSWER_TEXT, .optional = 1},
        {.function = "application_group", .allowed = WPY_ANSWER_NONE | WPY_ANSWER_TEXT, .optional = 1},
        {.function = "callable_object", .allowed = WPY_ANSWER_NONE | WPY_ANSWER_TEXT, .optional = 1},
    };
    wap_script script = *target->settings->dispatch_script;
    wpy_answer answers[3];
    wap_request scratch;

    script.application_group = wap_expand_script_group(r, script.application_group);
    if (!script.application_group)
        return HTTP_MISDIRECTED_REQUEST;
    if (put_variables(r, target, &script, &scratch)) {
        ap_log_rerror(APLOG_MARK, APLOG_CRIT, 0, r, MWS(4112) "no memory for the variables of %s", script.path);
        wio_buf_free(&scratch.head);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    const wio_buf vars = {.data = scratch.head.data + WIO_HEAD_ROOM, .len = scratch.head.len - WIO_HEAD_ROOM};
    int failed = wap_ask(r, &script, &vars, questions, 3, answers);
    wio_buf_free(&scratch.head);
    if (!failed)
        take_answers(r, answers, target);
    for (int i = 0; i < 3; i++)
        wio_buf_free(&answers[i].text);
    return failed ? HTTP_INTERNAL_SERVER_ERROR : check_groups(target);
}
