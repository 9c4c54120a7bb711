/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: a system that is short of something. Only calls of the module named by FAULT_MODULE are hit, but for the
 * clock.
 *
 *   FAULT_CLOCK    a file of 8 bytes, a number of seconds: the wall clock is ahead by that; it may change at any time
 *   FAULT_SETUID   "fails": setuid refuses; "lies": it says that it worked
 *   FAULT_REFUSED  the name of a call that is not permitted, as a daemon makes it to take its place
 *   FAULT_SHARED   shared memory cannot be had
 *   FAULT_FORK     while this file exists, fork fails
 *   FAULT_THREAD   while this file exists, no thread can be made
 *   FAULT_SOCKET   while this file exists, there is no descriptor for a new socket
 *   FAULT_ACCEPT   while this file exists, there is none for a connection that waits
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The caller is the module under test. */
static int is_ours(void *caller)
{
    const char *module = getenv("FAULT_MODULE");
    Dl_info info;

    return module && dladdr(caller, &info) && info.dli_fname && !strcmp(info.dli_fname, module);
}

#define OURS is_ours(__builtin_return_address(0))

static int exists(const char *variable)
{
    const char *path = getenv(variable);

    return path && access(path, F_OK) == 0;
}

static int64_t ahead(void)
{
    static const volatile int64_t *shared;

    if (!shared) {
        const char *path = getenv("FAULT_CLOCK");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0)
            return 0;
        void *memory = REAL(mmap)(NULL, sizeof *shared, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if (memory == MAP_FAILED)
            return 0;
        shared = memory;
    }
    return *shared;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = REAL(clock_gettime)(clock, now);

    if (clock == CLOCK_REALTIME)
        now->tv_sec += ahead();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    int result = REAL(gettimeofday)(now, zone);

    now->tv_sec += ahead();
    return result;
}

time_t time(time_t *now)
{
    time_t result = REAL(time)(NULL) + ahead();

    if (now)
        *now = result;
    return result;
}

int setuid(uid_t uid)
{
    const char *fault = OURS ? getenv("FAULT_SETUID") : NULL;

    if (!fault)
        return REAL(setuid)(uid);
    if (!strcmp(fault, "lies"))
        return 0;
    errno = EAGAIN;
    return -1;
}

/* Each is its own function: who calls is told by the return address. */
#define REFUSABLE(result, name, parameters, arguments)                                                                 \
    result name parameters                                                                                             \
    {                                                                                                                  \
        const char *refused = OURS ? getenv("FAULT_REFUSED") : NULL;                                                   \
                                                                                                                       \
        if (!refused || strcmp(refused, #name))                                                                        \
            return REAL(name) arguments;                                                                               \
        errno = EPERM;                                                                                                 \
        return -1;                                                                                                     \
    }

REFUSABLE(int, initgroups, (const char *user, gid_t group), (user, group))
REFUSABLE(int, setgroups, (size_t count, const gid_t *groups), (count, groups))
REFUSABLE(int, setgid, (gid_t gid), (gid))
REFUSABLE(int, chroot, (const char *path), (path))
REFUSABLE(int, setenv, (const char *name, const char *value, int replace), (name, value, replace))
REFUSABLE(int, setpriority, (__priority_which_t which, id_t who, int priority), (which, who, priority))
REFUSABLE(int, setrlimit, (__rlimit_resource_t resource, const struct rlimit *limits), (resource, limits))

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if ((flags & MAP_SHARED) && getenv("FAULT_SHARED") && OURS) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return REAL(mmap)(address, size, protection, flags, fd, offset);
}

pid_t fork(void)
{
    if (OURS && exists("FAULT_FORK")) {
        errno = EAGAIN;
        return -1;
    }
    return REAL(fork)();
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    if (OURS && exists("FAULT_THREAD"))
        return EAGAIN;
    return REAL(pthread_create)(thread, attributes, run, argument);
}

int socket(int domain, int type, int protocol)
{
    if (OURS && exists("FAULT_SOCKET")) {
        errno = EMFILE;
        return -1;
    }
    return REAL(socket)(domain, type, protocol);
}

int accept(int fd, struct sockaddr *restrict address, socklen_t *restrict size)
{
    if (OURS && exists("FAULT_ACCEPT")) {
        errno = EMFILE;
        return -1;
    }
    return REAL(accept)(fd, address, size);
}

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict size, int flags)
{
    if (OURS && exists("FAULT_ACCEPT")) {
        errno = EMFILE;
        return -1;
    }
    return REAL(accept4)(fd, address, size, flags);
}
