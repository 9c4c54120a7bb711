/* SPDX-License-Identifier: Apache-2.0 */
/* What a new process changes about itself before it does anything: signals, title, user, directories, environment.
 * All before threads exist. */
#ifndef WSGI_DAEMON_SURROUNDINGS_H
#define WSGI_DAEMON_SURROUNDINGS_H

#include <stddef.h>

#include "config.h"

/* Apache's handlers point into the parent's state and its mask may be anything: all back to default, SIGPIPE
 * ignored. */
void wdm_reset_signals(void);

/* Installs a handler with SA_RESTART. */
void wdm_handle_signal(int number, void (*handler)(int));

/* Memory that ps shows: the arguments of the parent, from argv[0] on; size 0: there is none. */
typedef struct wdm_title {
    char *memory;
    size_t size;
    const char *original; /* a copy of all of it, or NULL */
} wdm_title;

/* Bytes from argv[0] to the end of the arguments; only those of argv[0] where the system does not tell. */
size_t wdm_title_room(const char *argv0);

/* Shows another title there, cut to the room there is. NULL: the original again. */
void wdm_show_title(const wdm_title *title, const char *text);

/* Environment, root directory, groups, user, working directory and umask of a daemon, in this order. User and groups
 * only when the process is root; then it makes sure that root cannot be had back. Each step is checked. 0, or -1 and
 * one sentence in `error`: the process must end then. */
int wdm_take_place(const wdm_group *group, char *error, size_t size);

#endif
