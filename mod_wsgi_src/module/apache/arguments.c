/* SPDX-License-Identifier: Apache-2.0 */
#include "arguments.h"

#include <errno.h>
#include <stdlib.h>

#include "apr_lib.h"
#include "apr_strings.h"

#define MOST_SECONDS 1000000.0

int wap_next_option(apr_pool_t *pool, const char **line, const char **key, const char **value, const char **error)
{
    const char *at = *line;
    while (apr_isspace(*at))
        at++;
    if (!*at) {
        *line = at;
        return 0;
    }

    const char *begin = at;
    while (*at && *at != '=' && !apr_isspace(*at))
        at++;
    if (*at != '=' || at == begin) {
        *error = apr_psprintf(pool, "\"%s\" is not an option; options are written name=value",
                              ap_getword_conf(pool, &begin));
        return -1;
    }
    *key = apr_pstrmemdup(pool, begin, (apr_size_t)(at - begin));

    at++;
    int empty = !*at || apr_isspace(*at);
    *value = empty ? "" : ap_getword_conf(pool, &at);
    *line = at;
    if (!**value) {
        *error = apr_psprintf(pool, "option \"%s\" has no value", *key);
        return -1;
    }
    return 1;
}

int wap_read_number(const char *text, int base, long least, long most, int *out)
{
    char *end;
    if (!apr_isdigit(*text) && *text != '-')
        return -1;
    errno = 0;
    long number = strtol(text, &end, base);
    if (errno || *end || number < least || number > most)
        return -1;
    *out = (int)number;
    return 0;
}

int wap_read_seconds(const char *text, double *out)
{
    char *end;
    if (!apr_isdigit(*text) && *text != '.')
        return -1;
    errno = 0;
    double seconds = strtod(text, &end);
    if (errno || *end || !(seconds > 0) || seconds > MOST_SECONDS)
        return -1;
    *out = seconds;
    return 0;
}

int wap_read_flag(const char *text)
{
    if (!ap_cstr_casecmp(text, "on"))
        return 1;
    return ap_cstr_casecmp(text, "off") ? -1 : 0;
}

const char *wap_group_name(const char *text)
{
    return strcmp(text, "%{GLOBAL}") ? text : "";
}

int wap_is_literal(const char *group)
{
    return group && !strstr(group, "%{");
}

const char *wap_where(const cmd_parms *cmd)
{
    return apr_psprintf(cmd->pool, "%s:%d", cmd->directive->filename, cmd->directive->line_num);
}
