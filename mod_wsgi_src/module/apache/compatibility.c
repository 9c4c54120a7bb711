/* SPDX-License-Identifier: Apache-2.0 */
/* Directives of other releases that have nothing to do here. They are accepted, so that a configuration can stay as it
 * is; where the server behaves otherwise than one of them asks, it says so once. */
#include "arguments.h"

#include <stdarg.h>

#include "apr_strings.h"

void wap_say_in_vain(cmd_parms *cmd, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = apr_pvsprintf(cmd->pool, format, args);
    va_end(args);
    *(const char **)apr_array_push(wap_process_config()->notes) =
        apr_pstrcat(cmd->pool, wap_where(cmd), ": ", text, NULL);
}

const char *wap_ignore_flag_off(cmd_parms *cmd, void *settings, int flag)
{
    (void)settings;
    if (!flag)
        wap_say_in_vain(cmd, "%s Off has no effect: %s", cmd->cmd->name, (const char *)cmd->info);
    return ap_check_cmd_context(cmd, GLOBAL_ONLY);
}

const char *wap_ignore_flag_on(cmd_parms *cmd, void *settings, int flag)
{
    (void)settings;
    if (flag)
        wap_say_in_vain(cmd, "%s On has no effect: %s", cmd->cmd->name, (const char *)cmd->info);
    return ap_check_cmd_context(cmd, GLOBAL_ONLY);
}

const char *wap_ignore_authoritative(cmd_parms *cmd, void *settings, int flag)
{
    (void)settings;
    if (!flag && !ap_check_cmd_context(cmd, NOT_IN_HTACCESS))
        wap_say_in_vain(cmd, "%s Off has no effect: <RequireAny> and <RequireAll> combine groups with other rules",
                        cmd->cmd->name);
    return NULL;
}

const char *wap_ignore_value(cmd_parms *cmd, void *settings, const char *value)
{
    (void)settings;
    (void)value;
    wap_say_in_vain(cmd, "%s has no effect: %s", cmd->cmd->name, (const char *)cmd->info);
    return ap_check_cmd_context(cmd, GLOBAL_ONLY);
}

const char *wap_ignore_mutex(cmd_parms *cmd, void *settings, const char *kind)
{
    static const char *const kinds[] = {"default", "flock", "fcntl", "sysvsem", "posixsem", "pthread"};
    (void)settings;
    size_t i = 0;
    while (i < sizeof kinds / sizeof *kinds && strcmp(kinds[i], kind))
        i++;
    if (i == sizeof kinds / sizeof *kinds)
        return apr_psprintf(cmd->pool, "%s takes default, flock, fcntl, sysvsem, posixsem or pthread, not \"%s\"",
                            cmd->cmd->name, kind);
    if (i > 0)
        wap_say_in_vain(cmd, "%s has no effect: each daemon process has a socket of its own, so none waits for another",
                        cmd->cmd->name);
    return ap_check_cmd_context(cmd, GLOBAL_ONLY);
}
