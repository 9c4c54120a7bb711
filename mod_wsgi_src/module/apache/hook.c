/* SPDX-License-Identifier: Apache-2.0 */
#include "hook.h"

#include "apr_strings.h"
#include "http_log.h"

#include "../transport/message.h"
#include "arguments.h"
#include "embedded.h"
#include "forwarded.h"
#include "request.h"

/* --- configuration ------------------------------------------------------------------------------------------------ */

/* These run before the request has a target, so a group can only depend on what is known then. */
static int is_usable_group(const char *name)
{
    return wap_is_literal(name) || !strcmp(name, "%{SERVER}") || !strcmp(name, "%{HOST}");
}

const char *wap_set_hook_script(cmd_parms *cmd, void *settings, const char *args)
{
    wap_script *script = apr_pcalloc(cmd->pool, sizeof *script);
    const char *directive = cmd->cmd->name, *key, *value, *error;
    const char *given = ap_getword_conf(cmd->pool, &args);
    int more;

    script->application_group = "";
    script->path = *given ? ap_server_root_relative(cmd->pool, given) : NULL;
    if (!script->path)
        return apr_psprintf(cmd->pool, "%s: \"%s\" is not a valid path", directive, given);
    while ((more = wap_next_option(cmd->pool, &args, &key, &value, &error)) > 0) {
        if (strcmp(key, "application-group"))
            return apr_psprintf(cmd->pool, "%s: unknown option \"%s\"; it takes application-group", directive, key);
        script->application_group = wap_group_name(value);
        if (!is_usable_group(script->application_group))
            return apr_psprintf(cmd->pool,
                                "%s: application-group is a name, %%{GLOBAL}, %%{SERVER} or %%{HOST}, not \"%s\"",
                                directive, value);
    }
    if (more < 0)
        return apr_psprintf(cmd->pool, "%s: %s", directive, error);

    *(const wap_script **)((char *)settings + (apr_size_t)cmd->info) = script;
    /* A .htaccess file is read while requests run: then Python starts with the first of them. */
    if (!ap_check_cmd_context(cmd, NOT_IN_HTACCESS))
        wap_process_config()->asks_scripts = 1;
    return NULL;
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

typedef struct asker {
    wpy_channel channel; /* first: the Python layer's view */
    request_rec *r;
} asker;

static void log_for_request(wpy_channel *channel, int level, const char *text, size_t len)
{
    ap_log_rerror(NULL, 0, APLOG_MODULE_INDEX, level, 0, ((asker *)channel)->r, "%.*s", (int)len, text);
}

static int is_https(wpy_channel *channel)
{
    return wap_is_https(((asker *)channel)->r);
}

static const char *ssl_variable(wpy_channel *channel, const char *name)
{
    return wap_ssl_variable(((asker *)channel)->r, name);
}

/* The pairs of a request that has no target yet. */
static int put_variables(request_rec *r, const char *application_group, wio_buf *buf)
{
    const wap_settings *settings = wap_request_settings(r);
    wap_target target = {
        .settings = settings, .application_group = application_group, .forwarded = wap_forwarded_read(r, settings)};
    wap_split_path(r, &target);
    return wap_put_early_variables(r, &target, buf);
}

int wap_ask(request_rec *r, const wap_script *script, const wio_buf *vars, const wpy_question *questions, int count,
            wpy_answer *answers)
{
    const wap_settings *settings = wap_request_settings(r);
    asker self = {.channel = {.log = log_for_request}, .r = r};
    wio_buf own;
    apr_finfo_t info;
    wpy_hook hook = {
        .script = script->path,
        .application_group = wap_expand_script_group(r, script->application_group),
        .channel = &self.channel,
        .request_rec = settings->pass_apache_request == 1 ? r : NULL,
        .is_https = is_https,
        .ssl_variable = ssl_variable,
    };
    int failed = -1;

    for (int i = 0; i < count; i++)
        answers[i] = (wpy_answer){0};
    if (!hook.application_group || wap_embedded_start() < 0)
        return -1;
    if (settings->script_reloading != 0 && apr_stat(&info, script->path, APR_FINFO_MTIME, r->pool) == APR_SUCCESS)
        hook.script_mtime_us = info.mtime;
    wio_buf_init(&own, NULL, 0);
    if (!vars) {
        if (put_variables(r, hook.application_group, &own))
            ap_log_rerror(APLOG_MARK, APLOG_CRIT, 0, r, MWS(4131) "no memory for the variables of %s", script->path);
        else
            vars = &own;
    }
    if (vars) {
        hook.vars = vars->data;
        hook.vars_len = vars->len;
        failed = wpy_hook_ask(&hook, questions, count, answers);
    }
    wio_buf_free(&own);
    return failed;
}

wpy_answer wap_ask_one(request_rec *r, const wap_script *script, const wpy_question *question)
{
    wpy_answer answer;
    int failed = wap_ask(r, script, NULL, question, 1, &answer);
    wio_buf heap = answer.text;
    if (!failed && heap.len)
        wio_buf_init(&answer.text, apr_pmemdup(r->pool, heap.data, heap.len), heap.len);
    answer.text.len = failed ? 0 : heap.len;
    answer.kind = failed ? 0 : answer.kind;
    wio_buf_free(&heap);
    return answer;
}
