/* SPDX-License-Identifier: Apache-2.0 */
/* Every directive of the module is one row of the table at the end of this file: name, function, the field it fills,
 * where it may stand, and its help. A plain On/Off directive needs nothing else. */
#include "directives.h"

#include <stddef.h>

#include "apr_strings.h"
#include "http_core.h"

#include "arguments.h"
#include "spooling.h"
#include "forwarded.h"
#include "hook.h"

/* The configuration that is being read or is in use. httpd makes the main server's records first, so this points to the
 * newest configuration from its first directive on. */
static wap_process *process;

wap_process *wap_process_config(void)
{
    return process;
}

const wap_settings *wap_request_settings(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &wsgi_module);
}

const wap_server *wap_server_config(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &wsgi_module);
}

/* --- records ------------------------------------------------------------------------------------------------------ */

void *wap_create_settings(apr_pool_t *pool, char *directory)
{
    (void)directory;
    wap_settings *settings = apr_pcalloc(pool, sizeof *settings);
    settings->pass_authorization = WAP_UNSET;
    settings->pass_apache_request = WAP_UNSET;
    settings->chunked_request = WAP_UNSET;
    settings->script_reloading = WAP_UNSET;
    settings->enable_sendfile = WAP_UNSET;
    settings->error_override = WAP_UNSET;
    settings->ignore_activity = WAP_UNSET;
    settings->map_head = WAP_UNSET;
    settings->request_spool = settings->response_spool = WAP_UNSET;
    return settings;
}

#define INNER_POINTER(field) merged->field = inner->field ? inner->field : outer->field
#define INNER_NUMBER(field)  merged->field = inner->field != WAP_UNSET ? inner->field : outer->field
#define BOTH_LISTS(field)    merged->field = join(pool, outer->field, inner->field)

/* Lists that sections add to. */
static apr_array_header_t *join(apr_pool_t *pool, apr_array_header_t *outer, apr_array_header_t *inner)
{
    return outer && inner ? apr_array_append(pool, outer, inner) : inner ? inner : outer;
}

void *wap_merge_settings(apr_pool_t *pool, void *outer_settings, void *inner_settings)
{
    const wap_settings *outer = outer_settings, *inner = inner_settings;
    wap_settings *merged = apr_palloc(pool, sizeof *merged);

    INNER_POINTER(process_group);
    INNER_POINTER(application_group);
    INNER_POINTER(callable);
    INNER_POINTER(allowed_groups);
    INNER_POINTER(access_script);
    INNER_POINTER(auth_user_script);
    INNER_POINTER(auth_group_script);
    INNER_POINTER(dispatch_script);
    INNER_NUMBER(pass_authorization);
    INNER_NUMBER(pass_apache_request);
    INNER_NUMBER(chunked_request);
    INNER_NUMBER(script_reloading);
    INNER_NUMBER(enable_sendfile);
    INNER_NUMBER(error_override);
    INNER_NUMBER(ignore_activity);
    INNER_NUMBER(map_head);
    INNER_NUMBER(request_spool);
    INNER_NUMBER(response_spool);
    BOTH_LISTS(handlers);
    BOTH_LISTS(trusted_headers);
    BOTH_LISTS(trusted_proxies);
    return merged;
}

static void make_process(apr_pool_t *pool)
{
    process = apr_pcalloc(pool, sizeof *process);
    process->python.options.restrict_signal = 1;
    process->options = &process->python.options;
    process->warnings = apr_array_make(pool, 4, sizeof(const char *));
    process->rules = apr_array_make(pool, 4, sizeof(wpy_rule));
    process->notes = apr_array_make(pool, 4, sizeof(const char *));
#ifdef CASE_BLIND_FILESYSTEM
    process->case_sensitivity = 0;
#else
    process->case_sensitivity = 1;
#endif
    process->spool_limit = WAP_UNSET;
    process->telemetry.interval_ms = 1000;
    process->telemetry.slow_ms = -1;
    process->groups = apr_array_make(pool, 8, sizeof(wap_group *));
    process->imports = apr_array_make(pool, 8, sizeof(wap_import));
}

void *wap_create_server(apr_pool_t *pool, server_rec *s)
{
    if (!s->is_virtual)
        make_process(pool);
    wap_server *server = apr_pcalloc(pool, sizeof *server);
    server->aliases = apr_array_make(pool, 4, sizeof(wap_alias *));
    return server;
}

void *wap_merge_servers(apr_pool_t *pool, void *main_server, void *vhost)
{
    const wap_server *outer = main_server, *inner = vhost;
    wap_server *merged = apr_pcalloc(pool, sizeof *merged);
    merged->aliases = apr_array_append(pool, inner->aliases, outer->aliases);
    return merged;
}

/* --- directives --------------------------------------------------------------------------------------------------- */

/* Fields of wap_process: only where the directive means the whole server. cmd->info is the field's offset. */
static const char *set_process_flag(cmd_parms *cmd, void *settings, int flag)
{
    (void)settings;
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    if (!error)
        *(int *)((char *)process + (apr_size_t)cmd->info) = flag;
    return error;
}

static const char *set_process_text(cmd_parms *cmd, void *settings, const char *text)
{
    (void)settings;
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    if (!error && !*text)
        error = apr_psprintf(cmd->pool, "%s: the value is empty", cmd->cmd->name);
    if (!error)
        *(const char **)((char *)process + (apr_size_t)cmd->info) = text;
    return error;
}

static const char *set_path(cmd_parms *cmd, void *settings, const char *text)
{
    const char *path = *text ? ap_server_root_relative(cmd->pool, text) : NULL;
    if (!path)
        return apr_psprintf(cmd->pool, "%s: \"%s\" is not a valid path", cmd->cmd->name, text);
    return set_process_text(cmd, settings, path);
}

static const char *set_group_name(cmd_parms *cmd, void *settings, const char *name)
{
    if (!*name)
        return apr_psprintf(cmd->pool, "%s: the name is empty; the global group is written %%{GLOBAL}", cmd->cmd->name);
    *(const char **)((char *)settings + (apr_size_t)cmd->info) = wap_group_name(name);
    return NULL;
}

static const char *set_callable(cmd_parms *cmd, void *settings, const char *name)
{
    wap_settings *here = settings;
    if (!*name)
        return apr_psprintf(cmd->pool, "%s: the name is empty", cmd->cmd->name);
    here->callable = name;
    return NULL;
}

static const char *set_restrict_process(cmd_parms *cmd, void *settings, const char *name)
{
    wap_settings *here = settings;
    if (!here->allowed_groups)
        here->allowed_groups = apr_array_make(cmd->pool, 4, sizeof(const char *));
    *(const char **)apr_array_push(here->allowed_groups) = wap_group_name(name);
    return NULL;
}

static const char *set_map_head(cmd_parms *cmd, void *settings, const char *value)
{
    wap_settings *here = settings;
    int flag = wap_read_flag(value);
    if (flag >= 0)
        here->map_head = flag ? WAP_MAP_HEAD_ON : WAP_MAP_HEAD_OFF;
    else if (!ap_cstr_casecmp(value, "auto"))
        here->map_head = WAP_MAP_HEAD_AUTO;
    else
        return apr_psprintf(cmd->pool, "%s must be On, Off or Auto, not \"%s\"", cmd->cmd->name, value);
    return NULL;
}

/* The rows of a kind. Contexts: PROCESS the main server only; SERVER main server and virtual hosts; SECTION those and
 * Directory, Location, Files; HTACCESS those and .htaccess with AllowOverride FileInfo; AUTHCONFIG Directory, Location,
 * Files, and .htaccess with AllowOverride AuthConfig. */
#define PROCESS    RSRC_CONF
#define SERVER     RSRC_CONF
#define SECTION    (RSRC_CONF | ACCESS_CONF)
#define HTACCESS   OR_FILEINFO
#define AUTHCONFIG OR_AUTHCFG

#define PROCESS_FLAG(name, field, help)                                                                                \
    AP_INIT_FLAG(name, set_process_flag, (void *)offsetof(wap_process, field), PROCESS, help)
#define PROCESS_TEXT(name, field, help)                                                                                \
    AP_INIT_TAKE1(name, set_process_text, (void *)offsetof(wap_process, field), PROCESS, help)
#define FLAG(name, field, help)                                                                                        \
    AP_INIT_FLAG(name, ap_set_flag_slot, (void *)offsetof(wap_settings, field), HTACCESS, help)
#define GROUP(name, field, help)                                                                                       \
    AP_INIT_TAKE1(name, set_group_name, (void *)offsetof(wap_settings, field), SECTION, help)
#define HOOK(name, field, where, help)                                                                                 \
    AP_INIT_RAW_ARGS(name, wap_set_hook_script, (void *)offsetof(wap_settings, field), where, help)
#define INTERPRETER_FLAG(name, field, help)                                                                            \
    AP_INIT_FLAG(name, wap_set_interpreter_flag, (void *)offsetof(wpy_options, field), PROCESS, help)
#define IGNORED(init, name, function, why) init(name, function, (void *)why, PROCESS, "accepted and not needed")
#define SPOOL(name, field, help)                                                                                       \
    AP_INIT_TAKE1(name, wap_set_spool_bound, (void *)offsetof(wap_settings, field), SECTION, help)
#define RAW(name, function, where, help) AP_INIT_RAW_ARGS(name, function, NULL, where, help)

const command_rec wap_directives[] = {
    /* which code answers which URL */
    RAW("WSGIScriptAlias", wap_set_script_alias, SERVER,
        "a URL path and the script file (or directory of scripts) that answers it, then options"),
    RAW("WSGIScriptAliasMatch", wap_set_script_alias_match, SERVER,
        "a regular expression for URL paths and the script file, where $1 is the first group, then options"),
    RAW("WSGIHandlerScript", wap_set_handler_script, SECTION,
        "a handler name for SetHandler or AddHandler and the script whose handle_request() answers, then options"),
    RAW("WSGIImportScript", wap_set_import_script, SERVER,
        "a script to load when a process starts, with process-group= and application-group="),
    AP_INIT_TAKE1("WSGICallableObject", set_callable, NULL, HTACCESS,
                  "name of the callable in the script; default application"),

    /* where it runs */
    RAW("WSGIDaemonProcess", wap_set_daemon_process, SERVER, "name of a group of daemon processes, then options"),
    GROUP("WSGIProcessGroup", process_group,
          "the daemon process group that runs requests; default %{GLOBAL}: embedded"),
    GROUP("WSGIApplicationGroup", application_group,
          "the interpreter within the process; default %{RESOURCE}: one for each script"),
    PROCESS_FLAG("WSGIRestrictEmbedded", restrict_embedded, "On: no request may run in Apache's own processes"),
    AP_INIT_ITERATE("WSGIRestrictProcess", set_restrict_process, NULL, SECTION,
                    "the process groups that requests may choose"),
    AP_INIT_TAKE1("WSGISocketPrefix", set_path, (void *)offsetof(wap_process, socket_prefix), PROCESS,
                  "path that the names of daemon sockets begin with"),
    AP_INIT_TAKE1("WSGIDaemonList", set_path, (void *)offsetof(wap_process, daemon_list), PROCESS,
                  "File that lists the daemon processes"),

    HOOK("WSGIDispatchScript", dispatch_script, SECTION,
         "a script that chooses process group, application group and callable of a request"),

    /* who may in */
    HOOK("WSGIAccessScript", access_script, AUTHCONFIG, "a script whose allow_access() lets clients in"),
    HOOK("WSGIAuthUserScript", auth_user_script, AUTHCONFIG,
         "a script whose check_password() and get_realm_hash() are the authentication provider wsgi"),
    HOOK("WSGIAuthGroupScript", auth_group_script, AUTHCONFIG,
         "a script whose groups_for_user() answers for Require wsgi-group"),

    /* Python */
    PROCESS_TEXT("WSGIPythonHome", python_home, "the Python installation or virtual environment of every process"),
    AP_INIT_TAKE1("WSGIPythonPath", wap_set_python_path, NULL, PROCESS,
                  "directories, separated by colons, for sys.path in embedded mode"),
    PROCESS_TEXT("WSGIPythonEggs", python_eggs, "where embedded mode unpacks Python eggs (PYTHON_EGG_CACHE)"),
    AP_INIT_TAKE1("WSGIPythonOptimize", wap_set_optimize, NULL, PROCESS,
                  "0, 1 or 2: how much is left out of byte code, as python's -O and -OO"),
    AP_INIT_TAKE1("WSGIPythonWarnings", wap_add_warning, NULL, PROCESS,
                  "a filter for warnings, as python's -W; each adds one"),
    AP_INIT_TAKE1("WSGIPythonHashSeed", wap_set_hash_seed, NULL, PROCESS,
                  "random, or a number from 0 to 4294967295: where the hashes of str begin"),
    PROCESS_FLAG("WSGIDontWriteBytecode", python.dont_write_bytecode, "On: imports leave no compiled files behind"),
    AP_INIT_FLAG("WSGIDestroyInterpreter", wap_set_destroy_interpreter, NULL, PROCESS,
                 "Off: processes end without finalising Python"),
    RAW("<WSGIInterpreterOptions", wap_open_interpreter_options, PROCESS,
        "a section for the interpreters of process-group= and application-group="),
    INTERPRETER_FLAG("WSGIPerInterpreterGIL", own_gil,
                     "On: sub-interpreters have a GIL of their own (Python 3.12 and newer)"),
    INTERPRETER_FLAG("WSGIFreeThreading", free_threading, "On: a free-threaded build of Python runs without its GIL"),
    AP_INIT_TAKE1("WSGISwitchInterval", wap_set_switch_interval, NULL, PROCESS,
                  "seconds until a thread gives others its turn; default 0.005"),
    INTERPRETER_FLAG("WSGIRestrictStdin", restrict_stdin, "On: sys.stdin may not be used"),
    INTERPRETER_FLAG("WSGIRestrictStdout", restrict_stdout, "On: sys.stdout may not be used"),
    INTERPRETER_FLAG("WSGIRestrictSignal", restrict_signal, "Off: applications may install signal handlers"),
    PROCESS_FLAG("WSGICaseSensitivity", case_sensitivity, "Off: file names that differ in case only are the same"),
    PROCESS_FLAG("WSGIServerMetrics", server_metrics, "On: applications in Apache's processes see its scoreboard"),
    AP_INIT_TAKE12("WSGITelemetryService", wap_set_telemetry_service, NULL, PROCESS,
                   "unix:/path of a socket that metrics are sent to, and interval=SECONDS"),
    AP_INIT_TAKE1("WSGISlowRequests", wap_set_slow_requests, NULL, PROCESS,
                  "seconds after which telemetry tells of a request that still runs"),
    RAW("WSGITelemetryOptions", wap_set_telemetry_options, PROCESS,
        "what telemetry may tell besides: CaptureUserAgent"),

    /* how requests and responses are treated */
    FLAG("WSGIPassAuthorization", pass_authorization, "On: applications see the Authorization header"),
    AP_INIT_FLAG("WSGIPassApacheRequest", ap_set_flag_slot, (void *)offsetof(wap_settings, pass_apache_request),
                 SECTION, "On: extension modules find the request_rec in environ, in embedded mode"),
    FLAG("WSGIScriptReloading", script_reloading, "Off: scripts are not loaded again when they change"),
    FLAG("WSGIChunkedRequest", chunked_request, "On: request bodies of unknown length are accepted"),
    FLAG("WSGIEnableSendfile", enable_sendfile, "On: wsgi.file_wrapper may use the kernel's sendfile"),
    AP_INIT_ITERATE("WSGITrustedProxyHeaders", wap_set_trusted_header, NULL, HTACCESS,
                    "the header fields that are believed when a proxy tells about its client"),
    AP_INIT_ITERATE("WSGITrustedProxies", wap_set_trusted_proxy, NULL, HTACCESS,
                    "the addresses and networks of those proxies; default all"),
    FLAG("WSGIErrorOverride", error_override, "On: ErrorDocument replaces error responses of applications"),
    FLAG("WSGIIgnoreActivity", ignore_activity, "On: these requests do not count for inactivity-timeout"),
    AP_INIT_TAKE1(
        "WSGIMapHEADToGET", set_map_head, NULL, HTACCESS,
        "whether applications see GET for HEAD: On, Off or Auto, which is when an output filter needs the body"),

    /* of other releases */
    IGNORED(AP_INIT_FLAG, "WSGILazyInitialization", wap_ignore_flag_off,
            "Python always starts in the process that uses it"),
    IGNORED(AP_INIT_FLAG, "WSGIPy3kWarningFlag", wap_ignore_flag_on, "it was for Python 2"),
    IGNORED(AP_INIT_FLAG, "WSGIVerboseDebugging", wap_ignore_flag_on, "LogLevel wsgi:debug says more"),
    IGNORED(AP_INIT_FLAG, "WSGISocketRotation", wap_ignore_flag_off,
            "requests keep the daemons of their own generation across a restart, so none is lost with its socket"),
    AP_INIT_FLAG("WSGIGroupAuthoritative", wap_ignore_authoritative, NULL, AUTHCONFIG, "accepted and not needed"),
    IGNORED(AP_INIT_TAKE1, "WSGIAcceptMutex", wap_ignore_mutex, NULL),
    IGNORED(AP_INIT_TAKE1, "WSGINewRelicConfigFile", wap_ignore_value, WAP_NEW_RELIC),
    IGNORED(AP_INIT_TAKE1, "WSGINewRelicEnvironment", wap_ignore_value, WAP_NEW_RELIC),
    SPOOL("WSGIRequestSpool", request_spool,
          "how many bytes of a slow upload wait before a daemon is asked: Off or bytes"),
    SPOOL("WSGIResponseSpool", response_spool, "how many bytes of a response may wait for a slow client: Off or bytes"),
    AP_INIT_TAKE1("WSGISpoolDirectory", wap_set_spool_directory, NULL, PROCESS, "where the files of slow clients are"),
    AP_INIT_TAKE1("WSGISpoolLimit", wap_set_spool_limit, NULL, PROCESS,
                  "how many bytes the files of one Apache process may have together: Off or bytes"),
    {.name = NULL},
};
