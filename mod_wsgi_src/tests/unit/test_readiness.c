/* SPDX-License-Identifier: Apache-2.0 */
/* The readiness set; built once for each backend. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../module/transport/readiness.h"
#include "../../module/transport/sockets.h"
#include "tap.h"

static void pair(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        abort();
}

static void say(int fd)
{
    if (write(fd, "x", 1) != 1)
        abort();
}

static void hear(int fd)
{
    char byte;

    if (read(fd, &byte, 1) != 1)
        abort();
}

static int timed_out(wio_ready *set)
{
    return wio_ready_wait(set, 10) == -1 && errno == ETIMEDOUT;
}

static void an_event_is_given_once_until_armed_again(void)
{
    wio_ready *set = wio_ready_new();
    int ends[2];

    CHECK(set);
    pair(ends);
    CHECK(wio_ready_add(set, ends[0]) == 0 && timed_out(set));
    say(ends[1]);
    CHECK(wio_ready_wait(set, -1) == ends[0]);
    CHECK(timed_out(set));
    CHECK(wio_ready_arm(set, ends[0]) == 0);
    CHECK(wio_ready_wait(set, 2000) == ends[0]);
    hear(ends[0]);
    CHECK(wio_ready_arm(set, ends[0]) == 0 && timed_out(set));
    close(ends[1]);
    CHECK(wio_ready_wait(set, 2000) == ends[0]);
    CHECK(wio_ready_remove(set, ends[0]) == 0);
    close(ends[0]);
    wio_ready_free(set);
    wio_ready_free(NULL);
}

static void removed_and_unknown_descriptors_are_silent(void)
{
    wio_ready *set = wio_ready_new();
    int ends[2];

    CHECK(set);
    pair(ends);
#ifndef WIO_READY_PORTS /* an event port does not know what it was asked before */
    CHECK(wio_ready_arm(set, ends[0]) == -1 && errno == ENOENT);
    CHECK(wio_ready_remove(set, ends[0]) == -1 && errno == ENOENT);
#endif
    CHECK(wio_ready_add(set, ends[0]) == 0);
    say(ends[1]);
    CHECK(wio_ready_remove(set, ends[0]) == 0 && timed_out(set));
    CHECK(wio_ready_add(set, ends[0]) == 0 && wio_ready_wait(set, 2000) == ends[0]);
    close(ends[0]);
    close(ends[1]);
    wio_ready_free(set);
}

static void nothing_leaks(void)
{
    int before = tap_open_fds();

    for (int i = 0; i < 100; i++)
        wio_ready_free(wio_ready_new());
    CHECK(tap_open_fds() == before);
}

static void *arm_later(void *argument)
{
    void **both = argument;

    poll(NULL, 0, 20);
    wio_ready_add(both[0], *(int *)both[1]);
    return NULL;
}

static void a_waiter_sees_what_is_added_while_it_waits(void)
{
    wio_ready *set = wio_ready_new();
    int ends[2];
    pthread_t thread;

    CHECK(set);
    pair(ends);
    say(ends[1]);
    void *both[2] = {set, &ends[0]};
    pthread_create(&thread, NULL, arm_later, both);
    CHECK(wio_ready_wait(set, 5000) == ends[0]);
    pthread_join(thread, NULL);
    close(ends[0]);
    close(ends[1]);
    wio_ready_free(set);
}

static void *wait_for_wake(void *argument)
{
    int result = wio_ready_wait(argument, -1);

    if (result != -1 || errno != ECANCELED)
        tap_fail(__FILE__, __LINE__, "a waiter returned %d, not ECANCELED", result);
    return NULL;
}

static void wake_ends_every_wait_now_and_later(void)
{
    wio_ready *set = wio_ready_new();
    pthread_t threads[8];

    CHECK(set);
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, wait_for_wake, set);
    poll(NULL, 0, 20);
    wio_ready_wake(set);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    CHECK(wio_ready_wait(set, -1) == -1 && errno == ECANCELED);
    CHECK(wio_ready_wait(set, 0) == -1 && errno == ECANCELED);
    wio_ready_free(set);
}

/* --- many threads ------------------------------------------------------------------------------------------------ */

#define PAIRS   16
#define WORKERS 6
#define EACH    500

static struct {
    wio_ready *set;
    int near[PAIRS], far[PAIRS];
    atomic_int busy[1024]; /* by descriptor: two threads on one at a time would be wrong */
    atomic_int heard;
} crowd;

static void *work(void *argument)
{
    int fd;

    (void)argument;
    while ((fd = wio_ready_wait(crowd.set, -1)) >= 0) {
        if (atomic_fetch_add(&crowd.busy[fd], 1) != 0)
            tap_fail(__FILE__, __LINE__, "two threads were given descriptor %d", fd);
        hear(fd);
        atomic_fetch_sub(&crowd.busy[fd], 1);
        int total = atomic_fetch_add(&crowd.heard, 1) + 1;
        wio_ready_arm(crowd.set, fd);
        if (total == PAIRS * EACH)
            wio_ready_wake(crowd.set);
    }
    if (errno != ECANCELED)
        tap_fail(__FILE__, __LINE__, "a wait failed with errno %d", errno);
    return NULL;
}

static void each_event_goes_to_one_of_many_threads(void)
{
    pthread_t threads[WORKERS];

    crowd.set = wio_ready_new();
    CHECK(crowd.set);
    crowd.heard = 0;
    for (int i = 0; i < PAIRS; i++) {
        int ends[2];
        pair(ends);
        crowd.near[i] = ends[0];
        crowd.far[i] = ends[1];
        CHECK(ends[0] < 1024 && wio_ready_add(crowd.set, ends[0]) == 0);
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int n = 0; n < EACH; n++)
        for (int i = 0; i < PAIRS; i++)
            say(crowd.far[i]);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    CHECK(crowd.heard == PAIRS * EACH);
    for (int i = 0; i < PAIRS; i++) {
        wio_ready_remove(crowd.set, crowd.near[i]);
        close(crowd.near[i]);
        close(crowd.far[i]);
    }
    wio_ready_free(crowd.set);
}

/* Short-lived descriptors, so that numbers are used again while others wait on the set. */
static void *come_and_go(void *argument)
{
    wio_ready *set = argument;

    for (int i = 0; i < 300; i++) {
        int ends[2];
        pair(ends);
        if (wio_ready_add(set, ends[0]) < 0)
            tap_fail(__FILE__, __LINE__, "add failed with errno %d", errno);
        say(ends[1]);
        wio_ready_remove(set, ends[0]);
        close(ends[0]);
        close(ends[1]);
    }
    return NULL;
}

static void *wait_until_woken(void *argument)
{
    while (wio_ready_wait(argument, -1) >= 0 || errno != ECANCELED)
        ;
    return NULL;
}

static void descriptors_may_come_and_go_while_others_wait(void)
{
    wio_ready *set = wio_ready_new();
    pthread_t threads[4];

    CHECK(set);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i < 2 ? wait_until_woken : come_and_go, set);
    pthread_join(threads[2], NULL);
    pthread_join(threads[3], NULL);
    wio_ready_wake(set);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    wio_ready_free(set);
}

static const tap_test tests[] = {
    TAP_TEST(an_event_is_given_once_until_armed_again),
    TAP_TEST(removed_and_unknown_descriptors_are_silent),
    TAP_TEST(nothing_leaks),
    TAP_TEST(a_waiter_sees_what_is_added_while_it_waits),
    TAP_TEST(wake_ends_every_wait_now_and_later),
    TAP_TEST(each_event_goes_to_one_of_many_threads),
    TAP_TEST(descriptors_may_come_and_go_while_others_wait),
};

TAP_MAIN(tests)
