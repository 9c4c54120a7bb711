/* SPDX-License-Identifier: Apache-2.0 */
/* APR defines the record as well, whichever header comes first. */
#ifndef WSGI_WINDOWS_UIO_H
#define WSGI_WINDOWS_UIO_H

#include <stddef.h>

#ifndef APR_IOVEC_DEFINED
#define APR_IOVEC_DEFINED
struct iovec {
    void *iov_base;
    size_t iov_len;
};
#endif

#endif
