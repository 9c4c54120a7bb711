/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the user of Apache's children can reach a daemon's socket: else every request would fail, and only then. */
#ifndef WSGI_DAEMON_REACH_H
#define WSGI_DAEMON_REACH_H

#include <stddef.h>
#include <sys/types.h>

/* Parent, as root. 0; -1 and a sentence in `error` that names the place which shuts the user out. Asked of the system,
 * by a short-lived process of that user: modes alone do not tell. */
int wdm_check_reach(const char *path, uid_t uid, gid_t gid, char *error, size_t size);

#endif
