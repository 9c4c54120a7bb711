/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of one Apache generation share: listening sockets, boards, the two pipes, the secret. Made in the
 * parent before any fork; manager, daemons and Apache children each keep their part of it.
 *
 *   lifeline  the parent and every Apache child of the generation hold the write end: end of file means all are gone
 *   retire    only the parent holds the write end, and writes a byte when the generation's configuration goes away
 */
#ifndef WSGI_DAEMON_SHARED_H
#define WSGI_DAEMON_SHARED_H

#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

#include "../transport/board.h"
#include "../transport/frame.h"
#include "../transport/message.h"
#include "../transport/shelf.h"
#include "config.h"

typedef struct wdm_seat { /* the place of one daemon process; its holder changes */
    int listener;         /* -1: none (service scripts), or closed in this process */
    char *path;
} wdm_seat;

typedef struct wdm_generation {
    const wdm_config *config; /* the caller's; must live as long */
    pid_t owner;              /* the Apache parent */
    uint8_t token[WIO_TOKEN_SIZE];
    wio_board **boards;  /* by group */
    wio_shelf **shelves; /* by group; NULL: shared-buffer-size=0, or a service script */
    wdm_seat **seats;    /* by group and process */
    int lifeline[2], retire[2];
    _Atomic uint32_t *children; /* shared: pids of living Apache children, written by the parent */
    uint32_t max_children;
} wdm_generation;

/* Parent. Everything the generation needs, bound and listening. NULL, nothing left behind, and a sentence in
 * `error`. */
wdm_generation *wdm_generation_new(const wdm_config *config, char *error, size_t size);

/* Parent: tells the manager that this configuration is gone; closes and unmaps the parent's part. */
void wdm_generation_retire(wdm_generation *generation);
/* Parent, afterwards: frees it. remove_sockets: when the manager has ended without the time to do so. */
void wdm_generation_free(wdm_generation *generation, int remove_sockets);

/* Apache child, right after its fork: closes what belongs to parent and manager only. */
void wdm_generation_in_child(wdm_generation *generation);
/* Parent: an Apache child of this generation began (alive) or ended. */
void wdm_generation_note_child(wdm_generation *generation, pid_t pid, int alive);
/* Manager: forgets dead children and what they had on offer. Returns how many live. */
int wdm_generation_sweep(wdm_generation *generation);

/* Daemon: unmaps what is not for the daemons of this group. */
void wdm_generation_keep_group(wdm_generation *generation, uint32_t group);

/* Removes sockets of earlier servers with this prefix on which nobody listens. */
void wdm_sweep_sockets(const char *prefix);

/* Both ends close-on-exec, the read end non-blocking. 0, or -1 with errno. Before threads exist. */
int wdm_pipe(int ends[2]);

/* "was killed by signal 9": what the wio_exit_reason and its detail mean, for a log line. */
void wdm_describe_exit(uint32_t reason, uint32_t detail, char *text, size_t size);

/* One line to the error log of a virtual host. */
void wdm_log(const wdm_config *config, uint32_t vhost, int level, const char *format, ...);

#endif
