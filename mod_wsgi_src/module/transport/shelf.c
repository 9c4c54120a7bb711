/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* MAP_ANON is not in POSIX */
#endif

#include "shelf.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#define STATE_BITS 2

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the shelf needs lock-free atomics");

/* A state's word is its owner, pid or request id, and the state. */
enum { FREE = 0, FILLED = 1, LENT = 2 };

/* In private memory: nobody can falsify the size. */
struct wio_shelf {
    uint32_t slots;
    size_t size;
    uint8_t *memory;
    _Atomic uint64_t *state; /* behind the slots */
};

static uint64_t word_of(uint64_t owner, unsigned state)
{
    return owner << STATE_BITS | state;
}

wio_shelf *wio_shelf_new(uint32_t slots)
{
    const uint32_t most = 1u << 16;
    uint64_t size = (uint64_t)slots * (WIO_SLOT_SIZE + sizeof(uint64_t));

    if (slots == 0 || slots > most || size > PTRDIFF_MAX) {
        errno = EINVAL;
        return NULL;
    }
    wio_shelf *shelf = calloc(1, sizeof *shelf);
    if (!shelf)
        return NULL;

    shelf->slots = slots;
    shelf->size = (size_t)size;
    void *memory = mmap(NULL, shelf->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0);
    if (memory == MAP_FAILED) {
        free(shelf);
        return NULL;
    }
    shelf->memory = memory;
    shelf->state = (void *)(shelf->memory + (size_t)slots * WIO_SLOT_SIZE);
    return shelf;
}

void wio_shelf_unmap(wio_shelf *shelf)
{
    if (!shelf)
        return;
    munmap(shelf->memory, shelf->size);
    free(shelf);
}

static int change(wio_shelf *shelf, uint32_t slot, uint64_t from, uint64_t to)
{
    return atomic_compare_exchange_strong(&shelf->state[slot], &from, to);
}

int wio_shelf_take(wio_shelf *shelf, uint32_t pid, uint8_t **bytes)
{
    for (uint32_t slot = 0; slot < shelf->slots; slot++) {
        if (atomic_load_explicit(&shelf->state[slot], memory_order_relaxed) == FREE &&
            change(shelf, slot, FREE, word_of(pid, FILLED))) {
            *bytes = shelf->memory + (size_t)slot * WIO_SLOT_SIZE;
            return (int)slot;
        }
    }
    return -1;
}

void wio_shelf_lend(wio_shelf *shelf, int slot, uint64_t id)
{
    atomic_store(&shelf->state[slot], word_of(id, LENT));
}

const uint8_t *wio_shelf_look(const wio_shelf *shelf, uint32_t slot, uint64_t id)
{
    if (!shelf || slot >= shelf->slots || atomic_load(&shelf->state[slot]) != word_of(id, LENT))
        return NULL;
    return shelf->memory + (size_t)slot * WIO_SLOT_SIZE;
}

void wio_shelf_give(wio_shelf *shelf, uint32_t slot, uint64_t id)
{
    if (slot < shelf->slots)
        change(shelf, slot, word_of(id, LENT), FREE);
}

void wio_shelf_forget(wio_shelf *shelf, uint32_t pid)
{
    for (uint32_t slot = 0; slot < shelf->slots; slot++)
        change(shelf, slot, word_of(pid, FILLED), FREE);
}

void wio_shelf_sweep(wio_shelf *shelf, int (*held)(const void *board, uint64_t id), const void *board)
{
    for (uint32_t slot = 0; slot < shelf->slots; slot++) {
        uint64_t word = atomic_load_explicit(&shelf->state[slot], memory_order_relaxed);
        if ((word & ((1u << STATE_BITS) - 1)) == LENT && !held(board, word >> STATE_BITS))
            change(shelf, slot, word, FREE);
    }
}
