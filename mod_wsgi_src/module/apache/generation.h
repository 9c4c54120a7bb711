/* SPDX-License-Identifier: Apache-2.0 */
/* Ties the manager to httpd's life: starts it in post_config, retires it in a pconf cleanup, tells it about
 * children. */
#ifndef WSGI_APACHE_GENERATION_H
#define WSGI_APACHE_GENERATION_H

#include "httpd.h"

/* Registers post_config (REALLY_LAST), child_init, child_stopping and child_status. */
void wap_generation_register_hooks(apr_pool_t *pool);

#endif
