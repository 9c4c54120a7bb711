/* SPDX-License-Identifier: Apache-2.0 */
/* From request_rec to what the Python layer needs: checks, target, variables. All on the request's thread. */
#ifndef WSGI_APACHE_REQUEST_H
#define WSGI_APACHE_REQUEST_H

#include "httpd.h"

#include "../daemon/config.h"
#include "../transport/frame.h"
#include "../transport/spool.h"
#include "config.h"

#define WAP_SCRIPT_HANDLER "wsgi-script"
#define WAP_SCRIPT_TYPE    "application/x-httpd-wsgi" /* the same, selected by an old content type */

typedef struct wap_request {
    request_rec *r;
    const wdm_group *group; /* NULL: embedded */
    wio_buf head;           /* WIO_HEAD_ROOM free bytes, then the variables; the handler frees it */
    const char *script;     /* the file whose modification time is in fields.script_mtime_us */
    wio_request fields; /* vars_len, fixed_len, content_length, script_mtime_us, request_start_us, vhost, flags set */
    /* Where `head` begins: enough for an ordinary request. On the handler's stack, which is warm, and not in a pool. */
    uint8_t memory[4096];
} wap_request;

/* Decides whether and how this request is ours and builds its variables. OK; DECLINED; or the HTTP
 * status to answer (404 no script, 403 directory, 411 chunked not allowed, 500 unknown group), its cause logged.
 * `request` is usable for wio_buf_free(&request->head) in every case. */
int wap_request_prepare(request_rec *r, wap_request *request);

/* The two ways on. Each returns what the handler returns. */
int wap_embedded_run(wap_request *request);
int wap_client_run(wap_request *request);

/* --- within apache/ ----------------------------------------------------------------------------------------------- */

/* What we remember of a request between hooks. Memory of r->pool. */
typedef struct wap_note {
    const wap_alias *alias;   /* that mapped it to its script; NULL: somebody else did */
    apr_bucket_brigade *body; /* reply.h, wap_read_body */
    wio_spool *spool;         /* what has been read from the client and waits; NULL: nothing was spooled */
    int body_ended;
    int body_status; /* why the body could not be read, see wap_body_error, and as errno; 0: it could */
    int body_errno;
} wap_note;

/* The note of this request, made when there is none. */
wap_note *wap_request_note(request_rec *r);

/* The two places where a body is read from; for body.c, see wap_read_body in reply.h. */
apr_ssize_t wap_read_filters(request_rec *r, wap_note *note, void *buf, apr_size_t max);
apr_ssize_t wap_read_spooled(wap_note *note, void *buf, apr_size_t max);

/* Where a request goes: the outcome of target.c's half of wap_request_prepare. */
typedef struct wap_target {
    const wap_settings *settings;
    const char *process_group, *application_group, *callable;
    const char *handler_script; /* "": r->filename is the script */
    const char *script_name;    /* script_name_len bytes, slashes collapsed */
    apr_size_t script_name_len;
    const char *path_info; /* slashes collapsed */
    const char *root;      /* chroot of the group, taken off the front of paths; "" none */
    int pass_authorization, script_reloading;
    const struct wap_forwarded *forwarded; /* what proxies said; NULL: nothing is asked of them */
} wap_target;

/* Fills script_name and path_info: the URL, split into what selected the script and what is left for it. */
void wap_split_path(request_rec *r, wap_target *target);

/* Fills the groups and the callable: options of alias or handler first, then the settings, %{...} expanded. OK, or the
 * status to answer, its cause logged. */
int wap_choose_target(request_rec *r, const wap_target_options *options, wap_target *target);

/* Lets WSGIDispatchScript change them. The same. */
int wap_dispatch(request_rec *r, wap_target *target);

/* The application group of a script that is asked about requests, %{SERVER} and %{HOST} expanded. NULL: the client
 * names a host that is not ours, which is logged. */
const char *wap_expand_script_group(request_rec *r, const char *name);

/* Whether script-user= and script-group= let the group run the script. OK, or 403, its cause logged. */
int wap_check_script_owner(request_rec *r, const wap_group *group, const char *script);

/* An empty request, its head ready for variables. */
void wap_request_init(wap_request *request, request_rec *r);

/* Appends all variables to request->head and sets vars_len and fixed_len. 0, or -1 when there is no memory. */
int wap_put_variables(wap_request *request, const wap_target *target);

/* Appends the variables of a request that has no target yet, for scripts that are asked who may in: those of CGI and
 * the header fields but for credentials. 0, or -1 when there is no memory. */
int wap_put_early_variables(request_rec *r, const wap_target *target, wio_buf *buf);

/* optional_fn_retrieve hook: finds what mod_ssl offers. */
void wap_find_optional_functions(void);
int wap_is_https(request_rec *r);
/* A variable of mod_ssl; NULL without mod_ssl. */
const char *wap_ssl_variable(request_rec *r, const char *name);

/* A copy of a path with runs of slashes collapsed; the path itself when there are none. */
const char *wap_collapse_slashes(apr_pool_t *pool, const char *path);

#endif
