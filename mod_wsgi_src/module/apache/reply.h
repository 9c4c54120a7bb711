/* SPDX-License-Identifier: Apache-2.0 */
/* Head and body of an application's response -> httpd. Used by both modes; the head is checked again here, so that
 * nothing wrong leaves whatever a daemon sent. All functions on the request's thread. */
#ifndef WSGI_APACHE_REPLY_H
#define WSGI_APACHE_REPLY_H

#include "httpd.h"
#include "util_filter.h"

#include "../transport/frame.h"

typedef struct wap_reply {
    request_rec *r;
    apr_bucket_brigade *bb;
    int started; /* head taken */
    int client_gone;
    apr_off_t sent; /* body bytes taken */
    int redirects;  /* set by the caller: `Location: /...` with status 200 means that resource (daemon mode) */
    /* inside reply.c */
    int has_length;
    apr_off_t waiting;    /* body bytes in bb */
    int answered;         /* httpd has answered by itself, when the request's body broke off; all of it is dropped */
    int instead;          /* WSGIErrorOverride: the status to answer instead; the body is dropped */
    const char *redirect; /* the resource to answer with instead; the body is dropped */
} wap_reply;

/* So many bytes are queued at most before they go down the filters: httpd writes 64 KiB and more only blocking. */
#define WAP_MOST_QUEUED (48 * 1024)

void wap_reply_init(wap_reply *reply, request_rec *r);

/* Puts status and header fields into r (hop-by-hop fields refused, Content-Type and -Length set the httpd way).
 * OK, or the HTTP status to answer because the head is not acceptable (logged). */
int wap_reply_head(wap_reply *reply, const wio_head *head);

/* Queues body bytes, which are only good until the call returns: small ones are copied and wait, large ones pass
 * down the filters at once. flush: all goes down with a FLUSH bucket. 0, -1 client gone. */
int wap_reply_body(wap_reply *reply, const void *bytes, apr_size_t len, int flush);
/* Queues body bytes that stay good until wap_reply_end() or wap_reply_abort() returns. 0, -1 client gone. */
int wap_reply_body_kept(wap_reply *reply, const void *bytes, apr_size_t len);
/* Queues `len` bytes at `bytes` somewhere in `memory` from malloc, which the brigade frees, also on failure. */
int wap_reply_body_owned(wap_reply *reply, void *memory, const void *bytes, apr_size_t len, int flush);
/* Hands what is queued down the filters, without a flush. 0, -1 client gone. */
int wap_reply_pass(wap_reply *reply);
/* Nothing of this response goes to the client: it has left, or something else is answered. */
int wap_reply_is_dropped(const wap_reply *reply);
/* Queues part of a file; the descriptor stays the caller's. */
int wap_reply_file(wap_reply *reply, int fd, apr_off_t offset, apr_off_t length);
/* The same with a file of ours, by sendfile whatever WSGIEnableSendfile says. */
int wap_reply_rest(wap_reply *reply, int fd, apr_off_t offset, apr_off_t length);

/* The response is whole: EOS. Returns what the handler returns. */
int wap_reply_end(wap_reply *reply);
/* The response was cut: error bucket + EOS, keep-alive off; a reset when the reply is close-delimited. Returns what the
 * handler returns. */
int wap_reply_abort(wap_reply *reply);

/* Reads up to max bytes of the request body from the client, blocking for the first only. >0; 0 end; -1 errno
 * (ECONNRESET, ETIMEDOUT, EFBIG larger than LimitRequestBody, EBADMSG not a valid body), the same on every later
 * call. */
apr_ssize_t wap_read_body(request_rec *r, void *buf, apr_size_t max);

/* Reads the rest of the request body from the client into a spool, as much as fits, from where wap_read_body then gets
 * it. OK, or what the handler returns since the body broke off. */
int wap_spool_body(request_rec *r, int64_t bound);

/* What the handler returns when reading the body has failed and no response has begun: an HTTP status (408, 413, 400),
 * or DONE when httpd has sent the error page by itself, so that nothing may follow. 0: it has not failed. */
int wap_body_error(request_rec *r);

#endif
