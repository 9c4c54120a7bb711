/* SPDX-License-Identifier: Apache-2.0 */
/* WSGIRequestSpool, WSGIResponseSpool, WSGISpoolDirectory, WSGISpoolLimit. */
#include <errno.h>

#include "apr_file_io.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include "arguments.h"
#include "spooling.h"

/* A number of bytes, with K, M or G for powers of 1024. -1: it is none. */
static int64_t read_size(const char *text)
{
    char *end;

    errno = 0;
    apr_int64_t size = apr_isdigit(*text) ? apr_strtoi64(text, &end, 10) : -1;
    if (size < 0 || errno)
        return -1;
    int shift = *end == 'K' || *end == 'k' ? 10 : *end == 'M' || *end == 'm' ? 20 : *end == 'G' || *end == 'g' ? 30 : 0;
    if (end[shift != 0] || size > APR_INT64_MAX >> shift)
        return -1;
    return size << shift;
}

static const char *not_a_size(const cmd_parms *cmd, const char *value)
{
    return apr_psprintf(cmd->pool, "%s must be Off or a number of bytes like 16M, not \"%s\"", cmd->cmd->name, value);
}

const char *wap_set_spool_bound(cmd_parms *cmd, void *settings, const char *value)
{
    int64_t bound = wap_read_flag(value) == 0 ? 0 : read_size(value);
    if (bound < 0)
        return not_a_size(cmd, value);
    *(int64_t *)((char *)settings + (apr_size_t)cmd->info) = bound;
    return NULL;
}

const char *wap_set_spool_limit(cmd_parms *cmd, void *settings, const char *value)
{
    (void)settings;
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    int64_t limit = wap_read_flag(value) == 0 ? 0 : read_size(value);
    if (!error && limit < 0)
        error = not_a_size(cmd, value);
    if (!error)
        wap_process_config()->spool_limit = limit;
    return error;
}

const char *wap_set_spool_directory(cmd_parms *cmd, void *settings, const char *path)
{
    (void)settings;
    apr_finfo_t info;
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    const char *directory = *path ? ap_server_root_relative(cmd->pool, path) : NULL;
    if (error)
        return error;
    if (!directory || apr_stat(&info, directory, APR_FINFO_TYPE, cmd->pool) != APR_SUCCESS || info.filetype != APR_DIR)
        return apr_psprintf(cmd->pool, "%s: \"%s\" is not a directory", cmd->cmd->name, path);
    wap_process_config()->spool_directory = directory;
    return NULL;
}
