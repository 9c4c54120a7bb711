/* SPDX-License-Identifier: Apache-2.0 */
#include "compat.h"
#include "paths.h"

#ifdef _WIN32

#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "home.h"

#define SECONDS_1601_1970 INT64_C(11644473600)

void wpy_path_cut(char *path)
{
    char *slash = strrchr(path, '/'), *back = strrchr(path, '\\');
    if (!slash || (back && back > slash))
        slash = back;
    *(slash ? slash : path) = '\0';
}

int wpy_path_real(const char *path, char *out)
{
    return _fullpath(out, path, PATH_MAX) && !_access(out, F_OK) ? 0 : -1;
}

/* Nobody is asked here whether a file may be executed. */
int wpy_path_usable(const char *path, int mode)
{
    return !_access(path, mode & ~X_OK);
}

/* A FILETIME counts tenths of microseconds since 1601. */
int64_t wpy_path_mtime_us(int fd, const struct stat *info)
{
    FILETIME time;
    if (!GetFileTime((HANDLE)_get_osfhandle(fd), NULL, NULL, &time))
        return (int64_t)info->st_mtime * 1000000;
    return (int64_t)(((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime) / 10) - SECONDS_1601_1970 * 1000000;
}

int wpy_path_libpython(char *out)
{
    const DWORD how = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    HMODULE library;
    if (!GetModuleHandleExA(how, (LPCSTR)(size_t)&Py_GetVersion, &library))
        return -1;
    DWORD len = GetModuleFileNameA(library, out, PATH_MAX);
    return len > 0 && len < PATH_MAX ? 0 : -1;
}

void wpy_path_user(char *out, size_t size)
{
    char name[257];
    DWORD room = sizeof name;
    snprintf(out, size, "user %s", GetUserNameA(name, &room) ? name : "of this process");
}

#endif
