/* The module's configuration records. Filled by directives.c and daemon_options.c; read everywhere in apache/. */
#ifndef WSGI_APACHE_CONFIG_H
#define WSGI_APACHE_CONFIG_H

#include "httpd.h"
#include "http_config.h"
#include "http_log.h"

#include "../daemon/config.h"

extern module AP_MODULE_DECLARE_DATA wsgi_module;
APLOG_USE_MODULE(wsgi);

/* What post_config hands to generation.c: every daemon group of the configuration, resolved (uids, vhost indexes, pre-loads). */
const wdm_config *wap_daemon_config(apr_pool_t *pconf, server_rec *main_server);

/* Index of a virtual host for logs, and back. 0 is the main server. */
uint32_t    wap_vhost_index(const server_rec *s);
server_rec *wap_vhost(uint32_t index);

#endif
