/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that fail on purpose, over a wire that is a piece of memory. */
#ifndef WSGI_TEST_FAULTY_H
#define WSGI_TEST_FAULTY_H

#include "../../module/transport/sockets.h"

typedef struct faulty_plan {
    size_t most;      /* bytes a call takes or gives at most; 0: any number */
    int interrupt;    /* EINTR before every call that moves bytes */
    int again;        /* EAGAIN before every call that moves bytes */
    long break_at;    /* after that many bytes every call fails with break_errno; -1 never */
    int break_errno;  /* 0: the call returns 0 */
    int system_limit; /* blocks a call takes, as the system has it: more is EMSGSIZE; 0: no limit */
    unsigned random;  /* not 0: the seed of a schedule that mixes all of the above */
    int never_ready;  /* poll only ever times out */
} faulty_plan;

typedef struct faulty_wire {
    uint8_t bytes[1 << 16];
    size_t len, taken; /* written so far; read so far */
    int calls, polls, empty_blocks, most_blocks;
    int descriptors;    /* how often one travelled */
    long descriptor_at; /* in front of which byte it did so last */
} faulty_wire;

extern const wio_calls faulty_calls;
extern faulty_wire faulty;

/* An empty wire with a plan. */
void faulty_begin(const faulty_plan *plan);

#endif
