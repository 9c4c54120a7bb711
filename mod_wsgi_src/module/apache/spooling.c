/* SPDX-License-Identifier: Apache-2.0 */
#include "spooling.h"

#include <errno.h>

#include "apr_file_io.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include "arguments.h"

#define MEGABYTE      ((int64_t)1024 * 1024)
#define DEFAULT_BOUND (16 * MEGABYTE)
#define DEFAULT_LIMIT (512 * MEGABYTE)
#define QUIET_SECONDS 60 /* between two complaints of a process */

/* Of this process: each Apache child has its own. */
static struct {
    wio_spool_place place;
    _Atomic int64_t complained; /* seconds */
} child = {.place = {.limit = DEFAULT_LIMIT}};

/* --- directives --------------------------------------------------------------------------------------------------- */

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

/* --- requests ----------------------------------------------------------------------------------------------------- */

static int64_t bound_of(int64_t configured)
{
    return configured == WAP_UNSET ? DEFAULT_BOUND : configured;
}

int64_t wap_request_spool_bound(const request_rec *r)
{
    return bound_of(wap_request_settings(r)->request_spool);
}

int64_t wap_response_spool_bound(const request_rec *r)
{
    return bound_of(wap_request_settings(r)->response_spool);
}

void wap_spooling_child_init(apr_pool_t *pchild, server_rec *main_server)
{
    (void)main_server;
    const wap_process *process = wap_process_config();
    const char *directory = process->spool_directory;

    if (!directory && apr_temp_dir_get(&directory, pchild) != APR_SUCCESS)
        directory = "/tmp";
    child.place.directory = directory;
    if (process->spool_limit != WAP_UNSET)
        child.place.limit = process->spool_limit;
}

static apr_status_t close_spool(void *spool)
{
    wio_spool_close(spool);
    return APR_SUCCESS;
}

wio_spool *wap_spool_new(request_rec *r, int64_t bound)
{
    wio_spool *spool = apr_palloc(r->pool, sizeof *spool);

    wio_spool_init(spool, &child.place, bound);
    apr_pool_cleanup_register(r->pool, spool, close_spool, apr_pool_cleanup_null);
    return spool;
}

void wap_spool_complain(const request_rec *r, const wio_spool *spool)
{
    int64_t now = (int64_t)apr_time_sec(apr_time_now()), before = atomic_load(&child.complained);

    if (spool->error && now - before >= QUIET_SECONDS &&
        atomic_compare_exchange_strong(&child.complained, &before, now))
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, spool->error, r,
                      MWS(4141) "nothing can be spooled in %s: applications wait for slow clients",
                      child.place.directory);
}
