/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of a daemon that looks at the clock once a second: request-, deadlock-, startup- and
 * inactivity-timeout, the hard end of a shutdown that hangs; in a service process it also listens to the manager,
 * since the main thread runs the script. It never holds the GIL for longer than a probe.
 */
#ifndef WSGI_DAEMON_MONITOR_H
#define WSGI_DAEMON_MONITOR_H

#include "process.h"

/* Main thread, before Python starts. 0, or -1 with errno. The thread lives as long as the process. */
int wdm_monitor_start(wdm_process *process);

#endif
