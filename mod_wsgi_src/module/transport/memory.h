/* SPDX-License-Identifier: Apache-2.0 */
/* What this process uses. Any thread. */
#ifndef WSGI_TRANSPORT_MEMORY_H
#define WSGI_TRANSPORT_MEMORY_H

#include <stdint.h>

/* Bytes in memory now; 0 where the system does not tell. */
int64_t wio_resident_bytes(void);

typedef struct wio_usage {
    int64_t user_us, system_us; /* processor time */
    int64_t most_resident;      /* bytes */
} wio_usage;

void wio_usage_read(wio_usage *usage);

#endif
