/* SPDX-License-Identifier: Apache-2.0 */
/* The shelf of one daemon group: slots of shared memory, mapped before the forks, on which daemons lay large blocks of
 * a response for Apache's children, so that these are copied once and not twice, and by no system call. It never makes
 * anybody wait: when no slot is free, the block goes over the socket.
 *
 * A slot is free, being filled by a daemon, or lent to a request. Each change is one atomic operation, and only these
 * happen:
 *
 *   daemon   free -> filled by (pid) -> lent to (request id), then it tells the child
 *   child    lent to (its request) -> free, when httpd has the bytes
 *   manager  filled by (a dead daemon) -> free; lent to (a request that no child has any more) -> free
 *
 * Request ids never repeat on a board, so nobody frees what is lent to another request meanwhile.
 */
#ifndef WSGI_TRANSPORT_SHELF_H
#define WSGI_TRANSPORT_SHELF_H

#include <stdint.h>

#define WIO_SLOT_SIZE (512u * 1024)

typedef struct wio_shelf wio_shelf;

/* Memory is only taken by slots that are used, the first ones first. NULL with errno. */
wio_shelf *wio_shelf_new(uint32_t slots);
void wio_shelf_unmap(wio_shelf *shelf);

/* Daemon: a slot to fill, WIO_SLOT_SIZE bytes at *bytes; -1: none is free. */
int wio_shelf_take(wio_shelf *shelf, uint32_t pid, uint8_t **bytes);
/* Daemon: it is filled. */
void wio_shelf_lend(wio_shelf *shelf, int slot, uint64_t id);

/* Child: the bytes that are lent to this request; NULL: there is no such slot (nor shelf), or it is not lent to
 * it. */
const uint8_t *wio_shelf_look(const wio_shelf *shelf, uint32_t slot, uint64_t id);
void wio_shelf_give(wio_shelf *shelf, uint32_t slot, uint64_t id);

/* Manager: frees what a dead daemon was filling; what is lent to requests that are not `held` any more. */
void wio_shelf_forget(wio_shelf *shelf, uint32_t pid);
void wio_shelf_sweep(wio_shelf *shelf, int (*held)(const void *board, uint64_t id), const void *board);

#endif
