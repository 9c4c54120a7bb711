/* SPDX-License-Identifier: Apache-2.0 */
/* What Linux has beyond FreeBSD and macOS is taken away. */
#ifndef STUB_SYS_SOCKET_H
#define STUB_SYS_SOCKET_H

#include_next <sys/socket.h>

#undef SO_PEERCRED
#undef MSG_CMSG_CLOEXEC
#ifdef __APPLE__
#undef MSG_NOSIGNAL
#undef SOCK_CLOEXEC
#undef SOCK_NONBLOCK
#define SO_NOSIGPIPE 0x1022
#else
int accept4(int listener, struct sockaddr *address, socklen_t *size, int flags);
#endif
int getpeereid(int fd, uid_t *uid, gid_t *gid);

#endif
