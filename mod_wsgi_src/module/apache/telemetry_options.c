/* SPDX-License-Identifier: Apache-2.0 */
/* WSGITelemetryService, WSGISlowRequests, WSGITelemetryOptions. */
#include <string.h>
#include <sys/un.h>

#include "apr_strings.h"

#include "arguments.h"

#define LEAST_INTERVAL 0.5
#define MOST_SECONDS   1000000.0

const wpy_telemetry *wap_telemetry_config(const wap_process *process)
{
    return process->telemetry.path ? &process->telemetry : NULL;
}

void wap_check_telemetry(wap_process *process)
{
    if (!process->telemetry.path && process->telemetry.slow_ms >= 0)
        *(const char **)apr_array_push(process->notes) =
            "WSGISlowRequests has no effect without WSGITelemetryService, to which slow requests are told";
}

const char *wap_set_telemetry_service(cmd_parms *cmd, void *settings, const char *target, const char *option)
{
    wpy_telemetry *telemetry = &wap_process_config()->telemetry;
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY), *path = target + strlen("unix:");
    double seconds = 1;
    (void)settings;
    if (error)
        return error;
    if (wpy_telemetry_impossible())
        return apr_psprintf(cmd->pool, "%s: %s", cmd->cmd->name, wpy_telemetry_impossible());
    if (strncmp(target, "unix:/", 6))
        return apr_psprintf(cmd->pool, "%s: the collector is given as unix:/path, not \"%s\"", cmd->cmd->name, target);
    if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return apr_psprintf(cmd->pool, "%s: the path of a socket has at most %d bytes, not %d", cmd->cmd->name,
                            (int)sizeof((struct sockaddr_un *)0)->sun_path - 1, (int)strlen(path));
    if (option && (strncmp(option, "interval=", 9) || wap_read_seconds(option + 9, &seconds) ||
                   seconds < LEAST_INTERVAL || seconds > MOST_SECONDS))
        return apr_psprintf(cmd->pool, "%s: the option is interval=SECONDS, from %.1f on, not \"%s\"", cmd->cmd->name,
                            LEAST_INTERVAL, option);
    telemetry->path = path;
    telemetry->interval_ms = (int)(seconds * 1000);
    return NULL;
}

const char *wap_set_slow_requests(cmd_parms *cmd, void *settings, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    double seconds = 0;
    (void)settings;
    if (error)
        return error;
    if (strcmp(value, "0") && (wap_read_seconds(value, &seconds) || seconds > MOST_SECONDS))
        return apr_psprintf(cmd->pool, "%s must be a number of seconds, 0 or more, not \"%s\"", cmd->cmd->name, value);
    wap_process_config()->telemetry.slow_ms = (int)(seconds * 1000);
    return NULL;
}

/* As Apache's Options: either flags that are added and taken away, or All or None. */
const char *wap_set_telemetry_options(cmd_parms *cmd, void *settings, const char *line)
{
    wpy_telemetry *telemetry = &wap_process_config()->telemetry;
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    int relative = 0, absolute = 0;
    (void)settings;
    if (error)
        return error;
    if (!*line)
        return apr_psprintf(cmd->pool, "%s: no flag is given; there is CaptureUserAgent", cmd->cmd->name);
    while (*line) {
        const char *word = ap_getword_conf(cmd->pool, &line), *name = word + (*word == '+' || *word == '-');
        int all = !ap_cstr_casecmp(word, "All"), none = !ap_cstr_casecmp(word, "None");
        if (!all && !none && ap_cstr_casecmp(name, "CaptureUserAgent"))
            return apr_psprintf(cmd->pool, "%s: \"%s\" is no flag; there are CaptureUserAgent, All and None",
                                cmd->cmd->name, word);
        relative |= name != word;
        absolute |= name == word;
        telemetry->user_agent = !none && *word != '-';
    }
    if (relative && absolute)
        return apr_psprintf(cmd->pool, "%s: flags with + or - cannot be mixed with others on one line", cmd->cmd->name);
    return NULL;
}
