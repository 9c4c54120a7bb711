/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* MAP_ANON is not in POSIX */
#endif

#include "board.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/mman.h>

#define CACHE_LINE 64
#define STATE_BITS 2
#define STATE_MASK 3u

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2, "the board needs lock-free atomics");

/* What is written by different processes stands on different cache lines. */
typedef struct process_slot {
    alignas(CACHE_LINE) wio_process process;
    alignas(CACHE_LINE) _Atomic int32_t inflight; /* the sum of its counts in all rows */
} process_slot;

typedef struct claim_word {
    alignas(CACHE_LINE) _Atomic uint64_t claim; /* id << STATE_BITS | wio_claim */
    _Atomic uint32_t owner;                     /* pid of an Apache child, 0 free */
    _Atomic uint32_t runner;                    /* pid of the daemon that started the last request; 0 none */
    _Atomic uint32_t given_up;                  /* by its daemon */
} claim_word;

typedef struct next_id {
    alignas(CACHE_LINE) _Atomic uint64_t value;
} next_id;

/* In private memory: a forked process has its own copy of the sizes and pointers. */
struct wio_board {
    uint32_t processes, rows, words;
    size_t row_stride; /* counters from one row to the next */
    size_t size;
    void *memory;
    next_id *id;
    process_slot *process;
    claim_word *word;
    _Atomic uint32_t *row; /* row_stride each: pid, then a count for each process */
};

wio_board *wio_board_new(uint32_t processes, uint32_t rows, uint32_t words)
{
    const uint32_t most = 1u << 20; /* of each: no product below overflows 64 bits */
    const size_t line = CACHE_LINE / sizeof(uint32_t);

    if (processes == 0 || rows == 0 || processes > most || rows > most || words > most) {
        errno = EINVAL;
        return NULL;
    }
    wio_board *board = calloc(1, sizeof *board);
    if (!board)
        return NULL;

    board->processes = processes;
    board->rows = rows;
    board->words = words;
    board->row_stride = (1 + (size_t)processes + line - 1) / line * line;

    size_t process_at = sizeof(next_id);
    size_t word_at = process_at + processes * sizeof(process_slot);
    size_t row_at = word_at + words * sizeof(claim_word);
    uint64_t size = row_at + (uint64_t)rows * board->row_stride * sizeof(uint32_t);
    board->size = (size_t)size;
    board->memory = MAP_FAILED;
    if (size <= PTRDIFF_MAX)
        board->memory = mmap(NULL, board->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0);
    else
        errno = ENOMEM;
    if (board->memory == MAP_FAILED) {
        free(board);
        return NULL;
    }

    char *base = board->memory;
    board->id = (void *)base;
    board->process = (void *)(base + process_at);
    board->word = (void *)(base + word_at);
    board->row = (void *)(base + row_at);
    return board;
}

void wio_board_unmap(wio_board *board)
{
    if (!board)
        return;
    munmap(board->memory, board->size);
    free(board);
}

uint32_t wio_board_processes(const wio_board *board)
{
    return board->processes;
}

wio_process *wio_board_process(wio_board *board, uint32_t index)
{
    return index < board->processes ? &board->process[index].process : NULL;
}

/* --- rows -------------------------------------------------------------------------------------------------------- */

static _Atomic uint32_t *row_of(const wio_board *board, uint32_t row)
{
    return board->row + row * board->row_stride;
}

static _Atomic uint32_t *count_of(const wio_board *board, int row, uint32_t process)
{
    if (row < 0 || (uint32_t)row >= board->rows || process >= board->processes)
        return NULL;
    return row_of(board, (uint32_t)row) + 1 + process;
}

int wio_board_take_row(wio_board *board, uint32_t pid)
{
    for (uint32_t row = 0; row < board->rows; row++) {
        uint32_t nobody = 0;
        if (atomic_compare_exchange_strong(row_of(board, row), &nobody, pid))
            return (int)row;
    }
    return -1;
}

void wio_board_enter(wio_board *board, int row, uint32_t process)
{
    _Atomic uint32_t *count = count_of(board, row, process);

    if (!count)
        return;
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&board->process[process].inflight, 1, memory_order_relaxed);
}

void wio_board_leave(wio_board *board, int row, uint32_t process)
{
    _Atomic uint32_t *count = count_of(board, row, process);

    if (!count)
        return;
    atomic_fetch_sub_explicit(&board->process[process].inflight, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
}

uint32_t wio_board_inflight(const wio_board *board, uint32_t process)
{
    if (process >= board->processes)
        return 0;
    int32_t sum = atomic_load_explicit(&board->process[process].inflight, memory_order_relaxed);
    return sum > 0 ? (uint32_t)sum : 0;
}

/* --- claim words ------------------------------------------------------------------------------------------------- */

static uint64_t claim_of(uint64_t id, enum wio_claim state)
{
    return id << STATE_BITS | (uint64_t)state;
}

static int change(wio_board *board, uint32_t word, uint64_t id, enum wio_claim to)
{
    uint64_t offered = claim_of(id, WIO_OFFERED);

    return word < board->words && atomic_compare_exchange_strong(&board->word[word].claim, &offered, claim_of(id, to));
}

int wio_board_take_word(wio_board *board, uint32_t pid)
{
    for (uint32_t word = 0; word < board->words; word++) {
        uint32_t nobody = 0;
        if (atomic_load_explicit(&board->word[word].owner, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(&board->word[word].owner, &nobody, pid))
            return (int)word;
    }
    return -1;
}

void wio_board_give_word(wio_board *board, int word)
{
    if (word < 0 || (uint32_t)word >= board->words)
        return;
    atomic_store(&board->word[word].claim, WIO_FREE);
    atomic_store(&board->word[word].owner, 0);
}

uint64_t wio_board_next_id(wio_board *board)
{
    return atomic_fetch_add_explicit(&board->id->value, 1, memory_order_relaxed) + 1;
}

void wio_board_offer(wio_board *board, int word, uint64_t id)
{
    if (word < 0 || (uint32_t)word >= board->words)
        return;
    atomic_store_explicit(&board->word[word].runner, 0, memory_order_relaxed);
    atomic_store_explicit(&board->word[word].given_up, 0, memory_order_relaxed);
    atomic_store(&board->word[word].claim, claim_of(id, WIO_OFFERED));
}

int wio_board_start(wio_board *board, uint32_t word, uint64_t id, uint32_t pid)
{
    if (word == WIO_NO_WORD)
        return 1;
    if (!change(board, word, id, WIO_STARTED))
        return 0;
    atomic_store_explicit(&board->word[word].runner, pid, memory_order_relaxed);
    return 1;
}

void wio_board_give_up(wio_board *board, uint32_t word)
{
    if (word < board->words)
        atomic_store(&board->word[word].given_up, 1);
}

int wio_board_given_up(const wio_board *board, int word)
{
    return word >= 0 && (uint32_t)word < board->words && atomic_load(&board->word[word].given_up);
}

uint32_t wio_board_runner(const wio_board *board, int word)
{
    if (word < 0 || (uint32_t)word >= board->words)
        return 0;
    return atomic_load_explicit(&board->word[word].runner, memory_order_relaxed);
}

int wio_board_withdraw(wio_board *board, int word, uint64_t id)
{
    return word >= 0 && change(board, (uint32_t)word, id, WIO_WITHDRAWN);
}

int wio_board_holds(const wio_board *board, uint64_t id)
{
    for (uint32_t word = 0; word < board->words; word++)
        if (atomic_load(&board->word[word].claim) >> STATE_BITS == id && atomic_load(&board->word[word].owner))
            return 1;
    return 0;
}

/* --- the dead ---------------------------------------------------------------------------------------------------- */

static void sweep_word(claim_word *word)
{
    uint64_t claim = atomic_load(&word->claim);

    /* Lost only to the daemon that starts it now: it runs, as its child wished, and the answer finds nobody. */
    if ((claim & STATE_MASK) == WIO_OFFERED)
        atomic_compare_exchange_strong(&word->claim, &claim, (claim & ~(uint64_t)STATE_MASK) | WIO_WITHDRAWN);
    atomic_store(&word->owner, 0);
}

static void sweep_row(wio_board *board, uint32_t row)
{
    _Atomic uint32_t *cell = row_of(board, row);

    for (uint32_t process = 0; process < board->processes; process++)
        atomic_fetch_sub(&board->process[process].inflight, (int32_t)atomic_exchange(cell + 1 + process, 0));
    atomic_store(cell, 0);
}

/* A child that died between its two counts left their difference: no row has a request, so the sum is none. A request
 * that begins at this moment changes the sum, and then it is left alone. */
static void mend_sum(wio_board *board, uint32_t process)
{
    _Atomic int32_t *sum = &board->process[process].inflight;
    int32_t seen = atomic_load(sum);

    if (seen == 0)
        return;
    for (uint32_t row = 0; row < board->rows; row++)
        if (atomic_load(row_of(board, row) + 1 + process))
            return;
    atomic_compare_exchange_strong(sum, &seen, 0);
}

int wio_board_sweep(wio_board *board, int (*gone)(uint32_t pid))
{
    uint32_t asked = 0; /* words of one child tend to stand together */
    int dead = 0, living = 0;

    for (uint32_t i = 0; i < board->words; i++) {
        uint32_t owner = atomic_load_explicit(&board->word[i].owner, memory_order_relaxed);
        if (owner == 0)
            continue;
        if (owner != asked) {
            asked = owner;
            dead = gone(owner);
        }
        if (dead)
            sweep_word(&board->word[i]);
    }

    for (uint32_t row = 0; row < board->rows; row++) {
        uint32_t pid = atomic_load(row_of(board, row));
        if (pid && gone(pid))
            sweep_row(board, row);
        else if (pid)
            living++;
    }
    for (uint32_t process = 0; process < board->processes; process++)
        mend_sum(board, process);
    return living;
}
