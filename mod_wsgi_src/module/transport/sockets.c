/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* accept4, struct ucred */
#elif defined(__sun) && !defined(__EXTENSIONS__)
#define _XOPEN_SOURCE 600 /* msg_control */
#define __EXTENSIONS__
#endif

#include "sockets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef __sun
#include <ucred.h>
#endif

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SO_NOSIGPIPE does it there */
#endif
#ifndef MSG_CMSG_CLOEXEC
#define MSG_CMSG_CLOEXEC 0
#endif

#define LEAST_IOV_MAX   16 /* what POSIX promises */
#define USEFUL_IOV_MAX  64
#define RECEIVE_TICK_US 1000000 /* longest wait inside one recv */
#define BACKLOG_WAIT_MS 5       /* between two attempts on a full backlog */
#define MOST_PASSED_FDS 8       /* room for descriptors that nobody asked for */
#define DEFAULT_BUFFER  (256 * 1024)
#define MOST_OPEN_FDS   65536 /* where the system cannot list the open ones */

/* Milliseconds until the deadline as poll() wants them: rounded up, 0 when it has passed, -1 when there is none. */
static int left_ms(int64_t deadline_us)
{
    if (deadline_us == 0)
        return -1;

    int64_t left = deadline_us - wio_now_us();
    if (left <= 0)
        return 0;
    return left > (int64_t)INT_MAX * 1000 - 999 ? INT_MAX : (int)((left + 999) / 1000);
}

/* --- send and receive -------------------------------------------------------------------------------------------- */

int wio_iov_max(void)
{
    static atomic_int known;
    int max = atomic_load_explicit(&known, memory_order_relaxed);

    if (max == 0) {
        long answer = sysconf(_SC_IOV_MAX);
        max = answer < 1 ? LEAST_IOV_MAX : answer > USEFUL_IOV_MAX ? USEFUL_IOV_MAX : (int)answer;
        atomic_store_explicit(&known, max, memory_order_relaxed);
    }
    return max;
}

const wio_calls wio_system = {sendmsg, recv, poll};

/* Waits until the descriptor may be ready (an error counts). 0, or -1 with errno, ETIMEDOUT among them. */
static int wait_for(const wio_calls *calls, int fd, short events, int64_t deadline_us)
{
    for (;;) {
        struct pollfd entry = {fd, events, 0};
        int timeout = left_ms(deadline_us);
        int got = calls->poll(&entry, 1, timeout);

        if (got > 0)
            return 0;
        if (got == 0 && timeout == 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return -1;
    }
}

/* Takes `sent` bytes off the front of the vector. Returns how many entries are used up, empty ones included. */
static int advance(struct iovec *vec, int count, size_t sent)
{
    int i = 0;

    while (i < count && sent >= vec[i].iov_len)
        sent -= vec[i++].iov_len;
    if (i < count && sent) {
        vec[i].iov_base = (char *)vec[i].iov_base + sent;
        vec[i].iov_len -= sent;
    }
    return i;
}

union one_fd {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static void attach(struct msghdr *msg, union one_fd *control, int fd)
{
    memset(control, 0, sizeof *control);
    msg->msg_control = control->bytes;
    msg->msg_controllen = sizeof control->bytes;

    struct cmsghdr *header = CMSG_FIRSTHDR(msg);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
}

int wio_send_all(const wio_calls *calls, int fd, struct iovec *vec, int count, int iov_max, int pass_fd,
                 int64_t deadline_us)
{
    union one_fd control;
    int done = advance(vec, count, 0);

    if (iov_max < 1)
        iov_max = LEAST_IOV_MAX;
#ifdef WIO_UNSLICED_FOR_TEST /* the negative control of the IOV_MAX tests: what they must be able to detect */
    iov_max = INT_MAX;
#endif
    if (done == count && pass_fd >= 0) {
        errno = EINVAL;
        return -1;
    }

    while (done < count) {
        int left = count - done;
        struct msghdr msg = {.msg_iov = vec + done};
        msg.msg_iovlen = (unsigned)(left < iov_max ? left : iov_max);
        if (pass_fd >= 0)
            attach(&msg, &control, pass_fd);

        ssize_t sent = calls->sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            pass_fd = -1;
            done += advance(vec + done, left, (size_t)sent);
        } else if (sent == 0) {
            errno = EIO;
            return -1;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (wait_for(calls, fd, POLLOUT, deadline_us) < 0)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

/* Only a deadline beyond the longest wait inside recv lets it wait there. */
static int receive_flags(int64_t deadline_us)
{
    return deadline_us == 0 || deadline_us - wio_now_us() > RECEIVE_TICK_US ? 0 : MSG_DONTWAIT;
}

ssize_t wio_recv(const wio_calls *calls, int fd, void *buf, size_t max, int64_t deadline_us)
{
    for (;;) {
        ssize_t got = calls->recv(fd, buf, max, receive_flags(deadline_us));
        if (got >= 0)
            return got;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (wait_for(calls, fd, POLLIN, deadline_us) < 0)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
}

int wio_recv_all(const wio_calls *calls, int fd, void *buf, size_t len, int64_t deadline_us)
{
    size_t have = 0;

    while (have < len) {
        ssize_t got = wio_recv(calls, fd, (char *)buf + have, len - have, deadline_us);
        if (got < 0)
            return -1;
        if (got == 0) {
            errno = have ? ECONNRESET : ENODATA;
            return -1;
        }
        have += (size_t)got;
    }
    return 0;
}

static void close_on_exec(int fd)
{
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Keeps the first descriptor of a message and closes the others. */
static int take_fd(struct msghdr *msg)
{
    int kept = -1;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(msg); header; header = CMSG_NXTHDR(msg, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            if (kept >= 0) {
                close(fd);
                continue;
            }
            kept = fd;
            if (MSG_CMSG_CLOEXEC == 0)
                close_on_exec(fd);
        }
    }
    return kept;
}

ssize_t wio_recv_fd(int fd, void *buf, size_t max, int *fd_out, int64_t deadline_us)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(MOST_PASSED_FDS * sizeof(int))];
    } control;

    *fd_out = -1;
    for (;;) {
        struct iovec block = {buf, max};
        struct msghdr msg = {.msg_iov = &block, .msg_iovlen = 1};
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof control.bytes;

        ssize_t got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | receive_flags(deadline_us));
        if (got >= 0) {
            *fd_out = take_fd(&msg);
            return got;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (wait_for(&wio_system, fd, POLLIN, deadline_us) < 0)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
}

/* --- making sockets ---------------------------------------------------------------------------------------------- */

static int fail_closing(int fd)
{
    int reason = errno;

    close(fd);
    errno = reason;
    return -1;
}

static void set_blocking(int fd, int blocking)
{
    int flags = fcntl(fd, F_GETFL);

    fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static void no_sigpipe(int fd)
{
#ifdef SO_NOSIGPIPE
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#else
    (void)fd;
#endif
}

/* A non-blocking unix stream socket. */
static int new_socket(void)
{
#ifdef SOCK_CLOEXEC
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
#else
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    close_on_exec(fd);
    set_blocking(fd, 0);
#endif
    no_sigpipe(fd);
    return fd;
}

static int make_address(const char *path, struct sockaddr_un *address)
{
    size_t len = strlen(path);

    if (len >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, len + 1);
    return 0;
}

/* Connects a non-blocking socket, which some systems do in the background. */
static int connect_now(int fd, const struct sockaddr_un *address, int64_t deadline_us)
{
    int reason;
    socklen_t size = sizeof reason;

    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
        return 0;
    if (errno != EINPROGRESS && errno != EINTR)
        return -1;
    if (wait_for(&wio_system, fd, POLLOUT, deadline_us) < 0)
        return -1;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &size) < 0)
        return -1;
    errno = reason;
    return reason ? -1 : 0;
}

/* Removes the socket at an address when nobody listens on it. 0 the name is free, -1 with errno when it is not. */
static int clear_address(const struct sockaddr_un *address)
{
    struct stat info;

    if (lstat(address->sun_path, &info) < 0)
        return errno == ENOENT ? 0 : -1;
    if (!S_ISSOCK(info.st_mode)) {
        errno = EEXIST;
        return -1;
    }

    int fd = new_socket();
    if (fd < 0)
        return -1;
    int refused = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
    close(fd);
    if (!refused) {
        errno = EADDRINUSE;
        return -1;
    }
    return unlink(address->sun_path) < 0 && errno != ENOENT ? -1 : 0;
}

int wio_listen(const char *path, int backlog, uid_t uid, gid_t gid)
{
    struct sockaddr_un address;

    if (make_address(path, &address) < 0 || clear_address(&address) < 0)
        return -1;
    int fd = new_socket();
    if (fd < 0)
        return -1;

    mode_t before = umask(0177);
    int bound = bind(fd, (struct sockaddr *)&address, sizeof address);
    int reason = errno;
    umask(before);
    errno = reason;
    if (bound < 0)
        return fail_closing(fd);

    int given = (uid == (uid_t)-1 && gid == (gid_t)-1) || lchown(path, uid, gid) == 0;
    if (!given || listen(fd, backlog) < 0) {
        reason = errno;
        unlink(path);
        errno = reason;
        return fail_closing(fd);
    }
    return fd;
}

/* Lets recv wait by itself where the system can bound that wait. */
static void wait_in_recv(int fd)
{
    struct timeval tick = {RECEIVE_TICK_US / 1000000, RECEIVE_TICK_US % 1000000};

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick) == 0)
        set_blocking(fd, 1);
}

int wio_connect(const char *path, int64_t deadline_us)
{
    struct sockaddr_un address;

    if (make_address(path, &address) < 0)
        return -1;
    for (;;) {
        int fd = new_socket();
        if (fd < 0)
            return -1;
        if (connect_now(fd, &address, deadline_us) == 0) {
            wait_in_recv(fd);
            return fd;
        }
        fail_closing(fd);
        if (errno != EAGAIN)
            return -1;

        int left = left_ms(deadline_us);
        if (left == 0) {
            errno = EAGAIN;
            return -1;
        }
        poll(NULL, 0, left < 0 || left > BACKLOG_WAIT_MS ? BACKLOG_WAIT_MS : left);
    }
}

int wio_accept(int listener)
{
    for (;;) {
#if defined(__linux__) || defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__) || defined(__illumos__)
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            close_on_exec(fd);
            set_blocking(fd, 0);
        }
#endif
        if (fd >= 0) {
            no_sigpipe(fd);
            return fd;
        }
        if (errno == EWOULDBLOCK)
            errno = EAGAIN;
        if (errno != EINTR && errno != ECONNABORTED)
            return -1;
    }
}

void wio_set_buffers(int fd, int send_size, int receive_size)
{
    if (send_size <= 0)
        send_size = DEFAULT_BUFFER;
    if (receive_size <= 0)
        receive_size = DEFAULT_BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_size, sizeof send_size);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_size, sizeof receive_size);
}

int wio_peer_uid(int fd, uid_t *uid)
{
#if defined(__linux__)
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return -1;
    *uid = peer.uid;
    return 0;
#elif defined(__sun)
    ucred_t *peer = NULL;

    if (getpeerucred(fd, &peer) < 0)
        return -1;
    *uid = ucred_geteuid(peer);
    ucred_free(peer);
    return *uid == (uid_t)-1 ? -1 : 0;
#else
    gid_t gid;

    return getpeereid(fd, uid, &gid);
#endif
}

/* --- descriptors ------------------------------------------------------------------------------------------------- */

/* The highest descriptor that can be open. */
static int highest_fd(void)
{
    int highest = -1;
    DIR *dir = opendir("/proc/self/fd");

    if (!dir) {
        long limit = sysconf(_SC_OPEN_MAX);
        return limit < 1 || limit > MOST_OPEN_FDS ? MOST_OPEN_FDS - 1 : (int)limit - 1;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        int fd = atoi(entry->d_name);
        if (fd > highest)
            highest = fd;
    }
    closedir(dir);
    return highest;
}

void wio_close_all_but(const int *keep, int count)
{
    int highest = highest_fd();

    for (int fd = 3; fd <= highest; fd++) {
        int kept = 0;
        for (int i = 0; i < count && !kept; i++)
            kept = keep[i] == fd;
        if (!kept)
            close(fd);
    }
}
