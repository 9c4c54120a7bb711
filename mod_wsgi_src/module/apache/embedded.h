/* SPDX-License-Identifier: Apache-2.0 */
/* Embedded mode: Python inside Apache's own processes. */
#ifndef WSGI_APACHE_EMBEDDED_H
#define WSGI_APACHE_EMBEDDED_H

#include "httpd.h"

/* child_init hook. Python starts here when requests are sure to need it (no daemon group is configured, a script is to
 * be loaded, or one is asked about requests), else with the first request that does. With WSGIRestrictEmbedded On
 * only such scripts start it. */
void wap_embedded_child_init(apr_pool_t *pchild, server_rec *main_server);

/* Starts Python in this process when it does not run yet. 0; -1 when it cannot run, which was logged. */
int wap_embedded_start(void);

#endif
