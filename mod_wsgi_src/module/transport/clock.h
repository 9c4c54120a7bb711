/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WSGI_TRANSPORT_CLOCK_H
#define WSGI_TRANSPORT_CLOCK_H

#include <stdint.h>

/* Monotonic microseconds. */
int64_t wio_now_us(void);
/* Wall clock microseconds since the epoch. */
int64_t wio_wall_us(void);

#endif
