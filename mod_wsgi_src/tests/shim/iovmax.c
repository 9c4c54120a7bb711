/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: a system whose scatter and gather calls take few blocks, as Solaris has it.
 *
 *   IOVMAX_LIMIT   blocks a call takes (16 when not set): sysconf says so, writev and readv refuse more with EINVAL,
 *                  sendmsg and recvmsg with EMSGSIZE
 *   IOVMAX_SHORT   when set, sendmsg sends that many bytes at most
 *   IOVMAX_FAULTS  when set, the seed of a sequence of faults: sendmsg and recvmsg on Unix sockets are interrupted, say
 *                  that it would block, or do a few bytes only
 *
 * httpd has its own limit compiled in and, built there, would have this one. To a client's socket it may therefore pass
 * more blocks, of which the first ones are written: a short write, which it has to expect from any socket.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
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

/* What the next call has to suffer: 0 nothing, else an errno; *most is how many bytes it may do, 0 for all. */
static int fault(int fd, size_t *most)
{
    static atomic_uint state;
    static atomic_int seeded;
    const char *seed = getenv("IOVMAX_FAULTS");

    *most = 0;
    if (!seed || !is_unix_socket(fd))
        return 0;
    if (!atomic_exchange(&seeded, 1))
        atomic_fetch_add(&state, (unsigned)atoi(seed) * 7919u);
    unsigned number = atomic_fetch_add(&state, 1) * 2654435761u >> 8;
    if (number % 5 < 2)
        return number % 5 ? EINTR : EAGAIN;
    *most = number % 5 == 2 ? 0 : 1 + number / 5 % 40;
    return 0;
}

/* The message cut to its first block with bytes, and that to so many. */
static struct iovec first_block(const struct msghdr *msg, size_t most)
{
    struct iovec none = {NULL, 0};

    for (size_t i = 0; i < msg->msg_iovlen; i++)
        if (msg->msg_iov[i].iov_len) {
            struct iovec first = msg->msg_iov[i];
            if (first.iov_len > most)
                first.iov_len = most;
            return first;
        }
    return none;
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
    size_t most;
    int reason = fault(fd, &most);

    if (reason || (int)msg->msg_iovlen > limit())
        return refuse(reason ? reason : EMSGSIZE);
    if (!most)
        return REAL(recvmsg)(fd, msg, flags);
    struct iovec first = first_block(msg, most), *all = msg->msg_iov;
    size_t count = msg->msg_iovlen;
    msg->msg_iov = &first;
    msg->msg_iovlen = 1;
    ssize_t got = REAL(recvmsg)(fd, msg, flags);
    msg->msg_iov = all;
    msg->msg_iovlen = count;
    return got;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    const char *shortest = getenv("IOVMAX_SHORT");
    size_t most;
    int reason = fault(fd, &most);

    if (reason || (int)msg->msg_iovlen > limit())
        return refuse(reason ? reason : EMSGSIZE);
    if (shortest)
        most = (size_t)atoi(shortest);
    struct iovec first = first_block(msg, most);
    if (!most || !first.iov_len)
        return REAL(sendmsg)(fd, msg, flags);
    struct msghdr part = *msg;
    part.msg_iov = &first;
    part.msg_iovlen = 1;
    return REAL(sendmsg)(fd, &part, flags);
}
