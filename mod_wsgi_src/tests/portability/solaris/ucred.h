/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a socket, on Solaris and illumos. */
#ifndef STUB_UCRED_H
#define STUB_UCRED_H

#include <sys/types.h>

typedef struct ucred_s ucred_t;

int getpeerucred(int fd, ucred_t **peer);
uid_t ucred_geteuid(const ucred_t *peer);
void ucred_free(ucred_t *peer);

#endif
