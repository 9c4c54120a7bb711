/* SPDX-License-Identifier: Apache-2.0 */
/* The manager: one process per Apache generation, forked from the parent, no Python, a single thread, still root. It
 * owns the daemons: starts, replaces and drains them, and outlives the graceful restart that unloads this module
 * from the parent. It ends when the last Apache child of its generation is gone, on SIGTERM, or when the
 * configuration is retired and no child lives, and takes daemons and sockets with it.
 */
#ifndef WSGI_DAEMON_MANAGER_H
#define WSGI_DAEMON_MANAGER_H

#include "shared.h"
#include "surroundings.h"

/* Parent: forks the manager of a generation, also a second one when the first has died. Returns its pid,
 * or -1 with errno. */
pid_t wdm_manager_start(wdm_generation *generation, const wdm_title *title);

#endif
