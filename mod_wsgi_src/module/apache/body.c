/* SPDX-License-Identifier: Apache-2.0 */
/* The request body, from httpd's input filters. httpd sends 100 Continue with the first read, if the client waits
 * for it. */
#include <errno.h>

#include "apr_buckets.h"
#include "http_protocol.h"
#include "util_filter.h"

#include "reply.h"
#include "request.h"
#include "spooling.h"

/* Moves bytes from the brigade to `buf`. Their number, or -1 with *status. note->body_ended is set at EOS. */
static apr_ssize_t take_bytes(wap_note *note, char *buf, apr_size_t max, apr_status_t *status)
{
    apr_size_t have = 0;
    while (have < max && !APR_BRIGADE_EMPTY(note->body)) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(note->body);
        const char *bytes;
        apr_size_t len;

        if (APR_BUCKET_IS_EOS(bucket)) {
            note->body_ended = 1;
            break;
        }
        if (!APR_BUCKET_IS_METADATA(bucket)) {
            *status = apr_bucket_read(bucket, &bytes, &len, APR_BLOCK_READ);
            if (*status != APR_SUCCESS)
                return -1;
            if (len > max - have) {
                len = max - have;
                apr_bucket_split(bucket, len);
            }
            memcpy(buf + have, bytes, len);
            have += len;
        }
        apr_bucket_delete(bucket);
    }
    return (apr_ssize_t)have;
}

static int error_number(int status)
{
    switch (status) {
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
        return EFBIG;
    case HTTP_REQUEST_TIME_OUT:
        return ETIMEDOUT;
    case HTTP_BAD_REQUEST:
        return EBADMSG;
    default:
        return ECONNRESET;
    }
}

/* Notes the failure. What was read before it still counts: then it is the next call that fails. */
static apr_ssize_t fail(request_rec *r, wap_note *note, apr_status_t status, apr_size_t have)
{
    int gone = r->connection->aborted || APR_STATUS_IS_ECONNRESET(status) || APR_STATUS_IS_ECONNABORTED(status) ||
               APR_STATUS_IS_EPIPE(status) || APR_STATUS_IS_EOF(status) || status == APR_INCOMPLETE;
    int answered = status == AP_FILTER_ERROR; /* httpd's own filter has sent the error page */
    /* A client that has left gets no answer, but the access log wants a status: 400, as httpd itself has it. */
    int http_status = answered ? r->status
                      : gone   ? HTTP_BAD_REQUEST
                               : ap_map_http_request_error(status, HTTP_BAD_REQUEST);

    note->body_status = answered ? DONE : http_status;
    r->connection->keepalive = AP_CONN_CLOSE;
    note->body_errno = gone ? ECONNRESET : error_number(http_status);
    errno = note->body_errno;
    return have ? (apr_ssize_t)have : -1;
}

/* From the client, as wap_read_body. */
apr_ssize_t wap_read_filters(request_rec *r, wap_note *note, void *buf, apr_size_t max)
{
    char *at = buf;
    apr_size_t have = 0;
    apr_status_t status = APR_SUCCESS;

    if (note->body_status) {
        errno = note->body_errno;
        return -1;
    }
    if (!note->body)
        note->body = apr_brigade_create(r->pool, r->connection->bucket_alloc);

    while (have < max && !note->body_ended) {
        if (APR_BRIGADE_EMPTY(note->body)) {
            apr_read_type_e how = have ? APR_NONBLOCK_READ : APR_BLOCK_READ;
            status = ap_get_brigade(r->input_filters, note->body, AP_MODE_READBYTES, how, (apr_off_t)(max - have));
            int nothing = status == APR_SUCCESS && APR_BRIGADE_EMPTY(note->body);
            if (have && (nothing || APR_STATUS_IS_EAGAIN(status)))
                return (apr_ssize_t)have;
            if (status != APR_SUCCESS || nothing)
                return fail(r, note, nothing ? APR_EGENERAL : status, have);
        }
        apr_ssize_t got = take_bytes(note, at + have, max - have, &status);
        if (got < 0)
            return fail(r, note, status, have);
        have += (apr_size_t)got;
    }
    return (apr_ssize_t)have;
}

apr_ssize_t wap_read_body(request_rec *r, void *buf, apr_size_t max)
{
    wap_note *note = wap_request_note(r);

    return note->spool && wio_spool_waiting(note->spool) ? wap_read_spooled(note, buf, max)
                                                         : wap_read_filters(r, note, buf, max);
}

int wap_body_error(request_rec *r)
{
    const wap_note *note = ap_get_module_config(r->request_config, &wsgi_module);
    return note ? note->body_status : 0;
}
