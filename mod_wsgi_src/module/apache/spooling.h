/* SPDX-License-Identifier: Apache-2.0 */
/* What slow clients have sent, or have not taken yet, waits in files of this Apache child, so that no thread of an
 * application waits for them. Off for whoever has a bound of 0. */
#ifndef WSGI_APACHE_SPOOLING_H
#define WSGI_APACHE_SPOOLING_H

#include "config.h"

#include "../transport/spool.h"

/* child_init hook. */
void wap_spooling_child_init(apr_pool_t *pchild, server_rec *main_server);

/* Bounds for this request. */
int64_t wap_request_spool_bound(const request_rec *r);
int64_t wap_response_spool_bound(const request_rec *r);

/* A spool that ends with the request. */
wio_spool *wap_spool_new(request_rec *r, int64_t bound);

/* Tells, once in a while, that a file could not be made or written. */
void wap_spool_complain(const request_rec *r, const wio_spool *spool);

/* Directives; declared for the table. */
const char *wap_set_spool_bound(cmd_parms *cmd, void *settings, const char *value); /* cmd->info: offset */
const char *wap_set_spool_directory(cmd_parms *cmd, void *settings, const char *path);
const char *wap_set_spool_limit(cmd_parms *cmd, void *settings, const char *value);

#endif
