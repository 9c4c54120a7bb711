/* SPDX-License-Identifier: Apache-2.0 */
/* What apache/ tells daemon/: plain data, filled from WSGIDaemonProcess, valid for one generation. */
#ifndef WSGI_DAEMON_CONFIG_H
#define WSGI_DAEMON_CONFIG_H

#include <stdint.h>
#include <sys/types.h>

#include "../python/options.h"
#include "../python/scoreboard.h"
#include "../python/telemetry.h"

typedef struct wdm_import {
    const char *path, *application_group;
} wdm_import;

/* Times are seconds as configured; 0 = off, except where said. */
typedef struct wdm_group {
    const char *name;
    uint32_t index; /* position in wdm_config.groups */
    uint32_t vhost; /* virtual host it was defined in: its error log */
    /* identity; only when started as root */
    uid_t uid;
    gid_t gid;
    const char *user_name; /* for initgroups */
    const gid_t *groups;   /* supplementary-groups=; NULL: the user's own */
    int n_groups;
    const char *chroot;
    uid_t socket_uid; /* who may connect: the user of Apache's children */
    /* surroundings */
    int umask;                    /* -1: inherited */
    const char *home;             /* NULL: unchanged */
    const char *environment_file; /* NULL: none */
    const char *lang, *locale;
    const char *display_name; /* expanded; NULL: unchanged */
    const char *python_home, *python_path, *python_eggs;
    double switch_interval; /* seconds; 0: as WSGISwitchInterval says */
    int processes, threads; /* threads 0: service-script mode */
    int processes_given;    /* wsgi.multiprocess */
    int listen_backlog;
    int send_buffer_size, receive_buffer_size; /* 0: 256 KiB */
    int header_buffer_size;
    int shared_buffer_size; /* bytes for each process */
    int connect_timeout, socket_timeout, response_socket_timeout, queue_timeout, request_timeout, interrupt_timeout,
        graceful_timeout, eviction_timeout, shutdown_timeout, startup_timeout, deadlock_timeout, inactivity_timeout;
    int maximum_requests, restart_interval;
    int cpu_time_limit, cpu_priority;
    int64_t memory_limit, virtual_memory_limit, memory_soft_limit; /* bytes */
    int open_files_limit, process_limit;
    int server_metrics; /* applications may read Apache's scoreboard */
    int stack_size;     /* bytes of a worker's stack; 0: the system's default */
    const wdm_import *imports;
    int n_imports;
} wdm_group;

typedef struct wdm_config {
    const wdm_group *groups;
    int n_groups;
    uint32_t generation;
    const char *socket_prefix; /* absolute; sockets are <prefix>.<parent pid>.<generation>.<group>.<process>.sock */
    gid_t socket_gid;          /* the group of Apache's children */
    uint32_t max_children;     /* rows of each board */
    uint32_t max_connections;  /* words of each board */
    const char *list;          /* file that lists the daemons; NULL: none */
    wpy_python python;
    int apache_version[3];
    const char *apache_description, *apache_build_date, *mpm_name;
    const wpy_scoreboard *scoreboard;
    const wpy_telemetry *telemetry; /* NULL: none */
    const int *log_fds;             /* descriptors of error logs: daemons and manager keep them open */
    int n_log_fds;
    /* Writes one line to the error log of a virtual host. Called in manager and daemons, any thread. */
    void (*log)(void *context, uint32_t vhost, int level, const char *text, size_t len);
    void (*begin)(void *context, const wdm_group *group); /* called in a daemon before it has threads */
    void *context;
} wdm_config;

#endif
