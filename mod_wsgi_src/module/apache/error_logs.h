/* SPDX-License-Identifier: Apache-2.0 */
/* The error logs of the virtual hosts, for processes that are not httpd's and for those that run applications. */
#ifndef WSGI_APACHE_ERROR_LOGS_H
#define WSGI_APACHE_ERROR_LOGS_H

#include "config.h"

/* Parent: tells the daemons which descriptors the logs have, and how to write to them. */
void wap_error_logs_share(apr_pool_t *pconf, wdm_config *daemon);

/* httpd's main log is descriptor 2, which applications close or cover. This process, which runs applications, gets
 * another one for it. Before it has threads. */
void wap_error_logs_guard(apr_pool_t *pool);

#endif
