/* SPDX-License-Identifier: Apache-2.0 */
#include "alias.h"

#include "apr_strings.h"
#include "http_core.h"
#include "http_request.h"

#include "arguments.h"
#include "request.h"

/* --- configuration ------------------------------------------------------------------------------------------------ */

/* Which options a directive takes besides the two groups. */
enum { TAKES_CALLABLE = 1, TAKES_AUTHORIZATION = 2 };

/* Reads the options behind a target. NULL, or the error. */
static const char *read_options(cmd_parms *cmd, const char *line, int takes, wap_target_options *options)
{
    const char *key, *value, *error;
    int more;

    *options = (wap_target_options){.pass_authorization = WAP_UNSET};
    while ((more = wap_next_option(cmd->pool, &line, &key, &value, &error)) > 0) {
        if (!strcmp(key, "process-group")) {
            options->process_group = wap_group_name(value);
        } else if (!strcmp(key, "application-group")) {
            options->application_group = wap_group_name(value);
        } else if (!strcmp(key, "callable-object") && takes & TAKES_CALLABLE) {
            options->callable = value;
        } else if (!strcmp(key, "pass-authorization") && takes & TAKES_AUTHORIZATION) {
            options->pass_authorization = wap_read_flag(value);
            if (options->pass_authorization < 0)
                return apr_psprintf(cmd->pool, "%s: pass-authorization must be On or Off, not \"%s\"", cmd->cmd->name,
                                    value);
        } else {
            return apr_psprintf(cmd->pool, "%s: unknown option \"%s\"; it takes process-group, application-group%s%s",
                                cmd->cmd->name, key, takes & TAKES_CALLABLE ? ", callable-object" : "",
                                takes & TAKES_AUTHORIZATION ? ", pass-authorization" : "");
        }
    }
    return more < 0 ? apr_psprintf(cmd->pool, "%s: %s", cmd->cmd->name, error) : NULL;
}

/* Takes two words off the line: what, and an absolute path made of the second. NULL, or the error. */
static const char *read_name_and_path(cmd_parms *cmd, const char **line, const char **name, const char **path)
{
    *name = ap_getword_conf(cmd->pool, line);
    const char *given = ap_getword_conf(cmd->pool, line);
    if (!**name || !*given)
        return apr_psprintf(cmd->pool, "%s takes at least two arguments: %s", cmd->cmd->name, cmd->cmd->errmsg);
    *path = ap_server_root_relative(cmd->pool, given);
    return *path ? NULL : apr_psprintf(cmd->pool, "%s: \"%s\" is not a valid path", cmd->cmd->name, given);
}

/* A script whose process and interpreter are known now is loaded when that process starts. */
static void preload(cmd_parms *cmd, const char *path, const wap_target_options *options)
{
    if (!wap_is_literal(options->process_group) || !wap_is_literal(options->application_group))
        return;
    wap_import *import = apr_array_push(wap_process_config()->imports);
    *import = (wap_import){.script = {.path = path, .application_group = options->application_group},
                           .process_group = options->process_group,
                           .server = cmd->server,
                           .where = wap_where(cmd)};
}

static const char *add_alias(cmd_parms *cmd, const char *line, int is_regex)
{
    wap_alias *alias = apr_pcalloc(cmd->pool, sizeof *alias);
    const char *url, *error;

    if ((error = read_name_and_path(cmd, &line, &url, &alias->target)))
        return error;
    if ((error = read_options(cmd, line, TAKES_CALLABLE | TAKES_AUTHORIZATION, &alias->options)))
        return error;
    alias->where = wap_where(cmd);

    if (is_regex) {
        alias->regex = ap_pregcomp(cmd->pool, url, AP_REG_EXTENDED);
        if (!alias->regex)
            return apr_psprintf(cmd->pool, "%s: \"%s\" is not a valid regular expression", cmd->cmd->name, url);
    } else {
        if (*url != '/')
            return apr_psprintf(cmd->pool, "%s: the URL path \"%s\" does not begin with a slash", cmd->cmd->name, url);
        char *path = apr_pstrdup(cmd->pool, url);
        ap_no2slash(path);
        apr_size_t len = strlen(path);
        alias->below_only = len > 1 && path[len - 1] == '/';
        if (path[len - 1] == '/')
            path[len - 1] = '\0';
        alias->url = path;
    }
    if (!is_regex || !strchr(alias->target, '$'))
        preload(cmd, alias->target, &alias->options);

    wap_server *server = ap_get_module_config(cmd->server->module_config, &wsgi_module);
    *(wap_alias **)apr_array_push(server->aliases) = alias;
    return NULL;
}

const char *wap_set_script_alias(cmd_parms *cmd, void *settings, const char *args)
{
    (void)settings;
    return add_alias(cmd, args, 0);
}

const char *wap_set_script_alias_match(cmd_parms *cmd, void *settings, const char *args)
{
    (void)settings;
    return add_alias(cmd, args, 1);
}

const char *wap_set_handler_script(cmd_parms *cmd, void *settings, const char *args)
{
    wap_settings *here = settings;
    wap_handler handler = {0};
    const char *error;

    if ((error = read_name_and_path(cmd, &args, &handler.name, &handler.path)))
        return error;
    if ((error = read_options(cmd, args, TAKES_AUTHORIZATION, &handler.options)))
        return error;
    if (!here->handlers)
        here->handlers = apr_array_make(cmd->pool, 2, sizeof(wap_handler));
    *(wap_handler *)apr_array_push(here->handlers) = handler;
    return NULL;
}

const char *wap_set_import_script(cmd_parms *cmd, void *settings, const char *args)
{
    (void)settings;
    wap_target_options options;
    const char *error;

    const char *given = ap_getword_conf(cmd->pool, &args);
    const char *path = *given ? ap_server_root_relative(cmd->pool, given) : NULL;
    if (!path)
        return apr_psprintf(cmd->pool, "%s: \"%s\" is not a valid path", cmd->cmd->name, given);
    if ((error = read_options(cmd, args, 0, &options)))
        return error;
    if (options.application_group && !strcmp(options.application_group, "%{SERVER}"))
        options.application_group = cmd->server->server_hostname;
    if (!wap_is_literal(options.process_group) || !wap_is_literal(options.application_group))
        return apr_psprintf(cmd->pool,
                            "%s needs process-group= and application-group=, each a name or %%{GLOBAL}, since it runs "
                            "before there is a request",
                            cmd->cmd->name);
    preload(cmd, path, &options);
    return NULL;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

/* The part of `uri` behind the alias, or NULL. A run of slashes counts as one. */
static const char *match_url(const char *uri, const wap_alias *alias)
{
    const char *want = alias->url;
    while (*want) {
        if (*want == '/') {
            if (*uri != '/')
                return NULL;
            while (uri[1] == '/')
                uri++;
        } else if (*uri != *want) {
            return NULL;
        }
        uri++;
        want++;
    }
    if (*uri == '/')
        return uri;
    return *uri || alias->below_only ? NULL : uri;
}

/* The script that an alias gives for this URL, and the rest of the URL in *info; NULL when it does not match. */
static const char *match_alias(request_rec *r, const wap_alias *alias, const char **info)
{
    if (!alias->regex) {
        *info = match_url(r->uri, alias);
        return *info ? alias->target : NULL;
    }

    ap_regmatch_t matches[AP_MAX_REG_MATCH];
    if (ap_regexec(alias->regex, r->uri, AP_MAX_REG_MATCH, matches, 0))
        return NULL;
    *info = r->uri + matches[0].rm_eo;
    return ap_pregsub(r->pool, alias->target, r->uri, AP_MAX_REG_MATCH, matches);
}

/* A copy of a path with runs of slashes collapsed; the path itself when there are none. */
const char *wap_collapse_slashes(apr_pool_t *pool, const char *path)
{
    if (!strstr(path, "//"))
        return path;
    char *copy = apr_pstrdup(pool, path);
    ap_no2slash_ex(copy, 0);
    return copy;
}

static void take_request(request_rec *r, const wap_alias *alias, const char *script, const char *info)
{
    info = wap_collapse_slashes(r->pool, info);
    apr_status_t status = apr_stat(&r->finfo, script, APR_FINFO_MIN, r->pool);
    if (status == APR_SUCCESS && r->finfo.filetype == APR_REG && (!*info || *info == '/')) {
        /* httpd needs no look at the path behind the script: it stays with path_info. */
        r->filename = apr_pstrdup(r->pool, script);
        r->path_info = apr_pstrdup(r->pool, info);
    } else {
        /* A directory of scripts, or nothing: httpd finds out where the file ends and path_info begins. */
        r->filename = apr_pstrcat(r->pool, script, info, NULL);
        r->finfo.filetype = APR_NOFILE;
    }
    r->handler = WAP_SCRIPT_HANDLER;
    wap_request_note(r)->alias = alias;
}

int wap_translate(request_rec *r)
{
    if (r->proxyreq || !r->uri || r->uri[0] != '/')
        return DECLINED;

    const apr_array_header_t *aliases = wap_server_config(r->server)->aliases;
    for (int i = 0; i < aliases->nelts; i++) {
        const wap_alias *alias = APR_ARRAY_IDX(aliases, i, const wap_alias *);
        const char *info, *script = match_alias(r, alias, &info);
        if (script) {
            take_request(r, alias, script, info);
            return OK;
        }
    }
    return DECLINED;
}
