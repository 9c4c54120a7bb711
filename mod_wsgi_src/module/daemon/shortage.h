/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WSGI_DAEMON_SHORTAGE_H
#define WSGI_DAEMON_SHORTAGE_H

/* How many processes the kernel has killed because the memory of this process's cgroup ran out. 0 where nobody tells:
 * on other systems, and outside of such a cgroup. */
long wdm_memory_kills(void);

#endif
