/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

#include <sys/socket.h>
#include <unistd.h>

#include "apr_lib.h"
#include "apr_portable.h"
#include "apr_strings.h"
#include "http_connection.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "util_script.h"

#include "config.h"

/* Bodies below this are copied into the brigade and wait for more; larger blocks go down the filters at once,
 * uncopied. */
#define LARGE_BLOCK (16 * 1024)
#define FILE_PIECE  (64 * 1024)
#define REST_PIECE  (32 * 1024)

void wap_reply_init(wap_reply *reply, request_rec *r)
{
    memset(reply, 0, sizeof *reply);
    reply->r = r;
    reply->bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
}

/* --- the head ----------------------------------------------------------------------------------------------------- */

static int refuse(wap_reply *reply, const char *code, const char *reason, const char *name)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, reply->r, "%sresponse refused: %s: %s", code, reason, name);
    apr_table_clear(reply->r->headers_out);
    return HTTP_INTERNAL_SERVER_ERROR;
}

static int read_length(const char *text, apr_off_t *length)
{
    char *end;
    if (!apr_isdigit(*text) || apr_strtoff(length, text, &end, 10) != APR_SUCCESS)
        return -1;
    return *end ? -1 : 0;
}

#define IS(field, name) ((field)->key_len == sizeof name - 1 && !ap_cstr_casecmp((field)->key, name))

/* Puts one field into r. OK, or the status to answer. */
static int take_field(wap_reply *reply, const wio_pair *field)
{
    request_rec *r = reply->r;
    apr_off_t length;

    switch (field->key[0] | 0x20) {
    case 'c':
        if (IS(field, "Content-Type")) {
            ap_set_content_type(r, apr_pstrmemdup(r->pool, field->value, field->value_len));
            return OK;
        }
        if (IS(field, "Content-Length")) {
            if (reply->has_length)
                return refuse(reply, MWS(4071), "more than one Content-Length", field->value);
            if (read_length(field->value, &length))
                return refuse(reply, MWS(4072), "Content-Length is not a number", field->value);
            ap_set_content_length(r, length);
            reply->has_length = 1;
            return OK;
        }
        /* fall through */
    case 'k':
    case 'p':
    case 't':
    case 'u':
        if (wio_is_hop_by_hop(field->key, field->key_len))
            return refuse(reply, MWS(4073), "hop-by-hop header field", field->key);
        break;
    case 'w':
        if (IS(field, "WWW-Authenticate")) {
            apr_table_add(r->err_headers_out, field->key, field->value);
            return OK;
        }
        break;
    default:
        break;
    }
    apr_table_add(r->headers_out, field->key, field->value);
    return OK;
}

static int is_line_of(const char *line, unsigned status)
{
    return (unsigned)line[0] == '0' + status / 100 && (unsigned)line[1] == '0' + status / 10 % 10 &&
           (unsigned)line[2] == '0' + status % 10;
}

static void set_status(request_rec *r, const wio_head *head)
{
    const char *usual = ap_get_status_line(head->status);
    r->status = head->status;
    /* httpd finds the usual line of a status by itself; it answers the line of 500 for one it does not know. */
    if (is_line_of(usual, head->status) && (!*head->reason || !strcmp(usual + 4, head->reason)))
        r->status_line = NULL;
    else
        r->status_line = apr_psprintf(r->pool, "%d %s", head->status, *head->reason ? head->reason : "Unknown");
}

/* Decides whether something else than this response goes to the client. */
static void divert(wap_reply *reply)
{
    request_rec *r = reply->r;
    const wap_settings *settings = ap_get_module_config(r->per_dir_config, &wsgi_module);
    const char *location;

    if (settings->error_override == 1 && ap_is_HTTP_ERROR(r->status)) {
        reply->instead = r->status;
        r->status = HTTP_OK;
        r->status_line = NULL;
    } else if (reply->redirects && r->status == HTTP_OK && (location = apr_table_get(r->headers_out, "Location")) &&
               *location == '/') {
        reply->redirect = location;
    }
}

int wap_reply_head(wap_reply *reply, const wio_head *head)
{
    request_rec *r = reply->r;
    wio_cursor cursor = head->pairs;
    wio_pair field;
    int more, status = OK;

    if (wap_body_error(r) == DONE) {
        reply->answered = reply->started = 1;
        return OK;
    }
    if (head->status < 200)
        return refuse(reply, MWS(4074), "not a final status", head->reason);
    ap_set_content_type(r, NULL);
    while (status == OK && (more = wio_pair_next(&cursor, &field)) > 0)
        status = take_field(reply, &field);
    if (status != OK)
        return status;
    if (more < 0)
        return refuse(reply, MWS(4075), "malformed head", head->reason);

    set_status(r, head);
    divert(reply);
    reply->started = 1;
    return OK;
}

/* --- the body ----------------------------------------------------------------------------------------------------- */

/* Hands what waits down the filters. 0, -1 client gone. */
static int pass(wap_reply *reply)
{
    request_rec *r = reply->r;
    apr_status_t status = ap_pass_brigade(r->output_filters, reply->bb);
    apr_brigade_cleanup(reply->bb);
    reply->waiting = 0;
    if (status != APR_SUCCESS || r->connection->aborted)
        reply->client_gone = 1;
    return reply->client_gone ? -1 : 0;
}

int wap_reply_pass(wap_reply *reply)
{
    return reply->client_gone ? -1 : APR_BRIGADE_EMPTY(reply->bb) ? 0 : pass(reply);
}

int wap_reply_is_dropped(const wap_reply *reply)
{
    return reply->answered || reply->instead || reply->redirect;
}

static int queue(wap_reply *reply, apr_bucket *bucket, apr_off_t len, int now)
{
    APR_BRIGADE_INSERT_TAIL(reply->bb, bucket);
    reply->sent += len;
    reply->waiting += len;
    return now || reply->waiting >= WAP_MOST_QUEUED ? pass(reply) : 0;
}

static int flush(wap_reply *reply)
{
    APR_BRIGADE_INSERT_TAIL(reply->bb, apr_bucket_flush_create(reply->bb->bucket_alloc));
    return pass(reply);
}

int wap_reply_body(wap_reply *reply, const void *bytes, apr_size_t len, int with_flush)
{
    apr_bucket_alloc_t *alloc = reply->bb->bucket_alloc;
    if (reply->client_gone)
        return -1;
    if (wap_reply_is_dropped(reply))
        return 0;

    int large = len >= LARGE_BLOCK;
    if (len) {
        /* A transient bucket lends the caller's bytes; a filter that keeps them copies them. */
        apr_bucket *bucket =
            large ? apr_bucket_transient_create(bytes, len, alloc) : apr_bucket_heap_create(bytes, len, NULL, alloc);
        if (queue(reply, bucket, (apr_off_t)len, large && !with_flush))
            return -1;
    }
    return with_flush ? flush(reply) : 0;
}

int wap_reply_body_kept(wap_reply *reply, const void *bytes, apr_size_t len)
{
    if (reply->client_gone || wap_reply_is_dropped(reply) || len == 0)
        return reply->client_gone ? -1 : 0;
    return queue(reply, apr_bucket_transient_create(bytes, len, reply->bb->bucket_alloc), (apr_off_t)len, 0);
}

int wap_reply_body_owned(wap_reply *reply, void *memory, const void *bytes, apr_size_t len, int with_flush)
{
    apr_bucket_alloc_t *alloc = reply->bb->bucket_alloc;
    if (reply->client_gone || wap_reply_is_dropped(reply)) {
        free(memory);
        return reply->client_gone ? -1 : 0;
    }
    if (len == 0) {
        free(memory);
        return with_flush ? flush(reply) : 0;
    }
    apr_size_t before = (apr_size_t)((const char *)bytes - (const char *)memory);
    apr_bucket *bucket = apr_bucket_heap_create(memory, before + len, free, alloc);
    bucket->start += (apr_off_t)before;
    bucket->length -= before;
    if (queue(reply, bucket, (apr_off_t)len, 0))
        return -1;
    return with_flush ? flush(reply) : 0;
}

/* A file of the pool with the same descriptor, duplicated: only such a one can httpd keep beyond the pool, and close,
 * when it has to wait for the client. NULL: out of descriptors. */
static apr_file_t *own_file(request_rec *r, int fd, int by_sendfile)
{
    apr_int32_t flags = APR_FOPEN_READ | (by_sendfile ? APR_FOPEN_SENDFILE_ENABLED : 0);
#ifdef _WIN32
    apr_os_file_t lent = (HANDLE)_get_osfhandle(fd);
#else
    apr_os_file_t lent = fd;
#endif
    apr_file_t *theirs, *ours = NULL;

    if (apr_os_file_put(&theirs, &lent, flags, r->pool) != APR_SUCCESS ||
        apr_file_dup(&ours, theirs, r->pool) != APR_SUCCESS)
        return NULL;
    return ours;
}

static int queue_file(wap_reply *reply, int fd, apr_off_t offset, apr_off_t length, int by_sendfile)
{
    request_rec *r = reply->r;

    if (reply->client_gone || wap_reply_is_dropped(reply) || length == 0)
        return reply->client_gone ? -1 : 0;
    apr_file_t *file = own_file(r, fd, by_sendfile);
    if (!file)
        return -1;

    apr_bucket *last = APR_BRIGADE_LAST(reply->bb);
    apr_brigade_insert_file(reply->bb, file, offset, length, r->pool);
    for (apr_bucket *b = APR_BUCKET_NEXT(last); b != APR_BRIGADE_SENTINEL(reply->bb); b = APR_BUCKET_NEXT(b)) {
        /* A mapped file that shrinks while it is sent would kill the process. */
        apr_bucket_file_enable_mmap(b, 0);
        apr_bucket_file_set_buf_size(b, FILE_PIECE);
    }
    reply->sent += length;
    return pass(reply);
}

int wap_reply_file(wap_reply *reply, int fd, apr_off_t offset, apr_off_t length)
{
    const wap_settings *settings = ap_get_module_config(reply->r->per_dir_config, &wsgi_module);
    return queue_file(reply, fd, offset, length, settings->enable_sendfile == 1);
}

int wap_reply_rest(wap_reply *reply, int fd, apr_off_t offset, apr_off_t length)
{
    /* By sendfile httpd needs none of it in memory, so its MPM can wait for the client in place of a thread. */
    return queue_file(reply, fd, offset, length, 1);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static int keep_field(void *table, const char *name, const char *value)
{
    apr_table_add(table, name, value);
    return 1;
}

/* The response asked for another resource of this server to be sent instead, as a CGI script can. */
static int redirect(wap_reply *reply)
{
    request_rec *r = reply->r;
    r->method = "GET";
    r->method_number = M_GET;
    apr_table_unset(r->headers_in, "Content-Length");
    apr_table_unset(r->headers_in, "Transfer-Encoding");
    ap_discard_request_body(r);
    apr_table_do(keep_field, r->err_headers_out, r->headers_out, "Set-Cookie", NULL);
    ap_internal_redirect_handler(reply->redirect, r);
    return OK;
}

int wap_reply_end(wap_reply *reply)
{
    if (reply->answered)
        return DONE;
    if (reply->instead)
        return reply->instead;
    if (reply->redirect)
        return redirect(reply);
    if (!reply->client_gone) {
        APR_BRIGADE_INSERT_TAIL(reply->bb, apr_bucket_eos_create(reply->bb->bucket_alloc));
        pass(reply);
    }
    return OK;
}

/* HTTP/1.0 without a length ends with the connection: only a reset tells the client that it was not the end. */
static void reset_connection(request_rec *r)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    apr_os_sock_t fd;
    apr_socket_t *socket = ap_get_conn_socket(r->connection);
    if (socket && apr_os_sock_get(&fd, socket) == APR_SUCCESS)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, (const void *)&at_once, sizeof at_once);
    r->connection->aborted = 1;
}

int wap_reply_abort(wap_reply *reply)
{
    request_rec *r = reply->r;
    apr_bucket_alloc_t *alloc = reply->bb->bucket_alloc;

    if (reply->answered)
        return DONE;
    if (reply->instead)
        return reply->instead;
    if (reply->redirect)
        return HTTP_BAD_GATEWAY;
    if (reply->client_gone)
        return OK;

    /* What the application did send goes first, so that the error comes after the head and not instead of it; and only
     * then is it known that the connection closes, so that HTTP/1.1 still uses chunks, whose last one is left out. */
    int open = flush(reply) == 0;
    r->connection->keepalive = AP_CONN_CLOSE;
    if (open) {
        int by_close = !r->chunked && !apr_table_get(r->headers_out, "Content-Length") && !r->connection->master &&
                       !r->header_only && !AP_STATUS_IS_HEADER_ONLY(r->status);
        APR_BRIGADE_INSERT_TAIL(reply->bb, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, alloc));
        APR_BRIGADE_INSERT_TAIL(reply->bb, apr_bucket_eos_create(alloc));
        pass(reply);
        if (by_close)
            reset_connection(r);
    }
    return OK;
}
