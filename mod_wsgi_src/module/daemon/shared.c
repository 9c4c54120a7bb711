/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* MAP_ANON is not in POSIX */
#endif

#include "shared.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../transport/sockets.h"
#include "reach.h"

/* --- small things ------------------------------------------------------------------------------------------------- */

void wdm_log(const wdm_config *config, uint32_t vhost, int level, const char *format, ...)
{
    char line[1024];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len > 0)
        config->log(config->context, vhost, level, line, (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
}

void wdm_describe_exit(uint32_t reason, uint32_t detail, char *text, size_t size)
{
    switch (reason) {
    case WIO_EXIT_STOP:
        snprintf(text, size, "was stopped");
        break;
    case WIO_EXIT_MAXIMUM_REQUESTS:
        snprintf(text, size, "reached maximum-requests");
        break;
    case WIO_EXIT_RELOAD:
        snprintf(text, size, "ended because its script changed");
        break;
    case WIO_EXIT_REQUEST_TIMEOUT:
        snprintf(text, size, "ended after a request-timeout");
        break;
    case WIO_EXIT_DEADLOCK:
        snprintf(text, size, "was ended by deadlock-timeout");
        break;
    case WIO_EXIT_SIGNAL:
        snprintf(text, size, "was killed by signal %u", detail);
        break;
    case WIO_EXIT_SHORTAGE:
        snprintf(text, size, "was killed by signal 9, since the memory limit of its cgroup was reached");
        break;
    case WIO_EXIT_CODE:
        snprintf(text, size, "exited with code %u", detail);
        break;
    case WIO_EXIT_INACTIVITY:
        snprintf(text, size, "ended after its inactivity-timeout");
        break;
    case WIO_EXIT_AGE:
        snprintf(text, size, "reached restart-interval");
        break;
    case WIO_EXIT_CPU_TIME:
        snprintf(text, size, "reached cpu-time-limit");
        break;
    case WIO_EXIT_MEMORY:
        snprintf(text, size, "reached memory-soft-limit");
        break;
    case WIO_EXIT_OVERDUE:
        snprintf(text, size, "was to end, and graceful-timeout and shutdown-timeout are over");
        break;
    case WIO_EXIT_START_FAILED:
        snprintf(text, size, "could not start");
        break;
    default:
        snprintf(text, size, "ended for an unknown reason");
        break;
    }
}

int wdm_pipe(int ends[2])
{
    if (pipe(ends) < 0)
        return -1;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int read_random(void *bytes, size_t len)
{
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;

    ssize_t got = read(fd, bytes, len);
    close(fd);
    return got == (ssize_t)len ? 0 : -1;
}

/* --- making ------------------------------------------------------------------------------------------------------- */

/* Whether an earlier group has shown that this user reaches the sockets: all lie in one directory. */
static int is_asked(const wdm_config *config, const wdm_group *group)
{
    for (const wdm_group *other = config->groups; other < group; other++)
        if (other->threads > 0 && other->socket_uid == group->socket_uid)
            return 1;
    return 0;
}

static int open_seat(wdm_generation *generation, const wdm_group *group, int index, char *error, size_t size)
{
    const wdm_config *config = generation->config;
    wdm_seat *seat = &generation->seats[group->index][index];
    size_t room = strlen(config->socket_prefix) + 64;

    if (group->threads == 0)
        return 0;
    seat->path = malloc(room);
    if (!seat->path) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    snprintf(seat->path, room, "%s.%ld.%u.%u.%d.sock", config->socket_prefix, (long)generation->owner,
             config->generation, group->index, index);

    int is_root = geteuid() == 0;
    seat->listener = wio_listen(seat->path, group->listen_backlog, is_root ? group->socket_uid : (uid_t)-1,
                                is_root ? config->socket_gid : (gid_t)-1);
    if (seat->listener >= 0)
        return index > 0 || !is_root || is_asked(config, group)
                   ? 0
                   : wdm_check_reach(seat->path, group->socket_uid, config->socket_gid, error, size);
    if (errno == ENAMETOOLONG)
        snprintf(error, size, "the daemon socket path '%s' is too long: choose a shorter WSGISocketPrefix", seat->path);
    else
        snprintf(error, size,
                 "cannot listen on the daemon socket '%s' (%s): WSGISocketPrefix must name a directory that "
                 "exists and that only this server's owner may write",
                 seat->path, strerror(errno));
    free(seat->path); /* not ours, so nobody may remove it */
    seat->path = NULL;
    return -1;
}

static int open_group(wdm_generation *generation, const wdm_group *group, char *error, size_t size)
{
    const wdm_config *config = generation->config;
    uint32_t index = group->index;
    uint32_t slots = group->threads > 0 ? (uint32_t)group->shared_buffer_size / WIO_SLOT_SIZE : 0;

    generation->boards[index] =
        wio_board_new((uint32_t)group->processes, config->max_children, config->max_connections);
    generation->seats[index] = calloc((size_t)group->processes, sizeof(wdm_seat));
    if (slots > 0)
        generation->shelves[index] = wio_shelf_new(slots * (uint32_t)group->processes);
    if (!generation->boards[index] || !generation->seats[index] || (slots > 0 && !generation->shelves[index])) {
        snprintf(error, size, "no memory to share with daemon group '%s'", group->name);
        return -1;
    }
    for (int i = 0; i < group->processes; i++)
        generation->seats[index][i].listener = -1;
    for (int i = 0; i < group->processes; i++)
        if (open_seat(generation, group, i, error, size) < 0)
            return -1;
    return 0;
}

static int open_generation(wdm_generation *generation, char *error, size_t size)
{
    const wdm_config *config = generation->config;

    generation->boards = calloc((size_t)config->n_groups, sizeof *generation->boards);
    generation->shelves = calloc((size_t)config->n_groups, sizeof *generation->shelves);
    generation->seats = calloc((size_t)config->n_groups, sizeof *generation->seats);
    void *children = mmap(NULL, generation->max_children * sizeof *generation->children, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANON, -1, 0);
    generation->children = children == MAP_FAILED ? NULL : children;
    if (!generation->boards || !generation->shelves || !generation->seats || !generation->children) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    if (read_random(generation->token, sizeof generation->token) < 0) {
        snprintf(error, size, "cannot read /dev/urandom: %s", strerror(errno));
        return -1;
    }
    if (wdm_pipe(generation->lifeline) < 0 || wdm_pipe(generation->retire) < 0) {
        snprintf(error, size, "cannot make a pipe: %s", strerror(errno));
        return -1;
    }
    for (int i = 0; i < config->n_groups; i++)
        if (open_group(generation, &config->groups[i], error, size) < 0)
            return -1;
    return 0;
}

static void unmap_children(wdm_generation *generation)
{
    if (generation->children)
        munmap((void *)generation->children, generation->max_children * sizeof *generation->children);
    generation->children = NULL;
}

static void unmap_group(wdm_generation *generation, int group)
{
    if (generation->boards) {
        wio_board_unmap(generation->boards[group]);
        generation->boards[group] = NULL;
    }
    if (generation->shelves) {
        wio_shelf_unmap(generation->shelves[group]);
        generation->shelves[group] = NULL;
    }
}

void wdm_generation_keep_group(wdm_generation *generation, uint32_t group)
{
    for (int i = 0; i < generation->config->n_groups; i++)
        if ((uint32_t)i != group)
            unmap_group(generation, i);
    unmap_children(generation);
}

static void release(wdm_generation *generation)
{
    const wdm_config *config = generation->config;

    for (int i = 0; i < config->n_groups; i++) {
        wdm_seat *seats = generation->seats ? generation->seats[i] : NULL;
        for (int j = 0; seats && j < config->groups[i].processes; j++)
            close_fd(&seats[j].listener);
        unmap_group(generation, i);
    }
    for (int i = 0; i < 2; i++) {
        close_fd(&generation->lifeline[i]);
        close_fd(&generation->retire[i]);
    }
    unmap_children(generation);
}

void wdm_generation_free(wdm_generation *generation, int remove_sockets)
{
    const wdm_config *config = generation->config;

    release(generation);
    for (int i = 0; i < config->n_groups; i++) {
        wdm_seat *seats = generation->seats ? generation->seats[i] : NULL;
        for (int j = 0; seats && j < config->groups[i].processes; j++) {
            if (seats[j].path && remove_sockets)
                unlink(seats[j].path);
            free(seats[j].path);
        }
        free(seats);
    }
    free(generation->seats);
    free(generation->boards);
    free(generation->shelves);
    free(generation);
}

wdm_generation *wdm_generation_new(const wdm_config *config, char *error, size_t size)
{
    wdm_generation *generation = calloc(1, sizeof *generation);

    if (!generation) {
        snprintf(error, size, "out of memory");
        return NULL;
    }
    generation->config = config;
    generation->owner = getpid();
    generation->max_children = config->max_children;
    generation->lifeline[0] = generation->lifeline[1] = generation->retire[0] = generation->retire[1] = -1;
    if (open_generation(generation, error, size) < 0) {
        wdm_generation_free(generation, 1);
        return NULL;
    }
    return generation;
}

void wdm_generation_retire(wdm_generation *generation)
{
    ssize_t told;

    /* A stranger may hold this pipe's write end too, so the end of file proves nothing: a byte does. */
    do
        told = write(generation->retire[1], "R", 1);
    while (told < 0 && errno == EINTR);
    release(generation);
}

/* --- Apache children ---------------------------------------------------------------------------------------------- */

void wdm_generation_in_child(wdm_generation *generation)
{
    const wdm_config *config = generation->config;

    close_fd(&generation->lifeline[0]);
    close_fd(&generation->retire[0]);
    close_fd(&generation->retire[1]);
    for (int i = 0; i < config->n_groups; i++)
        for (int j = 0; j < config->groups[i].processes; j++)
            close_fd(&generation->seats[i][j].listener);
}

void wdm_generation_note_child(wdm_generation *generation, pid_t pid, int alive)
{
    uint32_t from = alive ? 0 : (uint32_t)pid, to = alive ? (uint32_t)pid : 0;

    for (uint32_t i = 0; i < generation->max_children; i++) {
        uint32_t expected = from;
        if (atomic_compare_exchange_strong(&generation->children[i], &expected, to))
            return;
    }
}

static int is_gone(uint32_t pid)
{
    return kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

static int is_held(const void *board, uint64_t id)
{
    return wio_board_holds(board, id);
}

int wdm_generation_sweep(wdm_generation *generation)
{
    int living = 0;

    for (uint32_t i = 0; i < generation->max_children; i++) {
        uint32_t pid = atomic_load(&generation->children[i]);
        if (pid && is_gone(pid))
            atomic_compare_exchange_strong(&generation->children[i], &pid, 0);
        else if (pid)
            living++;
    }
    for (int i = 0; i < generation->config->n_groups; i++) {
        wio_board_sweep(generation->boards[i], is_gone);
        if (generation->shelves[i])
            wio_shelf_sweep(generation->shelves[i], is_held, generation->boards[i]);
    }
    return living;
}

/* --- stale sockets ------------------------------------------------------------------------------------------------ */

/* A name is no proof of death (pids come back, zombies linger): the socket itself must refuse. */
static void remove_if_dead(const char *path)
{
    struct stat info;

    if (lstat(path, &info) < 0 || !S_ISSOCK(info.st_mode))
        return;
    int fd = wio_connect(path, 1);
    if (fd >= 0)
        close(fd);
    else if (errno == ECONNREFUSED)
        unlink(path);
}

static int is_our_socket(const char *name, const char *base)
{
    size_t len = strlen(base), end = strlen(name);

    return strncmp(name, base, len) == 0 && name[len] == '.' && end > len + 5 && strcmp(name + end - 5, ".sock") == 0;
}

void wdm_sweep_sockets(const char *prefix)
{
    const char *slash = strrchr(prefix, '/');
    size_t folder_len = slash ? (size_t)(slash - prefix) + 1 : 0;
    char path[512];

    if (!slash || folder_len >= sizeof path)
        return;
    memcpy(path, prefix, folder_len);
    path[folder_len] = 0;

    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        size_t len = strlen(entry->d_name);
        if (len < sizeof path - folder_len && is_our_socket(entry->d_name, slash + 1)) {
            memcpy(path + folder_len, entry->d_name, len + 1);
            remove_if_dead(path);
        }
    }
    closedir(folder);
}
