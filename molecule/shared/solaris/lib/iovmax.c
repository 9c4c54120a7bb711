// SPDX-License-Identifier: Apache-2.0
/* By /etc/ld.so.preload: IOV_MAX as the libc of Solaris tells it. The kernel's side of writev is a seccomp filter, which
 * cannot look into the message of a sendmsg: hence that here. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT 16

long sysconf(int name)
{
    long (*real)(int) = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");

    return name == _SC_IOV_MAX ? LIMIT : real(name);
}

static int is_too_long(const struct msghdr *message)
{
    if (message && message->msg_iovlen > LIMIT) {
        errno = EMSGSIZE;
        return 1;
    }
    return 0;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t (*real)(int, const struct msghdr *, int) =
        (ssize_t (*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");

    return is_too_long(message) ? -1 : real(fd, message, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    ssize_t (*real)(int, struct msghdr *, int) = (ssize_t (*)(int, struct msghdr *, int))dlsym(RTLD_NEXT, "recvmsg");

    return is_too_long(message) ? -1 : real(fd, message, flags);
}
