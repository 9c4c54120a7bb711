/* SPDX-License-Identifier: Apache-2.0 */
/* What Linux has beyond Solaris 11 is taken away; illumos has a part of it. */
#ifndef STUB_SYS_SOCKET_H
#define STUB_SYS_SOCKET_H

#include_next <sys/socket.h>

#undef SO_PEERCRED
#undef MSG_CMSG_CLOEXEC
#ifdef __illumos__
int accept4(int listener, struct sockaddr *address, socklen_t *size, int flags);
#else
#undef MSG_NOSIGNAL
#undef SOCK_CLOEXEC
#undef SOCK_NONBLOCK
#endif

#endif
