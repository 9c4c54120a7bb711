/* SPDX-License-Identifier: Apache-2.0 */
/* Which backend of the readiness set a system gets: one of the four names is defined. A test names another. */
#ifndef WSGI_TRANSPORT_READINESS_CHOICE_H
#define WSGI_TRANSPORT_READINESS_CHOICE_H

#if !defined(WIO_READY_EPOLL) && !defined(WIO_READY_KQUEUE) && !defined(WIO_READY_PORTS) && !defined(WIO_READY_POLL)
#if defined(__linux__)
#define WIO_READY_EPOLL
#elif defined(__sun)
#define WIO_READY_PORTS
#elif defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__) || defined(__DragonFly__) ||                 \
    defined(__APPLE__)
#define WIO_READY_KQUEUE
#else
#define WIO_READY_POLL
#endif
#endif

#endif
