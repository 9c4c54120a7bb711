/* SPDX-License-Identifier: Apache-2.0 */
/* The child side of daemon mode: which process gets a request, how often it is tried again. wap_client_run() stands in
 * request.h. */
#ifndef WSGI_APACHE_CLIENT_H
#define WSGI_APACHE_CLIENT_H

#include "pool.h"

/* The process with the fewest requests in flight, ready ones first; -1: every process of the group has failed. */
int wap_client_choose(const wap_pool *pool);

#endif
