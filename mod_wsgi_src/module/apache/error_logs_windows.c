/* SPDX-License-Identifier: Apache-2.0 */
#include "error_logs.h"

#ifdef _WIN32

/* httpd's logs are handles here, which no number of an application's can cover. */
void wap_error_logs_guard(apr_pool_t *pool)
{
    (void)pool;
}

#endif
