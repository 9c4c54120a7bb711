/* SPDX-License-Identifier: Apache-2.0 */
/* environment-file: variables of a daemon group, secrets among them, in a file that only the server's owner can read.
 *
 *   # a comment
 *   DATABASE_URL=postgres://...
 *   GREETING="one pair of quotes around a value is taken off; nothing else is interpreted"
 */
#ifndef WSGI_DAEMON_ENVIRONMENT_FILE_H
#define WSGI_DAEMON_ENVIRONMENT_FILE_H

#include <stddef.h>

/* Reads the file; with `apply` puts its variables into this process's environment, before threads exist. 0, or -1 and a
 * sentence in `error` that never shows a value. */
int wdm_environment_file(const char *path, int apply, char *error, size_t size);

#endif
