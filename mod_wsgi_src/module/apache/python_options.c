/* SPDX-License-Identifier: Apache-2.0 */
/* Directives that say how Python is to be, for the whole server and in <WSGIInterpreterOptions>. */
#include "arguments.h"

#include <stddef.h>
#include <stdlib.h>

#include "apr_lib.h"
#include "apr_strings.h"

#define SECTION            "<WSGIInterpreterOptions"
#define MOST_FILTER_FIELDS 5 /* action:message:category:module:line */

/* --- the whole server --------------------------------------------------------------------------------------------- */

const char *wap_set_optimize(cmd_parms *cmd, void *settings, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    (void)settings;
    if (!error && wap_read_number(value, 10, 0, 2, &wap_process_config()->python.optimize))
        error = apr_psprintf(cmd->pool, "%s takes 0, 1 or 2, not \"%s\"", cmd->cmd->name, value);
    return error;
}

/* An action may be cut short, as after -W. */
static int is_action(const char *text, apr_size_t len)
{
    static const char *const actions[] = {"default", "always", "ignore", "module", "once", "error", "all"};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (!strncmp(actions[i], text, len) && len <= strlen(actions[i]))
            return 1;
    return 0;
}

const char *wap_add_warning(cmd_parms *cmd, void *settings, const char *filter)
{
    wap_process *process = wap_process_config();
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    int fields = 1;
    (void)settings;
    if (error)
        return error;
    for (const char *at = filter; *at; at++)
        fields += *at == ':';
    if (!is_action(filter, strcspn(filter, ":")) || fields > MOST_FILTER_FIELDS)
        return apr_psprintf(
            cmd->pool,
            "%s takes a filter as Python's -W does, action:message:category:module:line with the action "
            "default, always, ignore, module, once or error, not \"%s\"",
            cmd->cmd->name, filter);
    *(const char **)apr_array_push(process->warnings) = filter;
    process->python.warnings = (const char *const *)process->warnings->elts;
    process->python.n_warnings = process->warnings->nelts;
    return NULL;
}

const char *wap_set_hash_seed(cmd_parms *cmd, void *settings, const char *value)
{
    wpy_python *python = &wap_process_config()->python;
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    char *end;
    (void)settings;
    if (error)
        return error;
    if (!strcmp(value, "random")) {
        python->seed = WPY_SEED_RANDOM;
        return NULL;
    }
    apr_int64_t seed = apr_isdigit(*value) ? apr_strtoi64(value, &end, 10) : -1;
    if (seed < 0 || seed > UINT32_MAX || *end)
        return apr_psprintf(cmd->pool, "%s takes random or a whole number from 0 to 4294967295, not \"%s\"",
                            cmd->cmd->name, value);
    python->seed = WPY_SEED_FIXED;
    python->hash_seed = (uint32_t)seed;
    return NULL;
}

const char *wap_set_destroy_interpreter(cmd_parms *cmd, void *settings, int flag)
{
    (void)settings;
    wap_process_config()->python.skip_finalisation = !flag;
    return ap_check_cmd_context(cmd, GLOBAL_ONLY);
}

/* --- the server's and a section's --------------------------------------------------------------------------------- */

const char *wap_set_interpreter_flag(cmd_parms *cmd, void *settings, int flag)
{
    (void)settings;
    *(int *)((char *)wap_process_config()->options + (apr_size_t)cmd->info) = flag;
    return ap_check_cmd_context(cmd, GLOBAL_ONLY);
}

const char *wap_set_switch_interval(cmd_parms *cmd, void *settings, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    (void)settings;
    if (!error && wap_read_seconds(value, &wap_process_config()->options->switch_interval))
        error = apr_psprintf(cmd->pool, "%s takes a number of seconds above 0, such as 0.005, not \"%s\"",
                             cmd->cmd->name, value);
    return error;
}

const char *wap_set_python_path(cmd_parms *cmd, void *settings, const char *path)
{
    (void)settings;
    wap_process_config()->options->python_path = path;
    return ap_check_cmd_context(cmd, GLOBAL_ONLY);
}

/* --- the section -------------------------------------------------------------------------------------------------- */

static const char *read_selectors(cmd_parms *cmd, const char *line, wpy_rule *rule)
{
    const char *key, *value, *error;
    int more;
    while ((more = wap_next_option(cmd->pool, &line, &key, &value, &error)) > 0) {
        if (!strcmp(key, "process-group"))
            rule->process_group = wap_group_name(value);
        else if (!strcmp(key, "application-group"))
            rule->application_group = wap_group_name(value);
        else
            return apr_psprintf(
                cmd->pool, SECTION ">: unknown selector \"%s\"; there are process-group= and application-group=", key);
        if (!wap_is_literal(wap_group_name(value)))
            return apr_psprintf(cmd->pool,
                                SECTION ">: %s=%s is only known when a request comes; give a name or %%{GLOBAL}", key,
                                value);
    }
    return more < 0 ? apr_psprintf(cmd->pool, SECTION ">: %s", error) : NULL;
}

static const char *check_member(cmd_parms *cmd, const ap_directive_t *member, const wpy_rule *rule)
{
    static const char *const members[] = {"WSGIPerInterpreterGIL", "WSGIFreeThreading", "WSGISwitchInterval",
                                          "WSGIPythonPath",        "WSGIRestrictStdin", "WSGIRestrictStdout",
                                          "WSGIRestrictSignal"};
    size_t i = 0;
    while (i < sizeof members / sizeof *members && ap_cstr_casecmp(members[i], member->directive))
        i++;
    if (i == sizeof members / sizeof *members)
        return apr_psprintf(cmd->pool, "%s cannot stand in " SECTION ">", member->directive);
    if (rule->application_group && *rule->application_group && !ap_cstr_casecmp(member->directive, "WSGIFreeThreading"))
        wap_say_in_vain(
            cmd, "WSGIFreeThreading has no effect for an application-group=, since a process has one GIL for all "
                 "of its interpreters or none");
    return NULL;
}

const char *wap_open_interpreter_options(cmd_parms *cmd, void *settings, const char *args)
{
    wap_process *process = wap_process_config();
    const char *end = strrchr(args, '>'), *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    wpy_rule rule = {.options = {-1, -1, -1, -1, -1, 0, NULL}};
    (void)settings;
    if (!error && !end)
        error = SECTION ": its > is missing";
    if (!error)
        error = read_selectors(cmd, apr_pstrmemdup(cmd->temp_pool, args, (apr_size_t)(end - args)), &rule);
    for (const ap_directive_t *member = cmd->directive->first_child; member && !error; member = member->next)
        error = check_member(cmd, member, &rule);
    if (error)
        return error;

    process->options = &rule.options;
    error = ap_walk_config(cmd->directive->first_child, cmd, cmd->context);
    process->options = &process->python.options;
    *(wpy_rule *)apr_array_push(process->rules) = rule;
    process->python.rules = (const wpy_rule *)process->rules->elts;
    process->python.n_rules = process->rules->nelts;
    return error;
}
