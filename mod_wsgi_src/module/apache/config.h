/* SPDX-License-Identifier: Apache-2.0 */
/* The module's configuration records. Filled by directives.c, alias.c and daemon_options.c, completed by check.c once
 * the whole configuration is known; read-only afterwards. All memory is that of the configuration pool. */
#ifndef WSGI_APACHE_CONFIG_H
#define WSGI_APACHE_CONFIG_H

#include "apr_hash.h"
#include "httpd.h"
#include "http_config.h"
#include "http_log.h"

#include "../daemon/config.h"
#include "../transport/message.h"

/* The build hides every symbol but this one, which httpd looks up by name. */
#pragma GCC visibility push(default)
extern module AP_MODULE_DECLARE_DATA wsgi_module;
#pragma GCC visibility pop
APLOG_USE_MODULE(wsgi);

#define WAP_UNSET (-1)
enum wap_map_head { WAP_MAP_HEAD_OFF, WAP_MAP_HEAD_ON, WAP_MAP_HEAD_AUTO };

/* What WSGIScriptAlias and WSGIHandlerScript can say about their target. NULL and WAP_UNSET: as the settings say. Group
 * names: "" is embedded mode or the main interpreter. */
typedef struct wap_target_options {
    const char *process_group, *application_group, *callable;
    int pass_authorization;
} wap_target_options;

typedef struct wap_alias {
    const char *url;    /* slashes collapsed, no slash at the end: "" matches everything */
    int below_only;     /* the URL was given with a slash at its end: the bare path does not match */
    ap_regex_t *regex;  /* instead of url */
    const char *target; /* absolute; with a regex it may hold $n */
    const char *where;  /* file:line, for messages */
    wap_target_options options;
} wap_alias;

/* A script that is asked about requests; hook.h. */
typedef struct wap_script {
    const char *path;
    const char *application_group; /* "", a name, %{SERVER} or %{HOST} */
} wap_script;

typedef struct wap_handler {
    const char *name, *path;
    wap_target_options options;
} wap_handler;

/* Per directory: what sections and virtual hosts override field by field. NULL and WAP_UNSET: not set here. */
typedef struct wap_settings {
    const char *process_group, *application_group, *callable;
    apr_array_header_t *allowed_groups;  /* const char *; NULL: every group may be chosen */
    apr_array_header_t *handlers;        /* wap_handler; a later one of the same name wins */
    apr_array_header_t *trusted_headers; /* int, forwarded.c's; NULL: what proxies say is left alone */
    apr_array_header_t *trusted_proxies; /* wio_network; NULL: everybody is one */
    const wap_script *access_script, *auth_user_script, *auth_group_script, *dispatch_script;
    int pass_authorization, pass_apache_request, chunked_request, script_reloading, enable_sendfile, error_override,
        ignore_activity;
    int map_head;                          /* wap_map_head */
    int64_t request_spool, response_spool; /* bytes; 0: off */
} wap_settings;

/* Per virtual host. */
typedef struct wap_server {
    uint32_t index;              /* position in wap_process.vhosts */
    apr_array_header_t *aliases; /* wap_alias *; own ones first, then the main server's */
} wap_server;

typedef struct wap_import {
    wdm_import script;
    const char *process_group;
    const server_rec *server;
    const char *where;
} wap_import;

typedef struct wap_group {
    wdm_group group;
    const server_rec *server; /* the virtual host it was defined in */
    const char *where;
    int user_given, group_given, home_given;
    uid_t script_uid; /* who must own the scripts */
    gid_t script_gid;
    int script_user_given, script_group_given, socket_user_given;
} wap_group;

/* Whole server. One at a time: made with the main server's configuration. */
typedef struct wap_process {
    const char *python_home, *python_eggs, *socket_prefix, *daemon_list, *spool_directory;
    int64_t spool_limit; /* bytes; WAP_UNSET: the default */
    int asks_scripts;    /* a script of the configuration is asked about requests, in Apache's processes */
    int restrict_embedded, case_sensitivity, server_metrics;
    wpy_telemetry telemetry;
    wpy_python python;
    apr_array_header_t *warnings; /* const char *; memory of python.warnings */
    apr_array_header_t *rules;    /* wpy_rule; memory of python.rules */
    wpy_options *options;         /* what WSGISwitchInterval and the like fill now: the server's or a section's */
    apr_array_header_t *notes;    /* const char *: what the configuration says in vain */
    apr_array_header_t *groups;   /* wap_group * */
    apr_array_header_t *imports;  /* wap_import; scripts to load at start */
    /* completed by wap_check_config */
    server_rec **vhosts;
    uint32_t n_vhosts;
    apr_hash_t *groups_by_name; /* wap_group * */
    wdm_config daemon;
    const wdm_import *embedded_imports;
    int n_embedded_imports;
    /* set in each child */
    pid_t child_pid;
} wap_process;

wap_process *wap_process_config(void);
/* NULL: WSGITelemetryService was not given; what the others then say in vain. */
const wpy_telemetry *wap_telemetry_config(const wap_process *process);
void wap_check_telemetry(wap_process *process);
const wap_settings *wap_request_settings(const request_rec *r);
const wap_server *wap_server_config(const server_rec *s);

/* check_config hook: everything that can only be said when the whole configuration has been read. Errors are logged
 * with file and line; then the server does not start. */
int wap_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server);

/* Its part for the daemon groups, before the imports'. OK, or not, which was logged. */
int wap_check_groups(apr_pool_t *pconf, server_rec *main_server);
/* Says what is wrong on stderr and in the error log. Returns what a check that fails returns. */
int wap_refuse(server_rec *s, const char *code, const char *where, const char *format, ...);

/* The daemon group of that name as seen from a virtual host: defined in the main server or in a virtual host with the
 * same ServerName. NULL: there is none, or it belongs to others. */
const wap_group *wap_find_group(const server_rec *s, const char *name);

/* What post_config hands to generation.c: every daemon group of the configuration, resolved (uids, vhost indexes,
 * pre-loads). */
const wdm_config *wap_daemon_config(apr_pool_t *pconf, server_rec *main_server);

/* Index of a virtual host for logs, and back. 0 is the main server. */
uint32_t wap_vhost_index(const server_rec *s);
server_rec *wap_vhost(uint32_t index);

#endif
