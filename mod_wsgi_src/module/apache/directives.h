/* SPDX-License-Identifier: Apache-2.0 */
/* The table of directives and the life of the configuration records; for the module record only. */
#ifndef WSGI_APACHE_DIRECTIVES_H
#define WSGI_APACHE_DIRECTIVES_H

#include "httpd.h"
#include "http_config.h"

extern const command_rec wap_directives[];

void *wap_create_settings(apr_pool_t *pool, char *directory);
void *wap_merge_settings(apr_pool_t *pool, void *outer, void *inner);
void *wap_create_server(apr_pool_t *pool, server_rec *s);
void *wap_merge_servers(apr_pool_t *pool, void *main_server, void *vhost);

#endif
