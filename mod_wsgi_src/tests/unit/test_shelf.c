/* SPDX-License-Identifier: Apache-2.0 */
/* The shelf: a slot has one owner at any time, also between processes, and the dead keep none. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../module/transport/board.h"
#include "../../module/transport/shelf.h"
#include "tap.h"

static void sizes_are_checked(void)
{
    CHECK(wio_shelf_new(0) == NULL && errno == EINVAL);
    CHECK(wio_shelf_new(UINT32_MAX) == NULL && errno == EINVAL);
    wio_shelf_unmap(NULL);
}

static void a_slot_goes_round(void)
{
    wio_shelf *shelf = wio_shelf_new(2);
    uint8_t *bytes, *others;

    CHECK(shelf);
    CHECK(wio_shelf_take(shelf, 7, &bytes) == 0 && wio_shelf_take(shelf, 7, &others) == 1);
    CHECK(others == bytes + WIO_SLOT_SIZE && wio_shelf_take(shelf, 8, &bytes) == -1);
    memset(others, 'o', WIO_SLOT_SIZE);

    CHECK(!wio_shelf_look(shelf, 1, 5) && !wio_shelf_look(NULL, 0, 5));
    wio_shelf_lend(shelf, 1, 5);
    CHECK(wio_shelf_look(shelf, 1, 5) == others && others[WIO_SLOT_SIZE - 1] == 'o');
    CHECK(!wio_shelf_look(shelf, 1, 6) && !wio_shelf_look(shelf, 0, 5) && !wio_shelf_look(shelf, 2, 5));

    wio_shelf_give(shelf, 1, 6);
    wio_shelf_give(shelf, 2, 5);
    CHECK(wio_shelf_look(shelf, 1, 5) && wio_shelf_take(shelf, 8, &bytes) == -1);
    wio_shelf_give(shelf, 1, 5);
    CHECK(!wio_shelf_look(shelf, 1, 5) && wio_shelf_take(shelf, 8, &bytes) == 1);
    wio_shelf_unmap(shelf);
}

static void a_dead_daemon_fills_nothing(void)
{
    wio_shelf *shelf = wio_shelf_new(3);
    uint8_t *bytes;

    CHECK(shelf);
    CHECK(wio_shelf_take(shelf, 7, &bytes) == 0 && wio_shelf_take(shelf, 8, &bytes) == 1);
    CHECK(wio_shelf_take(shelf, 7, &bytes) == 2);
    wio_shelf_lend(shelf, 2, 7); /* a request of the same number is no daemon */
    wio_shelf_forget(shelf, 7);
    CHECK(wio_shelf_look(shelf, 2, 7));
    CHECK(wio_shelf_take(shelf, 9, &bytes) == 0 && wio_shelf_take(shelf, 9, &bytes) == -1);
    wio_shelf_unmap(shelf);
}

static int on_board(const void *board, uint64_t id)
{
    return wio_board_holds(board, id);
}

static void what_no_child_carries_is_swept(void)
{
    wio_shelf *shelf = wio_shelf_new(3);
    wio_board *board = wio_board_new(1, 1, 2);
    uint8_t *bytes;

    CHECK(shelf && board);
    CHECK(wio_board_take_word(board, 100) == 0 && wio_board_take_word(board, 100) == 1);
    for (int i = 0; i < 2; i++) {
        wio_board_offer(board, i, (uint64_t)(10 + i));
        CHECK(wio_board_start(board, (uint32_t)i, (uint64_t)(10 + i), 77));
        CHECK(wio_shelf_take(shelf, 7, &bytes) == i);
        wio_shelf_lend(shelf, i, (uint64_t)(10 + i));
    }
    CHECK(wio_shelf_take(shelf, 7, &bytes) == 2);
    wio_shelf_sweep(shelf, on_board, board);
    CHECK(wio_shelf_look(shelf, 0, 10) && wio_shelf_look(shelf, 1, 11));

    wio_board_give_word(board, 0); /* its connection was closed */
    wio_shelf_sweep(shelf, on_board, board);
    CHECK(!wio_shelf_look(shelf, 0, 10) && wio_shelf_look(shelf, 1, 11));
    CHECK(wio_shelf_take(shelf, 7, &bytes) == 0);

    wio_board_offer(board, 1, 12); /* its connection carries another request */
    wio_shelf_sweep(shelf, on_board, board);
    CHECK(!wio_shelf_look(shelf, 1, 11) && wio_shelf_take(shelf, 7, &bytes) == 1);
    CHECK(wio_shelf_take(shelf, 7, &bytes) == -1);
    wio_board_unmap(board);
    wio_shelf_unmap(shelf);
}

/* --- races ------------------------------------------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS  20000

static wio_shelf *contested;
static atomic_int mistakes;

/* Takes, fills, lends, looks, gives: what it reads is what it wrote. */
static void *use(void *argument)
{
    uint8_t mark = (uint8_t)(uintptr_t)argument, *bytes;

    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t id = i * THREADS + mark;
        int slot = wio_shelf_take(contested, mark, &bytes);
        if (slot < 0)
            continue;
        memset(bytes, mark, 64);
        wio_shelf_lend(contested, slot, id);
        const uint8_t *seen = wio_shelf_look(contested, (uint32_t)slot, id);
        for (int j = 0; j < 64; j++)
            if (!seen || seen[j] != mark)
                atomic_fetch_add(&mistakes, 1);
        wio_shelf_give(contested, (uint32_t)slot, id);
    }
    return NULL;
}

static void threads_never_share_a_slot(void)
{
    pthread_t threads[THREADS];

    contested = wio_shelf_new(2);
    CHECK(contested);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, use, (void *)(uintptr_t)(i + 1)) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&mistakes) == 0);
    wio_shelf_unmap(contested);
}

static void another_process_sees_the_bytes(void)
{
    wio_shelf *shelf = wio_shelf_new(1);
    uint8_t *bytes;
    int status;

    CHECK(shelf);
    pid_t pid = fork();
    if (pid == 0) {
        if (wio_shelf_take(shelf, 7, &bytes) < 0)
            _exit(1);
        memcpy(bytes, "hello", 5);
        wio_shelf_lend(shelf, 0, 3);
        _exit(0);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
    const uint8_t *seen = wio_shelf_look(shelf, 0, 3);
    CHECK(seen && !memcmp(seen, "hello", 5));
    wio_shelf_unmap(shelf);
}

static const tap_test tests[] = {
    TAP_TEST(sizes_are_checked),           TAP_TEST(a_slot_goes_round),
    TAP_TEST(a_dead_daemon_fills_nothing), TAP_TEST(what_no_child_carries_is_swept),
    TAP_TEST(threads_never_share_a_slot),  TAP_TEST(another_process_sees_the_bytes),
};

TAP_MAIN(tests)
