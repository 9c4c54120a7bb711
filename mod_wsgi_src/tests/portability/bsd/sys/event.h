/* SPDX-License-Identifier: Apache-2.0 */
/* What the module uses of kqueue, as FreeBSD's and macOS' manual pages describe it. */
#ifndef STUB_SYS_EVENT_H
#define STUB_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

struct kevent {
    uintptr_t ident;
    short filter;
    unsigned short flags;
    unsigned int fflags;
    intptr_t data;
    void *udata;
};

#define EVFILT_READ (-1)
#define EV_ADD      0x0001
#define EV_DELETE   0x0002
#define EV_ENABLE   0x0004
#define EV_DISPATCH 0x0080

#define EV_SET(event, id, filter_, flags_, fflags_, data_, udata_)                                                     \
    (*(event) = (struct kevent){(id), (filter_), (flags_), (fflags_), (data_), (udata_)})

int kqueue(void);
int kevent(int queue, const struct kevent *changes, int n_changes, struct kevent *events, int n_events,
           const struct timespec *timeout);

#endif
