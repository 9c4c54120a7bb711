/* SPDX-License-Identifier: Apache-2.0 */
/* The board: exactly one side wins a claim, also between processes, and the dead leave nothing behind. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../module/transport/board.h"
#include "tap.h"

static void sizes_are_checked(void)
{
    CHECK(wio_board_new(0, 1, 1) == NULL && errno == EINVAL);
    CHECK(wio_board_new(1, 0, 1) == NULL && errno == EINVAL);
    CHECK(wio_board_new(UINT32_MAX, 1, 1) == NULL && errno == EINVAL);
    CHECK(wio_board_new(1, 1, UINT32_MAX) == NULL && errno == EINVAL);
    wio_board *board = wio_board_new(3, 2, 0);
    CHECK(board && wio_board_processes(board) == 3 && wio_board_take_word(board, 1) == -1);
    wio_board_unmap(board);
    wio_board_unmap(NULL);
}

static void indexes_out_of_range_do_nothing(void)
{
    wio_board *board = wio_board_new(2, 2, 2);

    CHECK(board);
    CHECK(wio_board_process(board, 1) && !wio_board_process(board, 2) && !wio_board_process(board, UINT32_MAX));
    wio_board_enter(board, -1, 0);
    wio_board_enter(board, 2, 0);
    wio_board_enter(board, 0, 2);
    CHECK(wio_board_inflight(board, 0) == 0 && wio_board_inflight(board, 2) == 0);
    wio_board_offer(board, -1, 5);
    wio_board_offer(board, 2, 5);
    wio_board_give_word(board, -1);
    wio_board_give_word(board, 2);
    CHECK(wio_board_start(board, 2, 5, 77) == 0 && wio_board_withdraw(board, 2, 5) == 0);
    CHECK(wio_board_withdraw(board, -1, 5) == 0 && wio_board_start(board, WIO_NO_WORD, 5, 77) == 1);
    CHECK((uint32_t)-1 == WIO_NO_WORD);
    wio_board_unmap(board);
}

static void rows_count_what_is_in_flight(void)
{
    wio_board *board = wio_board_new(20, 3, 1);
    int rows[3];

    CHECK(board);
    for (int i = 0; i < 3; i++)
        CHECK((rows[i] = wio_board_take_row(board, (uint32_t)(100 + i))) == i);
    CHECK(wio_board_take_row(board, 200) == -1);
    for (uint32_t process = 0; process < 20; process++)
        for (int i = 0; i < 3; i++)
            for (uint32_t n = 0; n < process; n++)
                wio_board_enter(board, rows[i], process);
    for (uint32_t process = 0; process < 20; process++)
        CHECK(wio_board_inflight(board, process) == 3 * process);
    wio_board_leave(board, rows[1], 19);
    CHECK(wio_board_inflight(board, 19) == 56);
    wio_board_unmap(board);
}

static void a_claim_has_one_winner(void)
{
    wio_board *board = wio_board_new(1, 1, 1);

    CHECK(board);
    int word = wio_board_take_word(board, 7);
    uint64_t id = wio_board_next_id(board);
    CHECK(word == 0 && wio_board_take_word(board, 8) == -1);
    CHECK(wio_board_start(board, 0, id, 77) == 0);

    wio_board_offer(board, word, id);
    CHECK(wio_board_start(board, 0, id + 1, 77) == 0 && wio_board_withdraw(board, word, id + 1) == 0);
    CHECK(wio_board_start(board, 0, id, 77) == 1);
    CHECK(wio_board_start(board, 0, id, 77) == 0 && wio_board_withdraw(board, word, id) == 0);

    uint64_t next = wio_board_next_id(board);
    CHECK(next > id);
    wio_board_offer(board, word, next);
    CHECK(wio_board_start(board, 0, id, 77) == 0);
    CHECK(wio_board_withdraw(board, word, next) == 1 && wio_board_start(board, 0, next, 77) == 0);

    wio_board_offer(board, word, next + 1);
    wio_board_give_word(board, word);
    CHECK(wio_board_start(board, 0, next + 1, 77) == 0 && wio_board_take_word(board, 8) == 0);
    wio_board_unmap(board);
}

/* --- races ------------------------------------------------------------------------------------------------------- */

#define ROUNDS 20000

typedef struct race {
    wio_board *board;
    pthread_barrier_t barrier;
    atomic_int wins[ROUNDS];
    int word;
} race;

static race the_race;

static void *start_each(void *argument)
{
    (void)argument;
    for (int i = 0; i < ROUNDS; i++) {
        while (atomic_load(&the_race.wins[i]) < 0)
            ;
        atomic_fetch_add(&the_race.wins[i],
                         wio_board_start(the_race.board, (uint32_t)the_race.word, (uint64_t)i + 1, 77));
        pthread_barrier_wait(&the_race.barrier);
    }
    return NULL;
}

static void exactly_one_thread_wins_each_of_many_races(void)
{
    pthread_t threads[3];
    int withdrawn = 0;

    the_race.board = wio_board_new(1, 1, 1);
    CHECK(the_race.board);
    the_race.word = wio_board_take_word(the_race.board, 1);
    pthread_barrier_init(&the_race.barrier, NULL, 3);
    for (int i = 0; i < ROUNDS; i++)
        atomic_init(&the_race.wins[i], -1);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, start_each, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        wio_board_offer(the_race.board, the_race.word, (uint64_t)i + 1);
        atomic_store(&the_race.wins[i], 0);
        int won = wio_board_withdraw(the_race.board, the_race.word, (uint64_t)i + 1);
        withdrawn += won;
        atomic_fetch_add(&the_race.wins[i], won);
        pthread_barrier_wait(&the_race.barrier);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&the_race.barrier);
    wio_board_unmap(the_race.board);
    for (int i = 0; i < ROUNDS; i++)
        CHECK_THAT(the_race.wins[i] == 1, "round %d had %d winners", i, the_race.wins[i]);
}

static void *take_and_give(void *argument)
{
    wio_board *board = argument;

    for (int i = 0; i < 20000; i++) {
        int word = wio_board_take_word(board, 5);
        if (word < 0)
            continue;
        uint64_t id = wio_board_next_id(board);
        wio_board_offer(board, word, id);
        int started = wio_board_start(board, (uint32_t)word, id, 77);
        wio_board_give_word(board, word);
        if (!started)
            tap_fail(__FILE__, __LINE__, "word %d had two owners", word);
    }
    return NULL;
}

static void a_word_has_one_owner(void)
{
    wio_board *board = wio_board_new(1, 1, 3);
    pthread_t threads[4];

    CHECK(board);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, take_and_give, board);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 3; i++)
        CHECK(wio_board_take_word(board, 1) == i);
    wio_board_unmap(board);
}

static void other_processes_see_the_same_board(void)
{
    wio_board *board = wio_board_new(1, 2, 1);
    int status;

    CHECK(board);
    int word = wio_board_take_word(board, 1);
    wio_board_offer(board, word, 9);
    pid_t child = fork();
    if (child == 0) {
        wio_board_process(board, 0)->state = WIO_PROCESS_READY;
        wio_board_enter(board, wio_board_take_row(board, 2), 0);
        _exit(wio_board_start(board, (uint32_t)word, 9, 77) ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(wio_board_withdraw(board, word, 9) == 0);
    CHECK(wio_board_process(board, 0)->state == WIO_PROCESS_READY && wio_board_inflight(board, 0) == 1);
    wio_board_unmap(board);
}

/* --- the dead ---------------------------------------------------------------------------------------------------- */

static int odd_is_dead(uint32_t pid)
{
    return pid % 2 == 1;
}

static void the_dead_are_swept(void)
{
    wio_board *board = wio_board_new(2, 4, 6);
    int words[6];

    CHECK(board);
    for (uint32_t pid = 10; pid < 14; pid++) {
        int row = wio_board_take_row(board, pid);
        wio_board_enter(board, row, 1);
    }
    for (int i = 0; i < 6; i++) {
        words[i] = wio_board_take_word(board, (uint32_t)(10 + i % 2));
        wio_board_offer(board, words[i], (uint64_t)(100 + i));
    }
    CHECK(wio_board_runner(board, words[1]) == 0 && wio_board_runner(board, -1) == 0);
    CHECK(wio_board_start(board, (uint32_t)words[1], 101, 77) == 1 && wio_board_runner(board, words[1]) == 77);
    wio_board_give_up(board, (uint32_t)words[1]);
    wio_board_give_up(board, WIO_NO_WORD);
    CHECK(wio_board_given_up(board, words[1]) && !wio_board_given_up(board, words[0]) &&
          !wio_board_given_up(board, -1));

    CHECK(wio_board_sweep(board, odd_is_dead) == 2);
    CHECK(wio_board_inflight(board, 1) == 2);
    CHECK(wio_board_start(board, (uint32_t)words[3], 103, 77) == 0 &&
          wio_board_start(board, (uint32_t)words[5], 105, 77) == 0);
    CHECK(wio_board_start(board, (uint32_t)words[0], 100, 77) == 1 && wio_board_withdraw(board, words[2], 102) == 1);

    for (int i = 0; i < 3; i++)
        CHECK(wio_board_take_word(board, 20) == words[1 + 2 * i]);
    CHECK(wio_board_take_word(board, 20) == -1);
    CHECK(wio_board_take_row(board, 20) == 1 && wio_board_take_row(board, 22) == 3);
    CHECK(wio_board_inflight(board, 1) == 2 && wio_board_sweep(board, odd_is_dead) == 4);
    wio_board_unmap(board);
}

static uint32_t the_dead_one;

static int is_the_dead_one(uint32_t pid)
{
    return pid == the_dead_one;
}

/* Killed between its two counts, sometimes: the sum must not stay wrong. */
static void a_child_killed_while_it_counts_leaves_no_error(void)
{
    wio_board *board = wio_board_new(1, 2, 1);

    CHECK(board);
    for (int i = 0; i < 40; i++) {
        pid_t child = fork();
        if (child == 0) {
            int row = wio_board_take_row(board, (uint32_t)getpid());
            for (;;) {
                wio_board_enter(board, row, 0);
                wio_board_leave(board, row, 0);
            }
        }
        poll(NULL, 0, 2);
        kill(child, SIGKILL);
        CHECK(waitpid(child, NULL, 0) == child);
        the_dead_one = (uint32_t)child;
        wio_board_sweep(board, is_the_dead_one);
    }
    wio_board_enter(board, wio_board_take_row(board, 1), 0);
    CHECK(wio_board_inflight(board, 0) == 1);
    wio_board_unmap(board);
}

static const tap_test tests[] = {
    TAP_TEST(a_child_killed_while_it_counts_leaves_no_error),
    TAP_TEST(sizes_are_checked),
    TAP_TEST(indexes_out_of_range_do_nothing),
    TAP_TEST(rows_count_what_is_in_flight),
    TAP_TEST(a_claim_has_one_winner),
    TAP_TEST(exactly_one_thread_wins_each_of_many_races),
    TAP_TEST(a_word_has_one_owner),
    TAP_TEST(other_processes_see_the_same_board),
    TAP_TEST(the_dead_are_swept),
};

TAP_MAIN(tests)
