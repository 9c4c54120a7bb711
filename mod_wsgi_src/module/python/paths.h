/* SPDX-License-Identifier: Apache-2.0 */
/* How a Python installation is laid out on this system, and what can be asked about its files. */
#ifndef WSGI_PYTHON_PATHS_H
#define WSGI_PYTHON_PATHS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Below the prefix of an installation or a virtual environment; `series` is "3.11". WPY_LIBRARY_64: where some
 * distributions have it. */
#ifdef _WIN32
#define WPY_LIBRARY(series)    "Lib/os.py"
#define WPY_LIBRARY_64(series) WPY_LIBRARY(series)
#define WPY_PROGRAM(series)    "python.exe"
#define WPY_VENV_PROGRAM       "Scripts/python.exe"
#define WPY_VENV_PIP           "Scripts/pip.exe"
#define WPY_PATH_SEPARATOR     ";" /* between the entries of a list */
#define WPY_BIN_DEPTH          0   /* directories between prefix and interpreter */
#else
#define WPY_LIBRARY(series)    "lib/python" series "/os.py"
#define WPY_LIBRARY_64(series) "lib64/python" series "/os.py"
#define WPY_PROGRAM(series)    "bin/python" series
#define WPY_VENV_PROGRAM       "bin/python"
#define WPY_VENV_PIP           "bin/pip"
#define WPY_PATH_SEPARATOR     ":"
#define WPY_BIN_DEPTH          1
#endif

/* Cuts the last name off; "" when there is no other. */
void wpy_path_cut(char *path);
/* Absolute and without links, in PATH_MAX bytes. 0, or -1. */
int wpy_path_real(const char *path, char *out);
/* Whether the effective user may do what `mode` of access() says. 1, or 0 with errno. */
int wpy_path_usable(const char *path, int mode);
/* When an open file was changed, as precisely as Apache tells it; `info` is fstat's. */
int64_t wpy_path_mtime_us(int fd, const struct stat *info);
/* The file of the running libpython, in PATH_MAX bytes. 0, or -1. */
int wpy_path_libpython(char *out);
/* Who that user is, for messages: "user id 33". */
void wpy_path_user(char *out, size_t size);

#endif
