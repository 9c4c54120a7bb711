/* SPDX-License-Identifier: Apache-2.0 */
/* The list of daemons as a file, for programs that look after the server. JSON: manager, server, generation, and for
 * each group its seats with how often their daemon died at its start in a row, and the daemons that hold them.
 */
#ifndef WSGI_DAEMON_ROSTER_H
#define WSGI_DAEMON_ROSTER_H

#include "supervise.h"

/* Manager: replaces the file, whole or not at all. 0, or -1 with errno. */
int wdm_roster_write(const wdm_table *table, const char *path);

/* Manager, at its end: removes the file unless another manager wrote it. */
void wdm_roster_remove(const char *path);

#endif
