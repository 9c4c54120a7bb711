/* SPDX-License-Identifier: Apache-2.0 */
/* The shared board of one daemon group and generation: memory mapped before the forks, seen by the Apache children, the
 * manager and the group's daemons. It carries states and counts, and the claim words that decide a request's fate:
 *
 *   the child writes OFFERED; then exactly one compare-and-swap wins:
 *     daemon  OFFERED -> STARTED    just before it calls the application
 *     child   OFFERED -> WITHDRAWN  the daemon died, drains or is too slow: safe to replay elsewhere
 *
 * No system call, right after kill -9 at any instant, and no request runs twice. A daemon may scribble on its own
 * group's board only; readers bounds-check and use it for choice and replay, nothing else.
 */
#ifndef WSGI_TRANSPORT_BOARD_H
#define WSGI_TRANSPORT_BOARD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum wio_claim { WIO_FREE = 0, WIO_OFFERED = 1, WIO_STARTED = 2, WIO_WITHDRAWN = 3 };
enum wio_process_state {
    WIO_PROCESS_NONE,
    WIO_PROCESS_STARTING,
    WIO_PROCESS_READY,
    WIO_PROCESS_RECYCLING,
    WIO_PROCESS_DRAINING,
    WIO_PROCESS_FAILED
};
/* Why a daemon ended; recorded by the manager that collects it, told by the child that meets the end of file. */
enum wio_exit_reason {
    WIO_EXIT_NONE,
    WIO_EXIT_STOP,
    WIO_EXIT_MAXIMUM_REQUESTS,
    WIO_EXIT_RELOAD,
    WIO_EXIT_REQUEST_TIMEOUT,
    WIO_EXIT_DEADLOCK,
    WIO_EXIT_SIGNAL,
    WIO_EXIT_CODE,
    WIO_EXIT_INACTIVITY,
    WIO_EXIT_AGE,
    WIO_EXIT_CPU_TIME,
    WIO_EXIT_MEMORY,
    WIO_EXIT_SHORTAGE, /* killed by the kernel, which had no memory for it */
    WIO_EXIT_OVERDUE,
    WIO_EXIT_START_FAILED
};

typedef struct wio_process {
    _Atomic uint32_t state, pid, served;
    _Atomic uint32_t exit_reason, exit_detail; /* of the last process that held this slot */
    _Atomic uint32_t exit_pid;
} wio_process;

typedef struct wio_board wio_board;

/* Maps a board. NULL with errno. rows = most Apache children, words = most connections at once. The sizes live outside
 * the shared memory, where nobody can falsify them. */
wio_board *wio_board_new(uint32_t processes, uint32_t rows, uint32_t words);
void wio_board_unmap(wio_board *board);

uint32_t wio_board_processes(const wio_board *board);
wio_process *wio_board_process(wio_board *board, uint32_t index); /* NULL when out of range */

/* A row for this Apache child. Its index, or -1 when all are taken. */
int wio_board_take_row(wio_board *board, uint32_t pid);
/* In-flight counts; only the row's owner calls. A row of -1 counts nothing. */
void wio_board_enter(wio_board *board, int row, uint32_t process);
void wio_board_leave(wio_board *board, int row, uint32_t process);
/* Requests in flight on a process, over all rows: one load. A child killed at an unlucky instant leaves the number
 * one too small, until the process is idle and the manager sweeps. */
uint32_t wio_board_inflight(const wio_board *board, uint32_t process);

/* A wio_request.word that names no word: the request runs unclaimed, and its child must never replay it. */
#define WIO_NO_WORD UINT32_MAX

/* A claim word for a connection of the child `pid`. Its index, or -1 when none is free: then its requests travel with
 * WIO_NO_WORD (which is what -1 converts to) and are never replayed. */
int wio_board_take_word(wio_board *board, uint32_t pid);
void wio_board_give_word(wio_board *board, int word);
/* A request id that never repeats on this board. */
uint64_t wio_board_next_id(wio_board *board);

/* A word of -1 is ignored. */
void wio_board_offer(wio_board *board, int word, uint64_t id);
/* Does a child's connection still carry the request? */
int wio_board_holds(const wio_board *board, uint64_t id);
/* 1 when this call won, 0 when the other side did. Starting WIO_NO_WORD always wins, withdrawing word -1 never. `pid`
 * is the daemon that starts it. */
int wio_board_start(wio_board *board, uint32_t word, uint64_t id, uint32_t pid);
int wio_board_withdraw(wio_board *board, int word, uint64_t id);
/* The daemon that started the last request of this word; 0 when none did, or there is no word. */
uint32_t wio_board_runner(const wio_board *board, int word);
/* Daemon: it ends the connection of the request that it runs, and has told why in the log. */
void wio_board_give_up(wio_board *board, uint32_t word);
int wio_board_given_up(const wio_board *board, int word);

/* Manager: withdraws what dead children had on offer and clears their rows and words. `gone` tells whether a pid is
 * dead. Returns how many rows belong to living children. */
int wio_board_sweep(wio_board *board, int (*gone)(uint32_t pid));

#endif
