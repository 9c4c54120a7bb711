/* SPDX-License-Identifier: Apache-2.0 */
/* Unix stream sockets: portability ends here (CLOEXEC, SIGPIPE, peer credentials, IOV_MAX, short writes, EINTR).
 *
 * Every descriptor made here is close-on-exec. Deadlines are absolute, on the clock of wio_now_us(); 0 = none.
 * Any thread; the GIL must not be held by a call that can wait.
 */
#ifndef WSGI_TRANSPORT_SOCKETS_H
#define WSGI_TRANSPORT_SOCKETS_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "clock.h"

/* The number of blocks one writev or sendmsg takes: sysconf(_SC_IOV_MAX); unknown (-1) or below 1 counts as 16, the
 * least that POSIX promises; never above 64, since more gains nothing. Asked once. */
int wio_iov_max(void);

/* The calls that wio_send_all and wio_recv make, so that tests can pass faulty ones. */
typedef struct wio_calls {
    ssize_t (*sendmsg)(int fd, const struct msghdr *msg, int flags);
    ssize_t (*recv)(int fd, void *buf, size_t len, int flags);
    int (*poll)(struct pollfd *fds, nfds_t count, int timeout_ms);
} wio_calls;
extern const wio_calls wio_system;

/* Sends every byte of the vector, at most `iov_max` blocks a call (below 1: 16), going on after short writes, EINTR and
 * EAGAIN; the call itself never waits in send, whatever mode the descriptor is in.
 * `pass_fd` >= 0 travels with the first byte (EINVAL without one) and stays the caller's. The vector is used up: its
 * entries are advanced in place.
 * 0, or -1 with errno: EPIPE/ECONNRESET the peer is gone, ETIMEDOUT the deadline passed, EIO a write that took none. */
int wio_send_all(const wio_calls *calls, int fd, struct iovec *vec, int count, int iov_max, int pass_fd,
                 int64_t deadline_us);

/* Receives 1..max bytes, waiting until the deadline; one that has passed takes what is there. One system call when the
 * bytes are there or when the descriptor came from wio_connect; else recv, poll, recv.
 * >0 bytes, 0 the peer closed, -1 errno (ETIMEDOUT, ECONNRESET). */
ssize_t wio_recv(const wio_calls *calls, int fd, void *buf, size_t max, int64_t deadline_us);

/* Receives exactly len bytes. 0; -1 with errno (ECONNRESET when the peer closed half way, ENODATA when before the first
 * byte). */
int wio_recv_all(const wio_calls *calls, int fd, void *buf, size_t len, int64_t deadline_us);

/* Like wio_recv, and takes a descriptor that came along: *fd_out is it, the caller's to close, or -1. Those beyond the
 * first are closed. */
ssize_t wio_recv_fd(int fd, void *buf, size_t max, int *fd_out, int64_t deadline_us);

/* A listening socket at `path`, made under umask 0177, given to uid/gid when those are not (uid_t)-1; an existing
 * socket there is removed first only when nobody listens on it. Non-blocking descriptor, or -1 with errno
 * (ENAMETOOLONG: path longer than sun_path; EADDRINUSE: somebody listens; EEXIST: something else than a socket is
 * there). The umask belongs to the process: before threads exist. */
int wio_listen(const char *path, int backlog, uid_t uid, gid_t gid);

/* Connects without waiting beyond the deadline. Descriptor, or -1 with errno: ECONNREFUSED or ENOENT nobody is there
 * any more; EAGAIN the backlog stayed full until the deadline; ENAMETOOLONG.
 * The descriptor blocks in recv, for a second at most, so that an ordinary answer costs one system call. Read it with
 * the calls above, which keep deadlines to the millisecond, or with MSG_DONTWAIT. */
int wio_connect(const char *path, int64_t deadline_us);

/* Accepts one connection (non-blocking descriptor). -1 with errno EAGAIN when none waits. */
int wio_accept(int listener);

/* Socket buffer sizes in bytes; 0: 256 KiB, since some systems start with 8. The protocol does not depend on them. */
void wio_set_buffers(int fd, int send_size, int receive_size);

/* The effective uid of the peer. 0, or -1 with errno. */
int wio_peer_uid(int fd, uid_t *uid);

/* Closes every descriptor above 2 but those of `keep`. Before threads exist. */
void wio_close_all_but(const int *keep, int count);

#endif
