/* SPDX-License-Identifier: Apache-2.0 */
/* WSGITrustedProxyHeaders and WSGITrustedProxies: what a proxy says about the client, made into the variables that
 * would be there without the proxy. */
#ifndef WSGI_APACHE_FORWARDED_H
#define WSGI_APACHE_FORWARDED_H

#include "../transport/addresses.h"
#include "config.h"

/* Directive functions, as httpd's ITERATE calls them. */
const char *wap_set_trusted_header(cmd_parms *cmd, void *settings, const char *name);
const char *wap_set_trusted_proxy(cmd_parms *cmd, void *settings, const char *network);

/* What holds for one request. NULL: nothing was said. */
typedef struct wap_forwarded {
    uint32_t hidden;    /* bit for each header field that we know: the application does not see it */
    const char *client; /* REMOTE_ADDR */
    const char *list;   /* what is left of X-Forwarded-For, or of Forwarded */
    const char *scheme; /* wsgi.url_scheme */
    const char *host;   /* HTTP_HOST */
    const char *name;   /* SERVER_NAME */
    const char *port;   /* SERVER_PORT */
    const char *mount;  /* SCRIPT_NAME */
} wap_forwarded;

/* NULL when no header field is trusted here: then nothing is changed. Else memory of r->pool. */
const wap_forwarded *wap_forwarded_read(request_rec *r, const wap_settings *settings);

/* The value of a header field (its key is HTTP_...) as the application sees it: `value`, what is left of it, or NULL
 * when it does not see it. */
const char *wap_forwarded_header(const wap_forwarded *forwarded, const char *key, apr_size_t len, const char *value);

#endif
