/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the arguments of directives strictly: what is not understood whole is an error. Configuration time only. */
#ifndef WSGI_APACHE_ARGUMENTS_H
#define WSGI_APACHE_ARGUMENTS_H

#include "config.h"

/* Takes the next key=value (the value may be quoted) off a raw argument line. 1; 0 at its end; -1 and a sentence in
 * *error when it is none, or its value is empty. */
int wap_next_option(apr_pool_t *pool, const char **line, const char **key, const char **value, const char **error);

/* A whole number of the given base within [least, most]. 0, or -1. */
int wap_read_number(const char *text, int base, long least, long most, int *out);

/* A number of seconds above 0, fractions allowed. 0, or -1. */
int wap_read_seconds(const char *text, double *out);

/* 1 On, 0 Off (any case), -1 neither. */
int wap_read_flag(const char *text);

/* "%{GLOBAL}" is how users write the empty group name. */
const char *wap_group_name(const char *text);
/* Whether a group name is known now, not only when a request is there. */
int wap_is_literal(const char *group);

/* "file:line" of the directive that is being read. */
const char *wap_where(const cmd_parms *cmd);

/* A sentence that is logged, with the place of the directive, once the configuration is in force. */
void wap_say_in_vain(cmd_parms *cmd, const char *format, ...);

/* Directive functions of alias.c and daemon_options.c, as httpd's RAW_ARGS calls them. */
const char *wap_set_script_alias(cmd_parms *cmd, void *settings, const char *args);
const char *wap_set_script_alias_match(cmd_parms *cmd, void *settings, const char *args);
const char *wap_set_handler_script(cmd_parms *cmd, void *settings, const char *args);
const char *wap_set_import_script(cmd_parms *cmd, void *settings, const char *args);
const char *wap_set_daemon_process(cmd_parms *cmd, void *settings, const char *args);

/* telemetry_options.c. */
const char *wap_set_telemetry_service(cmd_parms *cmd, void *settings, const char *target, const char *option);
const char *wap_set_slow_requests(cmd_parms *cmd, void *settings, const char *value);
const char *wap_set_telemetry_options(cmd_parms *cmd, void *settings, const char *line);

/* python_options.c. */
const char *wap_set_optimize(cmd_parms *cmd, void *settings, const char *value);
const char *wap_add_warning(cmd_parms *cmd, void *settings, const char *filter);
const char *wap_set_hash_seed(cmd_parms *cmd, void *settings, const char *value);
const char *wap_set_destroy_interpreter(cmd_parms *cmd, void *settings, int flag);
const char *wap_set_interpreter_flag(cmd_parms *cmd, void *settings, int flag); /* cmd->info: offset in wpy_options */
const char *wap_set_switch_interval(cmd_parms *cmd, void *settings, const char *value);
const char *wap_set_python_path(cmd_parms *cmd, void *settings, const char *path);
const char *wap_open_interpreter_options(cmd_parms *cmd, void *settings, const char *args);

/* Why options and directives of that vendor have no effect. */
#define WAP_NEW_RELIC                                                                                                  \
    "the agent is not started by the server; let the script call newrelic.agent.initialize() and wrap the "            \
    "application in newrelic.agent.WSGIApplicationWrapper"

/* compatibility.c; cmd->info: why it has no effect. */
const char *wap_ignore_flag_off(cmd_parms *cmd, void *settings, int flag);
const char *wap_ignore_authoritative(cmd_parms *cmd, void *settings, int flag);
const char *wap_ignore_flag_on(cmd_parms *cmd, void *settings, int flag);
const char *wap_ignore_value(cmd_parms *cmd, void *settings, const char *value);
const char *wap_ignore_mutex(cmd_parms *cmd, void *settings, const char *kind);

#endif
