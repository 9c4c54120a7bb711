/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon may use of the machine: its priority, the limits that the kernel keeps, and those that the process
 * keeps itself. */
#ifndef WSGI_DAEMON_LIMITS_H
#define WSGI_DAEMON_LIMITS_H

#include "process.h"

/* Priority and kernel limits, while the process may still raise them: before it changes its user. 0, or -1 and one
 * sentence in `error`. */
int wdm_take_limits(const wdm_group *group, char *error, size_t size);

/* Monitor, while the process serves: asks for a successor when it is too old (restart-interval) or too large
 * (memory-soft-limit). */
void wdm_watch_limits(wdm_process *process, int64_t now);

#endif
