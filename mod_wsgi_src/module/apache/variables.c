/* SPDX-License-Identifier: Apache-2.0 */
/* request_rec -> variables, straight into one buffer. First those that are the same for most requests of a script
 * (the Python layer keeps a ready dictionary for them), then those of this request, of which a later one wins over
 * an earlier: SetEnv and its like, CGI, request headers. */
#include "apr_strings.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "mod_ssl.h"

#include "../python/run_request.h"
#include "forwarded.h"
#include "request.h"

static APR_OPTIONAL_FN_TYPE(ssl_is_https) * is_https;
static APR_OPTIONAL_FN_TYPE(ssl_var_lookup) * ssl_var_lookup;

void wap_find_optional_functions(void)
{
    is_https = APR_RETRIEVE_OPTIONAL_FN(ssl_is_https);
    ssl_var_lookup = APR_RETRIEVE_OPTIONAL_FN(ssl_var_lookup);
}

int wap_is_https(request_rec *r)
{
    return is_https && is_https(r->connection);
}

const char *wap_ssl_variable(request_rec *r, const char *name)
{
    return ssl_var_lookup ? ssl_var_lookup(r->pool, r->server, r->connection, r, apr_pstrdup(r->pool, name)) : NULL;
}

/* Each returns 0, or -1 when there is no memory; callers gather with |. */
#define PUT(buf, name, value)            put(buf, 0, name, sizeof name - 1, value)
#define PUT_PATH(buf, name, value)       put(buf, WIO_PAIR_PATH, name, sizeof name - 1, value)
#define PUT_GIVEN(buf, name, value)      ((value) ? PUT(buf, name, value) : 0)
#define PUT_BYTES(buf, name, value, len) wio_pair_put(buf, 0, name, sizeof name - 1, value, len)
#define PUT_NUMBER(buf, name, value)     put_number(buf, name, sizeof name - 1, value)

static int put(wio_buf *buf, uint16_t flags, const char *name, size_t name_len, const char *value)
{
    return wio_pair_put(buf, flags, name, name_len, value ? value : "", value ? strlen(value) : 0);
}

static int put_number(wio_buf *buf, const char *name, size_t name_len, unsigned long number)
{
    char text[24], *at = text + sizeof text;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    return wio_pair_put(buf, 0, name, name_len, at, (size_t)(text + sizeof text - at));
}

/* --- the fixed part ----------------------------------------------------------------------------------------------- */

/* What SetEnv and its like cannot change: the names of the fixed part, what we make of HTTPS, and httpd's own search
 * paths. */
static int is_reserved(const char *name)
{
    static const char *const names[] = {"HTTPS",
                                        "PATH",
                                        "LD_LIBRARY_PATH",
                                        "GATEWAY_INTERFACE",
                                        "SERVER_SOFTWARE",
                                        "SERVER_NAME",
                                        "SERVER_ADDR",
                                        "SERVER_PORT",
                                        "SERVER_ADMIN",
                                        "SERVER_PROTOCOL",
                                        "SERVER_SIGNATURE",
                                        "DOCUMENT_ROOT",
                                        "SCRIPT_FILENAME",
                                        "REQUEST_SCHEME",
                                        "CONTEXT_PREFIX",
                                        "CONTEXT_DOCUMENT_ROOT"};
    if (!strncmp(name, "wsgi.", 5) || !strncmp(name, "mod_wsgi.", 9) || !strncmp(name, "apache.", 7))
        return 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return 1;
    return 0;
}

static const char *url_scheme(request_rec *r)
{
    if (wap_is_https(r))
        return "https";
    const char *said = apr_table_get(r->subprocess_env, "HTTPS");
    return said && (!ap_cstr_casecmp(said, "on") || !strcmp(said, "1")) ? "https" : "http";
}

static const char *server_name(request_rec *r)
{
    const char *name = ap_get_server_name_for_url(r);
    return strpbrk(name, "<>&\"") ? ap_escape_html(r->pool, name) : name;
}

static int put_server_pid(wio_buf *buf)
{
    return PUT_NUMBER(buf, "mod_wsgi.server_pid", (unsigned long)wap_process_config()->child_pid);
}

/* The process that serves the request is the same for all of them in embedded mode; a daemon works for many. */
static int put_fixed(wap_request *request, const wap_target *target)
{
    request_rec *r = request->r;
    wio_buf *buf = &request->head;
    size_t root = strlen(target->root);
    const char *document_root = ap_document_root(r);
    const char *handler_script = target->handler_script;

    if (root && !strncmp(document_root, target->root, root))
        document_root += root;
    return PUT(buf, "GATEWAY_INTERFACE", "CGI/1.1") | PUT(buf, "SERVER_SOFTWARE", ap_get_server_banner()) |
           PUT(buf, "SERVER_SIGNATURE", ap_psignature("", r)) | PUT(buf, "SERVER_NAME", server_name(r)) |
           PUT(buf, "SERVER_ADDR", r->connection->local_ip) | PUT_NUMBER(buf, "SERVER_PORT", ap_get_server_port(r)) |
           PUT(buf, "SERVER_ADMIN", r->server->server_admin) | PUT(buf, "SERVER_PROTOCOL", r->protocol) |
           PUT(buf, "REQUEST_SCHEME", ap_http_scheme(r)) | PUT(buf, "CONTEXT_PREFIX", ap_context_prefix(r)) |
           PUT(buf, "CONTEXT_DOCUMENT_ROOT", ap_context_document_root(r)) |
           PUT_PATH(buf, "DOCUMENT_ROOT", document_root) |
           PUT_PATH(buf, WPY_KEY_SCRIPT, r->filename + (*handler_script ? 0 : root)) |
           PUT_PATH(buf, WPY_KEY_HANDLER, handler_script + (*handler_script ? root : 0)) |
           PUT(buf, WPY_KEY_CALLABLE, target->callable) | PUT(buf, "mod_wsgi.process_group", target->process_group) |
           PUT(buf, WPY_KEY_GROUP, target->application_group) | PUT(buf, "mod_wsgi.request_handler", r->handler) |
           PUT(buf, WPY_KEY_RELOADING, target->script_reloading ? "1" : "0") |
           PUT(buf, "mod_wsgi.enable_sendfile", target->settings->enable_sendfile == 1 ? "1" : "0") |
           PUT(buf, "mod_wsgi.listener_host", r->connection->local_ip) |
           PUT_NUMBER(buf, "mod_wsgi.listener_port", r->connection->local_addr->port) |
           PUT(buf, "wsgi.url_scheme", url_scheme(r)) | (request->group ? 0 : put_server_pid(buf));
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

static int put_environment(request_rec *r, wio_buf *buf)
{
    const apr_array_header_t *table = apr_table_elts(r->subprocess_env);
    const apr_table_entry_t *entry = (const apr_table_entry_t *)table->elts;
    int failed = 0;
    for (int i = 0; i < table->nelts; i++)
        if (entry[i].key && !is_reserved(entry[i].key))
            failed |= put(buf, 0, entry[i].key, strlen(entry[i].key), entry[i].val);
    return failed;
}

/* The second word of the request line: what the client asked for, before anybody rewrote it; but for httpd's own
 * CGIVar REQUEST_URI current-uri. */
static int put_request_uri(request_rec *r, wio_buf *buf)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const char *rule = core->cgi_var_rules ? apr_hash_get(core->cgi_var_rules, "REQUEST_URI", APR_HASH_KEY_STRING) : "";
    if (rule && !ap_cstr_casecmp(rule, "current-uri"))
        return PUT(buf, "REQUEST_URI", r->uri);
    const char *line = r->the_request ? r->the_request : "";
    const char *begin = line + strcspn(line, " ");
    begin += strspn(begin, " ");
    return PUT_BYTES(buf, "REQUEST_URI", begin, strcspn(begin, " "));
}

/* Applications that answer HEAD as such save the work for a body; but filters that need the body to make the right
 * header fields then have none. */
static const char *request_method(const request_rec *r, const wap_settings *settings)
{
    int map = settings->map_head == WAP_UNSET ? WAP_MAP_HEAD_AUTO : settings->map_head;
    if (!r->header_only || strcmp(r->method, "HEAD") || map == WAP_MAP_HEAD_OFF)
        return r->method;
    if (map == WAP_MAP_HEAD_AUTO && r->output_filters->frec->ftype >= AP_FTYPE_PROTOCOL)
        return r->method;
    return "GET";
}

static int put_client(request_rec *r, wio_buf *buf, const char *behind)
{
    /* What httpd can find out about the peer says nothing about a client behind it. */
    const char *host = behind ? NULL : ap_get_useragent_host(r, REMOTE_HOST, NULL);
    const char *identity = behind ? NULL : ap_get_remote_logname(r);
    return PUT(buf, "REMOTE_ADDR", behind ? behind : r->useragent_ip) |
           PUT_NUMBER(buf, "REMOTE_PORT", r->useragent_addr->port) | PUT_GIVEN(buf, "REMOTE_HOST", host) |
           PUT_GIVEN(buf, "REMOTE_IDENT", identity) | PUT_GIVEN(buf, "REMOTE_USER", r->user) |
           PUT_GIVEN(buf, "AUTH_TYPE", r->user ? r->ap_auth_type : NULL);
}

static int put_redirect(request_rec *r, wio_buf *buf)
{
    if (!r->prev)
        return 0;
    return PUT_GIVEN(buf, "REDIRECT_URL", r->prev->uri) | PUT_GIVEN(buf, "REDIRECT_QUERY_STRING", r->prev->args) |
           PUT_GIVEN(buf, "REDIRECT_REMOTE_USER", r->prev->user);
}

/* The ids of the error log's %L, so that an application's log lines can be joined with it. */
static int put_ids(request_rec *r, wio_buf *buf)
{
    if (!r->log_id)
        ap_run_generate_log_id(r->connection, r, &r->log_id);
    if (!r->connection->log_id)
        ap_run_generate_log_id(r->connection, NULL, &r->connection->log_id);
    return PUT(buf, "mod_wsgi.request_id", r->log_id) | PUT(buf, "mod_wsgi.connection_id", r->connection->log_id);
}

static int put_request(wap_request *request, const wap_target *target)
{
    request_rec *r = request->r;
    wio_buf *buf = &request->head;
    return PUT(buf, "REQUEST_METHOD", request_method(r, target->settings)) | PUT(buf, "QUERY_STRING", r->args) |
           put_request_uri(r, buf) | PUT_BYTES(buf, "SCRIPT_NAME", target->script_name, target->script_name_len) |
           PUT(buf, "PATH_INFO", target->path_info) |
           PUT_BYTES(buf, "mod_wsgi.script_name", target->script_name, target->script_name_len) |
           PUT(buf, "mod_wsgi.path_info", target->path_info) |
           put_client(r, buf, target->forwarded ? target->forwarded->client : NULL) | put_redirect(r, buf) |
           put_ids(r, buf) | (request->group ? put_server_pid(buf) : 0);
}

/* --- header fields ------------------------------------------------------------------------------------------------ */

/* Writes HTTP_NAME to `key`, which has room for it. 0 when the name has other characters than letters, digits and
 * hyphens: two names would then become one key, and a client could pretend to be the proxy that sets the other. */
static int header_key(const char *name, char *key)
{
    memcpy(key, "HTTP_", 5);
    for (key += 5; *name; name++) {
        char c = *name;
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        else if (c == '-')
            c = '_';
        else if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return 0;
        *key++ = c;
    }
    return 1;
}

#define IS(key, len, name) ((len) == sizeof name - 1 && !memcmp(key, name, sizeof name - 1))

static int put_header(request_rec *r, wio_buf *buf, const wap_target *target, const char *name, const char *value)
{
    char stack[128];
    size_t len = strlen(name) + 5;
    char *key = len <= sizeof stack ? stack : apr_palloc(r->pool, len);

    if (len == 5 || !header_key(name, key))
        return 0;
    if (IS(key, len, "HTTP_CONTENT_TYPE") || IS(key, len, "HTTP_CONTENT_LENGTH"))
        return put(buf, 0, key + 5, len - 5, value);
    if (IS(key, len, "HTTP_AUTHORIZATION") && !target->pass_authorization)
        return 0;
    /* HTTP_PROXY means something to many HTTP clients that an application may run. */
    if (IS(key, len, "HTTP_PROXY") || IS(key, len, "HTTP_PROXY_AUTHORIZATION"))
        return 0;
    if (target->forwarded && !(value = wap_forwarded_header(target->forwarded, key, len, value)))
        return 0;
    return put(buf, 0, key, len, value);
}

static int put_headers(request_rec *r, wio_buf *buf, const wap_target *target)
{
    const apr_array_header_t *table = apr_table_elts(r->headers_in);
    const apr_table_entry_t *entry = (const apr_table_entry_t *)table->elts;
    int failed = 0;
    for (int i = 0; i < table->nelts; i++)
        if (entry[i].key)
            failed |= put_header(r, buf, target, entry[i].key, entry[i].val);
    return failed;
}

/* What proxies said takes the place of what is there already. */
static int put_forwarded(const wap_forwarded *forwarded, wio_buf *buf)
{
    return PUT_GIVEN(buf, "wsgi.url_scheme", forwarded->scheme) | PUT_GIVEN(buf, "HTTP_HOST", forwarded->host) |
           PUT_GIVEN(buf, "SERVER_NAME", forwarded->name) | PUT_GIVEN(buf, "SERVER_PORT", forwarded->port) |
           PUT_GIVEN(buf, "SCRIPT_NAME", forwarded->mount) | PUT_GIVEN(buf, "mod_wsgi.mount_point", forwarded->mount);
}

int wap_put_early_variables(request_rec *r, const wap_target *target, wio_buf *buf)
{
    int failed =
        PUT(buf, "SERVER_SOFTWARE", ap_get_server_banner()) | PUT(buf, "SERVER_SIGNATURE", ap_psignature("", r)) |
        PUT(buf, "SERVER_NAME", server_name(r)) | PUT(buf, "SERVER_ADDR", r->connection->local_ip) |
        PUT_NUMBER(buf, "SERVER_PORT", ap_get_server_port(r)) | PUT(buf, "SERVER_ADMIN", r->server->server_admin) |
        PUT(buf, "SERVER_PROTOCOL", r->protocol) | PUT_PATH(buf, "DOCUMENT_ROOT", ap_document_root(r)) |
        PUT(buf, "REQUEST_METHOD", r->method) | PUT(buf, "QUERY_STRING", r->args) | put_request_uri(r, buf) |
        PUT_BYTES(buf, "SCRIPT_NAME", target->script_name, target->script_name_len) |
        PUT(buf, "PATH_INFO", target->path_info) | PUT(buf, "mod_wsgi.process_group", "") |
        PUT(buf, WPY_KEY_GROUP, target->application_group) |
        put_client(r, buf, target->forwarded ? target->forwarded->client : NULL) | put_ids(r, buf) |
        put_server_pid(buf) | put_headers(r, buf, target);
    return target->forwarded ? failed | put_forwarded(target->forwarded, buf) : failed;
}

int wap_put_variables(wap_request *request, const wap_target *target)
{
    wio_buf *buf = &request->head;
    int failed = put_fixed(request, target);
    request->fields.fixed_len = (uint32_t)(buf->len - WIO_HEAD_ROOM);

    failed |= put_environment(request->r, buf);
    failed |= put_request(request, target);
    failed |= put_headers(request->r, buf, target);
    if (target->forwarded)
        failed |= put_forwarded(target->forwarded, buf);
    request->fields.vars_len = (uint32_t)(buf->len - WIO_HEAD_ROOM);
    return failed;
}
