/* SPDX-License-Identifier: Apache-2.0 */
/* Where Python's library and executable are: of the libpython we run with, and of a configured home. */
#ifndef WSGI_PYTHON_HOME_H
#define WSGI_PYTHON_HOME_H

#include <limits.h>
#include <stddef.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

/* What to start Python with. "" where there is nothing to set. */
typedef struct wpy_home {
    char home[PATH_MAX];    /* prefix of the standard library */
    char program[PATH_MAX]; /* sys.executable; a virtual environment is found by it */
} wpy_home;

/* Checks `python_home` (see wpy_check_home() in runtime.h) and fills `home`. 0; -1 and a sentence in `error`. */
int wpy_home_resolve(const char *python_home, wpy_home *home, char *error, size_t size);

#endif
