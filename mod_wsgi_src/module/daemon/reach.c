/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* initgroups is not in POSIX */
#elif defined(__sun) && !defined(__EXTENSIONS__)
#define __EXTENSIONS__
#endif

#include "reach.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_ANSWER 255 /* as an exit code; a socket's path is shorter */

/* The length of the part of the path that shuts this process out, 0 when none does. */
static int shut_out_at(const char *path)
{
    char part[NO_ANSWER];
    size_t len = strlen(path);

    for (size_t i = 1; i < len && i < sizeof part; i++)
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = 0;
            if (access(part, X_OK) < 0)
                return (int)i;
        }
    return access(path, W_OK) < 0 ? (int)len : 0;
}

static _Noreturn void look(const char *path, uid_t uid, gid_t gid)
{
    const struct passwd *user = getpwuid(uid);

    if ((user ? initgroups(user->pw_name, gid) : setgroups(1, &gid)) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
        _exit(NO_ANSWER);
    _exit(shut_out_at(path));
}

int wdm_check_reach(const char *path, uid_t uid, gid_t gid, char *error, size_t size)
{
    struct stat info = {0};
    int status;
    pid_t pid = fork();

    if (pid == 0)
        look(path, uid, gid);
    if (pid < 0)
        return 0; /* the manager cannot be forked either, and that is told */
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 0;
    int at = WIFEXITED(status) ? WEXITSTATUS(status) : NO_ANSWER;
    if (at == 0 || at == NO_ANSWER)
        return 0;

    char part[NO_ANSWER];
    snprintf(part, sizeof part, "%.*s", at, path);
    stat(part, &info);
    snprintf(error, size,
             "user %ld, as whom Apache's children run, cannot reach the daemon socket '%s': '%s' has mode %04o and "
             "belongs to user %ld; let WSGISocketPrefix name a directory that this user may enter",
             (long)uid, path, part, (unsigned)(info.st_mode & 07777), (long)info.st_uid);
    return -1;
}
