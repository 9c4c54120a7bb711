/* SPDX-License-Identifier: Apache-2.0 */
/* Real unix sockets: listening, connecting, passing descriptors, deadlines; and that nothing leaks. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../module/transport/sockets.h"
#include "tap.h"

static char directory[64];
static char path[96];

static void begin(void)
{
    snprintf(directory, sizeof directory, "/tmp/wsgi-unit-XXXXXX");
    if (!mkdtemp(directory))
        abort();
    snprintf(path, sizeof path, "%s/s", directory);
}

static void end(void)
{
    unlink(path);
    rmdir(directory);
}

static int listen_here(int backlog)
{
    return wio_listen(path, backlog, (uid_t)-1, (gid_t)-1);
}

static int in_ms(int ms, int64_t *deadline)
{
    *deadline = wio_now_us() + (int64_t)ms * 1000;
    return 1;
}

/* --- listening and connecting ------------------------------------------------------------------------------------ */

static void a_listener_is_private_and_close_on_exec(void)
{
    struct stat info;
    mode_t before = umask(0);
    umask(before);

    begin();
    int fd = listen_here(5);
    CHECK(fd >= 0 && stat(path, &info) == 0);
    CHECK(S_ISSOCK(info.st_mode) && (info.st_mode & 0777) == 0600);
    CHECK(umask(before) == before);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK(wio_accept(fd) == -1 && errno == EAGAIN);
    close(fd);
    end();
}

static void a_listener_replaces_only_an_abandoned_socket(void)
{
    begin();
    int first = listen_here(5);
    CHECK(first >= 0);
    errno = 0;
    CHECK(listen_here(5) == -1 && errno == EADDRINUSE);
    close(first);
    int second = listen_here(5);
    CHECK(second >= 0);
    close(second);
    end();
}

static void a_listener_never_removes_another_kind_of_file(void)
{
    char target[96];

    begin();
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    close(file);
    CHECK(listen_here(5) == -1 && errno == EEXIST && access(path, F_OK) == 0);
    unlink(path);
    snprintf(target, sizeof target, "%s/t", directory);
    CHECK(symlink(target, path) == 0);
    CHECK(listen_here(5) == -1 && errno == EEXIST);
    end();
}

static void names_that_do_not_fit_are_refused(void)
{
    char name[200];

    memset(name, 'x', sizeof name - 1);
    name[0] = '/';
    name[sizeof name - 1] = 0;
    CHECK(wio_listen(name, 1, (uid_t)-1, (gid_t)-1) == -1 && errno == ENAMETOOLONG);
    CHECK(wio_connect(name, 0) == -1 && errno == ENAMETOOLONG);
}

static void a_connection_carries_bytes_and_the_peer_s_uid(void)
{
    uid_t uid = 12345;
    int64_t deadline;
    char got[8];

    begin();
    int listener = listen_here(5);
    in_ms(2000, &deadline);
    int client = wio_connect(path, deadline);
    int server = wio_accept(listener);
    CHECK(client >= 0 && server >= 0);
    CHECK((fcntl(client, F_GETFD) & FD_CLOEXEC) && (fcntl(server, F_GETFD) & FD_CLOEXEC));
    CHECK(fcntl(server, F_GETFL) & O_NONBLOCK);
    CHECK(wio_peer_uid(server, &uid) == 0 && uid == geteuid());
    wio_set_buffers(client, 0, 0);

    struct iovec block = {"hello", 5};
    CHECK(wio_send_all(&wio_system, client, &block, 1, 16, -1, deadline) == 0);
    CHECK(wio_recv_all(&wio_system, server, got, 5, deadline) == 0 && memcmp(got, "hello", 5) == 0);
    close(client);
    CHECK(wio_recv(&wio_system, server, got, 1, deadline) == 0);
    block = (struct iovec){"x", 1};
    CHECK(wio_send_all(&wio_system, server, &block, 1, 16, -1, deadline) == -1 && errno == EPIPE);
    close(server);
    close(listener);
    end();
}

static void nobody_there_is_told_at_once(void)
{
    begin();
    CHECK(wio_connect(path, 0) == -1 && errno == ENOENT);
    close(listen_here(1));
    CHECK(wio_connect(path, 0) == -1 && errno == ECONNREFUSED);
    end();
}

static void a_full_backlog_is_waited_for_until_the_deadline(void)
{
    int64_t deadline;
    int held[8], count = 0;

    begin();
    int listener = listen_here(1);
    do {
        in_ms(30, &deadline);
        held[count] = wio_connect(path, deadline);
    } while (held[count] >= 0 && ++count < 8);
    int reason = errno;
    CHECK(count < 8 && reason == EAGAIN && wio_now_us() >= deadline);

    close(wio_accept(listener));
    in_ms(2000, &deadline);
    int late = wio_connect(path, deadline);
    CHECK(late >= 0);
    close(late);
    while (count > 0)
        close(held[--count]);
    close(listener);
    end();
}

static void deadlines_are_kept_on_both_kinds_of_descriptor(void)
{
    int64_t deadline;
    char byte;

    begin();
    int listener = listen_here(5), client = wio_connect(path, 0), server = wio_accept(listener);
    CHECK(client >= 0 && server >= 0);
    const int waits[] = {20, 1040};
    for (int i = 0; i < 2; i++) {
        in_ms(waits[i], &deadline);
        CHECK(wio_recv(&wio_system, client, &byte, 1, deadline) == -1 && errno == ETIMEDOUT);
        CHECK(wio_now_us() >= deadline);
    }
    in_ms(20, &deadline);
    CHECK(wio_recv(&wio_system, server, &byte, 1, deadline) == -1 && errno == ETIMEDOUT && wio_now_us() >= deadline);
    CHECK(wio_recv(&wio_system, client, &byte, 1, 1) == -1 && errno == ETIMEDOUT);

    /* A send may not wait beyond it either, whatever the descriptor's mode. */
    static char block[1 << 16];
    int result = 0;
    in_ms(50, &deadline);
    while (result == 0) {
        struct iovec vec = {block, sizeof block};
        result = wio_send_all(&wio_system, client, &vec, 1, 16, -1, deadline);
    }
    CHECK(errno == ETIMEDOUT && wio_now_us() >= deadline);
    close(client);
    close(server);
    close(listener);
    end();
}

static void *write_slowly(void *argument)
{
    int fd = *(int *)argument;

    for (char c = 'a'; c <= 'j'; c++) {
        struct iovec vec = {&c, 1};
        wio_send_all(&wio_system, fd, &vec, 1, 16, -1, 0);
        poll(NULL, 0, 2);
    }
    return NULL;
}

static void a_slow_peer_is_waited_for(void)
{
    pthread_t thread;
    char got[10];

    begin();
    int listener = listen_here(5), client = wio_connect(path, 0), server = wio_accept(listener);
    pthread_create(&thread, NULL, write_slowly, &server);
    CHECK(wio_recv_all(&wio_system, client, got, 10, 0) == 0 && memcmp(got, "abcdefghij", 10) == 0);
    pthread_join(thread, NULL);
    close(client);
    close(server);
    close(listener);
    end();
}

/* --- descriptors ------------------------------------------------------------------------------------------------- */

static void send_descriptors(int fd, const int *fds, int count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(20 * sizeof(int))];
    } control;
    struct iovec vec = {"x", 1};
    struct msghdr msg = {.msg_iov = &vec, .msg_iovlen = 1, .msg_control = control.bytes};

    memset(&control, 0, sizeof control);
    msg.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, (size_t)count * sizeof(int));
    if (sendmsg(fd, &msg, 0) != 1)
        abort();
}

static void a_passed_descriptor_arrives_with_its_bytes(void)
{
    int ends[2], files[2], got = -1;
    char buf[16];
    int before = tap_open_fds();

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && pipe(files) == 0);
    struct iovec vec[2] = {{"ab", 2}, {"cd", 2}};
    CHECK(wio_send_all(&wio_system, ends[0], vec, 2, 1, files[1], 0) == 0);
    CHECK(wio_recv_fd(ends[1], buf, 1, &got, 0) == 1 && got >= 0 && buf[0] == 'a');
    CHECK(fcntl(got, F_GETFD) & FD_CLOEXEC);
    CHECK(write(got, "!", 1) == 1 && read(files[0], buf, 1) == 1 && buf[0] == '!');
    close(got);
    CHECK(wio_recv_fd(ends[1], buf, sizeof buf, &got, 0) > 0 && got == -1);
    close(ends[0]);
    close(ends[1]);
    close(files[0]);
    close(files[1]);
    CHECK(tap_open_fds() == before);
}

static void surplus_descriptors_are_closed(void)
{
    int ends[2], got, fds[20], before = tap_open_fds();
    char buf[4];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    for (int i = 0; i < 20; i++)
        fds[i] = ends[0];
    for (int count = 1; count <= 20; count++) {
        send_descriptors(ends[0], fds, count);
        CHECK(wio_recv_fd(ends[1], buf, sizeof buf, &got, 0) == 1 && got >= 0);
        close(got);
        CHECK_THAT(tap_open_fds() == before + 2, "%d passed: descriptors leaked", count);
    }
    close(ends[0]);
    close(ends[1]);
}

static void nothing_leaks_on_the_ways_that_fail(void)
{
    int64_t deadline;
    int before;

    begin();
    before = tap_open_fds();
    for (int i = 0; i < 50; i++) {
        CHECK(wio_connect(path, 0) == -1);
        CHECK(wio_listen("/nonexistent/directory/s", 1, (uid_t)-1, (gid_t)-1) == -1);
        int listener = listen_here(1);
        CHECK(listener >= 0 && listen_here(1) == -1);
        int held[4];
        for (int j = 0; j < 4; j++) {
            in_ms(1, &deadline);
            held[j] = wio_connect(path, deadline);
        }
        for (int j = 0; j < 4; j++)
            if (held[j] >= 0)
                close(held[j]);
        close(listener);
    }
    CHECK(tap_open_fds() == before);
    end();
}

static void everything_else_is_closed(void)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        int keep[3] = {40, -1, 900};
        dup2(1, 40);
        dup2(1, 41);
        dup2(1, 900);
        dup2(1, 901);
        wio_close_all_but(keep, 3);
        int right = fcntl(40, F_GETFD) >= 0 && fcntl(900, F_GETFD) >= 0 && fcntl(0, F_GETFD) >= 0 &&
                    fcntl(2, F_GETFD) >= 0 && fcntl(41, F_GETFD) < 0 && fcntl(901, F_GETFD) < 0;
        _exit(right ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static const tap_test tests[] = {
    TAP_TEST(a_listener_is_private_and_close_on_exec),
    TAP_TEST(a_listener_replaces_only_an_abandoned_socket),
    TAP_TEST(a_listener_never_removes_another_kind_of_file),
    TAP_TEST(names_that_do_not_fit_are_refused),
    TAP_TEST(a_connection_carries_bytes_and_the_peer_s_uid),
    TAP_TEST(nobody_there_is_told_at_once),
    TAP_TEST(a_full_backlog_is_waited_for_until_the_deadline),
    TAP_TEST(deadlines_are_kept_on_both_kinds_of_descriptor),
    TAP_TEST(a_slow_peer_is_waited_for),
    TAP_TEST(a_passed_descriptor_arrives_with_its_bytes),
    TAP_TEST(surplus_descriptors_are_closed),
    TAP_TEST(nothing_leaks_on_the_ways_that_fail),
    TAP_TEST(everything_else_is_closed),
};

TAP_MAIN(tests)
