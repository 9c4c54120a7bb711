/* SPDX-License-Identifier: Apache-2.0 */
#include "spooling.h"

#include <errno.h>
#include <stdlib.h>

#include "apr_buckets.h"
#include "apr_file_io.h"
#include "http_protocol.h"

#include "reply.h"
#include "request.h"

#define MEGABYTE      ((int64_t)1024 * 1024)
#define DEFAULT_BOUND (16 * MEGABYTE)
#define DEFAULT_LIMIT (512 * MEGABYTE)
#define QUIET_SECONDS 60 /* between two complaints of a process */
#define PIECE         (64 * 1024)

/* Of this process: each Apache child has its own. */
static struct {
    wio_spool_place place;
    _Atomic int64_t complained; /* seconds */
} child = {.place = {.limit = DEFAULT_LIMIT}};

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

apr_ssize_t wap_read_spooled(wap_note *note, void *buf, apr_size_t max)
{
    ssize_t got = wio_spool_get(note->spool, buf, max);
    if (got < 0) {
        note->body_status = HTTP_INTERNAL_SERVER_ERROR;
        note->body_errno = errno;
        wio_spool_close(note->spool);
    }
    return got;
}

int wap_spool_body(request_rec *r, int64_t bound)
{
    wap_note *note = wap_request_note(r);
    char *memory = malloc(PIECE);
    apr_ssize_t got = 0;
    size_t put = 0;

    if (!memory)
        return OK; /* then piece by piece, as the application reads */
    note->spool = wap_spool_new(r, bound);
    do {
        got = wap_read_filters(r, note, memory, PIECE);
        put = got > 0 ? wio_spool_put(note->spool, memory, (size_t)got) : 0;
    } while (got > 0 && put == (size_t)got);

    if (got > 0) { /* what did not fit goes back to the front of what has not been read */
        wap_spool_complain(r, note->spool);
        apr_bucket *rest = apr_bucket_heap_create(memory + put, (apr_size_t)got - put, NULL, note->body->bucket_alloc);
        APR_BRIGADE_INSERT_HEAD(note->body, rest);
    }
    free(memory);
    return got < 0 ? note->body_status : OK;
}
