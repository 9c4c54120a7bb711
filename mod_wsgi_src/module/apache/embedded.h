/* SPDX-License-Identifier: Apache-2.0 */
/* Embedded mode: Python inside Apache's own processes. */
#ifndef WSGI_APACHE_EMBEDDED_H
#define WSGI_APACHE_EMBEDDED_H

#include "httpd.h"

/* child_init hook. Python starts here when requests are sure to need it (no daemon group is configured, or a script
 * is to be loaded), else with the first request that does; with WSGIRestrictEmbedded On never. */
void wap_embedded_child_init(apr_pool_t *pchild, server_rec *main_server);

#endif
