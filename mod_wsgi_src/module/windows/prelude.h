/* SPDX-License-Identifier: Apache-2.0 */
/* Read before each source on Windows, where the module has embedded mode only: what POSIX has and the headers of
 * mingw-w64 have not, and their macros whose names the sources use. */
#ifndef WSGI_WINDOWS_PRELUDE_H
#define WSGI_WINDOWS_PRELUDE_H

#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <ws2tcpip.h>

#include <windows.h>

#include <fcntl.h>
#include <io.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#undef FASTCALL
#undef environ
#undef interface

/* A file is opened for its bytes, and for this process. */
#define O_CLOEXEC (_O_NOINHERIT | _O_BINARY)

/* Nothing sends these here. */
#define SIGHUP  1
#define SIGQUIT 3

/* Signals have threads of their own here: there is nothing to mask. */
#undef pthread_sigmask
typedef int sigset_t;
static inline int sigfillset(sigset_t *set)
{
    *set = ~0;
    return 0;
}
static inline int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
    (void)how;
    if (before)
        *before = *set;
    return 0;
}

/* Nobody forks. */
#undef pthread_atfork
static inline int pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void))
{
    (void)before;
    (void)parent;
    (void)child;
    return 0;
}

/* Always replaces. */
static inline int setenv(const char *name, const char *value, int replace)
{
    (void)replace;
    return _putenv_s(name, value);
}

#endif
