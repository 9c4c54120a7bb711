/* SPDX-License-Identifier: Apache-2.0 */
#include "compat.h"
#include "paths.h"

#ifndef _WIN32

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "home.h"

void wpy_path_cut(char *path)
{
    char *slash = strrchr(path, '/');
    *(slash ? slash : path) = '\0';
}

int wpy_path_real(const char *path, char *out)
{
    return realpath(path, out) ? 0 : -1;
}

int wpy_path_usable(const char *path, int mode)
{
    return !faccessat(AT_FDCWD, path, mode, AT_EACCESS);
}

int64_t wpy_path_mtime_us(int fd, const struct stat *info)
{
    (void)fd;
    return (int64_t)info->st_mtim.tv_sec * 1000000 + info->st_mtim.tv_nsec / 1000;
}

int wpy_path_libpython(char *out)
{
    Dl_info info;
    if (!dladdr((void *)(size_t)&Py_GetVersion, &info) || !info.dli_fname)
        return -1;
    return snprintf(out, PATH_MAX, "%s", info.dli_fname) < PATH_MAX ? 0 : -1;
}

void wpy_path_user(char *out, size_t size)
{
    snprintf(out, size, "user id %ld", (long)geteuid());
}

#endif
