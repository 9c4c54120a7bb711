/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WSGI_TRANSPORT_MEMORY_H
#define WSGI_TRANSPORT_MEMORY_H

#include <stdint.h>

/* Bytes of this process in memory now; 0 where the system has no /proc/self/statm. Any thread. */
int64_t wio_resident_bytes(void);

#endif
