/* SPDX-License-Identifier: Apache-2.0 */
#include "faulty.h"

#include <errno.h>
#include <string.h>

#include "tap.h"

faulty_wire faulty;
static faulty_plan plan;
static int stumbled; /* the last call failed as planned, so the next one goes through */

void faulty_begin(const faulty_plan *wanted)
{
    plan = *wanted;
    faulty.len = faulty.taken = 0;
    faulty.calls = faulty.polls = faulty.empty_blocks = faulty.most_blocks = faulty.descriptors = 0;
    faulty.descriptor_at = -1;
    stumbled = 0;
}

/* The errno of a fault that is due now, or 0. */
static int fault_due(void)
{
    if (plan.random) {
        unsigned choice = tap_random(&plan.random) % 8;
        return choice == 0 ? EINTR : choice == 1 ? EAGAIN : 0;
    }
    if (plan.interrupt || plan.again) {
        stumbled = !stumbled;
        if (stumbled)
            return plan.interrupt ? EINTR : EAGAIN;
    }
    return 0;
}

/* How many of `wanted` bytes this call moves, `moved` bytes having gone before. */
static size_t allowed(size_t wanted, size_t moved)
{
    size_t most = plan.most;

    if (plan.random)
        most = 1 + tap_random(&plan.random) % 4000;
    if (plan.break_at >= 0 && moved + wanted > (size_t)plan.break_at)
        wanted = (size_t)plan.break_at - moved;
    return most && wanted > most ? most : wanted;
}

static int broken(size_t moved)
{
    return plan.break_at >= 0 && moved >= (size_t)plan.break_at;
}

static void note_control(const struct msghdr *msg)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(msg);

    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        faulty.descriptors++;
        faulty.descriptor_at = (long)faulty.len;
    }
}

static ssize_t faulty_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    int blocks = (int)msg->msg_iovlen, reason = fault_due();
    size_t total = 0, moved = 0;

    (void)fd;
    (void)flags;
    faulty.calls++;
    if (blocks > faulty.most_blocks)
        faulty.most_blocks = blocks;
    if (plan.system_limit && blocks > plan.system_limit)
        reason = EMSGSIZE;
    else if (broken(faulty.len)) {
        if (!plan.break_errno)
            return 0;
        reason = plan.break_errno;
    }
    if (reason) {
        errno = reason;
        return -1;
    }

    for (int i = 0; i < blocks; i++)
        total += msg->msg_iov[i].iov_len;
    size_t room = sizeof faulty.bytes - faulty.len;
    size_t most = allowed(total < room ? total : room, faulty.len);
    if (msg->msg_controllen)
        note_control(msg);
    for (int i = 0; i < blocks && moved < most; i++) {
        size_t part = msg->msg_iov[i].iov_len < most - moved ? msg->msg_iov[i].iov_len : most - moved;
        if (part)
            memcpy(faulty.bytes + faulty.len, msg->msg_iov[i].iov_base, part);
        faulty.len += part;
        moved += part;
    }
    return (ssize_t)moved;
}

static ssize_t faulty_recv(int fd, void *buf, size_t len, int flags)
{
    int reason = fault_due();

    (void)fd;
    (void)flags;
    faulty.calls++;
    if (!reason && broken(faulty.taken)) {
        if (!plan.break_errno)
            return 0;
        reason = plan.break_errno;
    }
    if (reason) {
        errno = reason;
        return -1;
    }
    size_t left = faulty.len - faulty.taken;
    size_t part = allowed(len < left ? len : left, faulty.taken);
    memcpy(buf, faulty.bytes + faulty.taken, part);
    faulty.taken += part;
    return (ssize_t)part;
}

static int faulty_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    faulty.polls++;
    if (plan.never_ready)
        return poll(NULL, 0, timeout_ms);
    if (plan.random && tap_random(&plan.random) % 4 == 0) {
        errno = EINTR;
        return -1;
    }
    for (nfds_t i = 0; i < count; i++)
        fds[i].revents = fds[i].events;
    return (int)count;
}

const wio_calls faulty_calls = {faulty_sendmsg, faulty_recv, faulty_poll};
