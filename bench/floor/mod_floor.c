/* SPDX-License-Identifier: Apache-2.0 */
/* The floor: what a handler in plain C pays for the bench's six requests. No module that runs Python can go below. */
#include <apr_strings.h>
#include <apr_tables.h>
#include <string.h>
#include <strings.h>

#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#define MEBIBYTE (1 << 20)
#define PIECE    1024
#define PIECES   16

static char large[MEBIBYTE];

static int answer(request_rec *r, const char *data, apr_size_t length)
{
    apr_bucket_brigade *reply = apr_brigade_create(r->pool, r->connection->bucket_alloc);

    ap_set_content_type(r, "text/plain");
    ap_set_content_length(r, (apr_off_t)length);
    APR_BRIGADE_INSERT_TAIL(reply, apr_bucket_transient_create(data, length, reply->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(reply, apr_bucket_eos_create(reply->bucket_alloc));
    return ap_pass_brigade(r->output_filters, reply) == APR_SUCCESS ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

static int count_header(void *counter, const char *key, const char *value)
{
    (void)value;
    *(int *)counter += strncasecmp(key, "X-Bench-", 8) == 0;
    return 1;
}

static int answer_headers(request_rec *r)
{
    int count = 0;

    apr_table_do(count_header, &count, r->headers_in, NULL);
    const char *text = apr_itoa(r->pool, count);
    return answer(r, text, strlen(text));
}

static int answer_echo(request_rec *r)
{
    int status = ap_setup_client_block(r, REQUEST_CHUNKED_ERROR);
    if (status != OK)
        return status;

    apr_off_t room = r->remaining;
    char *body = apr_palloc(r->pool, (apr_size_t)room + 1);
    apr_off_t have = 0;
    long got;

    if (ap_should_client_block(r))
        while (have < room && (got = ap_get_client_block(r, body + have, (apr_size_t)(room - have))) > 0)
            have += got;
    return answer(r, body, (apr_size_t)have);
}

/* As an application's generator: each piece goes out before the next one is made. */
static int answer_pieces(request_rec *r)
{
    apr_bucket_brigade *reply = apr_brigade_create(r->pool, r->connection->bucket_alloc);

    ap_set_content_type(r, "text/plain");
    ap_set_content_length(r, PIECES * PIECE);
    for (int i = 0; i < PIECES; i++) {
        APR_BRIGADE_INSERT_TAIL(reply, apr_bucket_transient_create(large, PIECE, reply->bucket_alloc));
        APR_BRIGADE_INSERT_TAIL(reply, apr_bucket_flush_create(reply->bucket_alloc));
        if (ap_pass_brigade(r->output_filters, reply) != APR_SUCCESS)
            return HTTP_INTERNAL_SERVER_ERROR;
        apr_brigade_cleanup(reply);
    }
    APR_BRIGADE_INSERT_TAIL(reply, apr_bucket_eos_create(reply->bucket_alloc));
    return ap_pass_brigade(r->output_filters, reply) == APR_SUCCESS ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

/* The file next to the configuration, opened for each request as an application does it. */
static int answer_file(request_rec *r)
{
    apr_bucket_brigade *reply = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    const char *name = ap_server_root_relative(r->pool, "file.bin");
    apr_file_t *file;
    apr_finfo_t info;

    if (apr_file_open(&file, name, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_FPROT_OS_DEFAULT, r->pool) != APR_SUCCESS ||
        apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS)
        return HTTP_NOT_FOUND;
    ap_set_content_type(r, "text/plain");
    ap_set_content_length(r, info.size);
    apr_bucket *bucket = apr_brigade_insert_file(reply, file, 0, info.size, r->pool);
    apr_bucket_file_enable_mmap(bucket, 0);
    APR_BRIGADE_INSERT_TAIL(reply, apr_bucket_eos_create(reply->bucket_alloc));
    return ap_pass_brigade(r->output_filters, reply) == APR_SUCCESS ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

static int floor_handler(request_rec *r)
{
    if (r->handler == NULL || strcmp(r->handler, "floor") != 0)
        return DECLINED;
    if (strcmp(r->uri, "/hello") == 0)
        return answer(r, "Hello World!", 12);
    if (strcmp(r->uri, "/headers") == 0)
        return answer_headers(r);
    if (strcmp(r->uri, "/echo") == 0)
        return answer_echo(r);
    if (strcmp(r->uri, "/large") == 0)
        return answer(r, large, sizeof large);
    if (strcmp(r->uri, "/generator") == 0)
        return answer_pieces(r);
    if (strcmp(r->uri, "/file") == 0)
        return answer_file(r);
    return HTTP_NOT_FOUND;
}

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    memset(large, 'x', sizeof large);
    ap_hook_handler(floor_handler, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(floor) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, 0};
