/* From request_rec to what the Python layer needs: checks, target, variables. */
#ifndef WSGI_APACHE_REQUEST_H
#define WSGI_APACHE_REQUEST_H

#include "httpd.h"

#include "../daemon/config.h"
#include "../transport/frame.h"

typedef struct wap_request {
    request_rec     *r;
    const wdm_group *group;      /* NULL: embedded */
    wio_buf          head;       /* WIO_HEAD_ROOM free bytes, then the variables */
    wio_request      fields;     /* vars_len, fixed_len, content_length, script_mtime_us, request_start_us, vhost, flags set */
} wap_request;

/* Decides whether and how this request is ours and builds its variables in memory of r->pool. OK; DECLINED; or the HTTP
 * status to answer (404 no script, 403 directory, 411 chunked not allowed, 500 unknown group), its cause logged. */
int wap_request_prepare(request_rec *r, wap_request *request);

/* The two ways on. Each returns what the handler returns. */
int wap_embedded_run(wap_request *request);
int wap_client_run(wap_request *request);

#endif
