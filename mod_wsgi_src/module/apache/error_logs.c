/* SPDX-License-Identifier: Apache-2.0 */
#include "error_logs.h"

#ifndef _WIN32

#include <fcntl.h>

#include "apr_portable.h"

#define FIRST_FD 10 /* beyond those that programs give numbers to */

/* -1: it has none, as with syslog. */
static int descriptor(apr_file_t *log)
{
    apr_os_file_t fd;
    return log && apr_os_file_get(&fd, log) == APR_SUCCESS ? fd : -1;
}

/* No place in this source: it would stand before an application's debug lines. */
static void log_line(void *context, uint32_t vhost, int level, const char *text, size_t len)
{
    (void)context;
    ap_log_error(NULL, 0, APLOG_MODULE_INDEX, level, 0, wap_vhost(vhost), "%.*s", (int)len, text);
}

void wap_error_logs_share(apr_pool_t *pconf, wdm_config *daemon)
{
    const wap_process *process = wap_process_config();
    int *fds = apr_palloc(pconf, process->n_vhosts * sizeof *fds);
    int n = 0;
    for (uint32_t i = 0; i < process->n_vhosts; i++) {
        int fd = descriptor(process->vhosts[i]->error_log), known = fd < 0;
        for (int k = 0; k < n; k++)
            known |= fds[k] == fd;
        if (!known)
            fds[n++] = fd;
    }
    daemon->log_fds = fds;
    daemon->n_log_fds = n;
    daemon->log = log_line;
}

void wap_error_logs_guard(apr_pool_t *pool)
{
    const wap_process *process = wap_process_config();
    apr_file_t *before = NULL, *guarded = NULL;
    for (uint32_t i = 0; i < process->n_vhosts; i++) {
        server_rec *server = process->vhosts[i];
        int fd = descriptor(server->error_log), other;
        if (fd < 0 || fd > 2)
            continue;
        if (server->error_log != before) {
            before = server->error_log;
            guarded = before;
            if ((other = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD)) >= 0)
                apr_os_file_put(&guarded, &other, APR_FOPEN_WRITE | APR_FOPEN_APPEND, pool);
        }
        server->error_log = guarded;
    }
}

#endif
