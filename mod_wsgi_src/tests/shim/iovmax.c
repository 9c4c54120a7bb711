/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: a system whose scatter and gather calls take few blocks, as Solaris has it.
 *
 *   IOVMAX_LIMIT   blocks a call takes (16 when not set): sysconf says so, writev and readv refuse more with EINVAL,
 *                  sendmsg and recvmsg with EMSGSIZE
 *   IOVMAX_SHORT   when set, sendmsg sends that many bytes at most
 *
 * httpd has its own limit compiled in and, built there, would have this one. To a client's socket it may therefore pass
 * more blocks, of which the first ones are written: a short write, which it has to expect from any socket.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int limit(void)
{
    const char *wanted = getenv("IOVMAX_LIMIT");

    return wanted ? atoi(wanted) : 16;
}

static int is_unix_socket(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;

    return getsockname(fd, (struct sockaddr *)&address, &size) < 0 || address.ss_family == AF_UNIX;
}

static ssize_t refuse(int reason)
{
    errno = reason;
    return -1;
}

long sysconf(int name)
{
    return name == _SC_IOV_MAX ? limit() : REAL(sysconf)(name);
}

ssize_t writev(int fd, const struct iovec *vec, int count)
{
    if (count > limit()) {
        if (is_unix_socket(fd))
            return refuse(EINVAL);
        count = limit();
    }
    return REAL(writev)(fd, vec, count);
}

ssize_t readv(int fd, const struct iovec *vec, int count)
{
    return count > limit() ? refuse(EINVAL) : REAL(readv)(fd, vec, count);
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    return (int)msg->msg_iovlen > limit() ? refuse(EMSGSIZE) : REAL(recvmsg)(fd, msg, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    const char *most = getenv("IOVMAX_SHORT");

    if ((int)msg->msg_iovlen > limit())
        return refuse(EMSGSIZE);
    for (size_t i = 0; most && i < msg->msg_iovlen; i++) {
        if (msg->msg_iov[i].iov_len == 0)
            continue;
        struct iovec first = msg->msg_iov[i];
        struct msghdr part = *msg;
        if (first.iov_len > (size_t)atoi(most))
            first.iov_len = (size_t)atoi(most);
        part.msg_iov = &first;
        part.msg_iovlen = 1;
        return REAL(sendmsg)(fd, &part, flags);
    }
    return REAL(sendmsg)(fd, msg, flags);
}
