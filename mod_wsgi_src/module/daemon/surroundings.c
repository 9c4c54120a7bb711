/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* initgroups, setgroups, chroot are not in POSIX */
#elif defined(__sun) && !defined(__EXTENSIONS__)
#define __EXTENSIONS__
#endif

#include "surroundings.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "environment_file.h"
#include "limits.h"

#define LAST_PLAIN_SIGNAL 31

void wdm_handle_signal(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void wdm_reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number <= LAST_PLAIN_SIGNAL; number++)
        wdm_handle_signal(number, SIG_DFL); /* KILL and STOP refuse, which is right */
    wdm_handle_signal(SIGPIPE, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The parent's arguments cannot be followed by argv: httpd makes new strings for some of them. Linux tells where they
 * begin and end, as fields 48 and 49 of stat; those after the name in parentheses are counted from 3. */
size_t wdm_title_room(const char *argv0)
{
    size_t room = strlen(argv0) + 1;
    char line[1024];
    FILE *stat = fopen("/proc/self/stat", "r");

    if (!stat)
        return room;
    char *field = fgets(line, sizeof line, stat) ? strrchr(line, ')') : NULL;
    fclose(stat);
    for (int number = 2; field && number < 48; number++)
        field = strchr(field + 1, ' ');
    if (!field)
        return room;
    unsigned long long start = strtoull(field, &field, 10), end = strtoull(field, NULL, 10);
    return start == (uintptr_t)argv0 && end > start + room ? (size_t)(end - start) : room;
}

void wdm_show_title(const wdm_title *title, const char *text)
{
    if (title->size == 0)
        return;
    if (!text) {
        memcpy(title->memory, title->original, title->size);
        return;
    }
    size_t len = strlen(text);
    memset(title->memory, 0, title->size);
    memcpy(title->memory, text, len < title->size ? len : title->size - 1);
}

/* --- user and groups ---------------------------------------------------------------------------------------------- */

static int fail(char *error, size_t size, const wdm_group *group, const char *step)
{
    snprintf(error, size, "daemon group '%s': %s: %s", group->name, step, strerror(errno));
    return -1;
}

/* Supplementary groups come first: inside a chroot the group database is another one. */
static int take_groups(const wdm_group *group, char *error, size_t size)
{
    char step[96];
    int done;

    if (group->groups)
        done = setgroups((size_t)group->n_groups, group->groups);
    else if (group->user_name)
        done = initgroups(group->user_name, group->gid);
    else
        done = setgroups(1, &group->gid);
    if (done < 0)
        return fail(error, size, group, "cannot take the supplementary groups");

    if (group->chroot && (chroot(group->chroot) < 0 || chdir("/") < 0))
        return fail(error, size, group, "cannot change the root directory (chroot=)");
    if (setgid(group->gid) < 0) {
        snprintf(step, sizeof step, "cannot become group %ld (group=)", (long)group->gid);
        return fail(error, size, group, step);
    }
    return 0;
}

static int take_user(const wdm_group *group, char *error, size_t size)
{
    char step[96];

    if (group->uid == 0) {
        errno = EPERM;
        return fail(error, size, group, "will not run an application as root (user=)");
    }
    if (setuid(group->uid) < 0) {
        snprintf(step, sizeof step, "cannot become user %ld (user=)", (long)group->uid);
        return fail(error, size, group, step);
    }
    /* A call that reports success and changes nothing has been seen: look, and try the way back. */
    if (getuid() != group->uid || geteuid() != group->uid || getgid() != group->gid || getegid() != group->gid ||
        setuid(0) == 0 || seteuid(0) == 0) {
        errno = EPERM;
        return fail(error, size, group, "root could be had back after the change of user");
    }
    return 0;
}

/* --- directories and environment ---------------------------------------------------------------------------------- */

static int set_user_environment(const wdm_group *group)
{
    const struct passwd *user = getpwuid(geteuid() == 0 ? group->uid : geteuid());

    if (!user)
        return 0; /* a number without a name: containers do that */
    if (setenv("HOME", user->pw_dir, 1) < 0 || setenv("USER", user->pw_name, 1) < 0 ||
        setenv("LOGNAME", user->pw_name, 1) < 0)
        return -1;
    return getenv("USERNAME") ? setenv("USERNAME", user->pw_name, 1) : 0;
}

/* The file's values go before what was inherited, and lang= and locale= before the file's. */
static int set_environment(const wdm_group *group, char *error, size_t size)
{
    char cause[512];

    if (group->environment_file && wdm_environment_file(group->environment_file, 1, cause, sizeof cause) < 0) {
        snprintf(error, size, "daemon group '%s': %s", group->name, cause);
        return -1;
    }
    if (set_user_environment(group) < 0 || (group->lang && setenv("LANG", group->lang, 1) < 0) ||
        (group->locale && setenv("LC_ALL", group->locale, 1) < 0))
        return fail(error, size, group, "cannot set the environment");
    return 0;
}

int wdm_take_place(const wdm_group *group, char *error, size_t size)
{
    char step[512];

    if (set_environment(group, error, size) < 0 || wdm_take_limits(group, error, size) < 0)
        return -1;
    if (geteuid() == 0 && (take_groups(group, error, size) < 0 || take_user(group, error, size) < 0))
        return -1;
    if (group->home && chdir(group->home) < 0) {
        snprintf(step, sizeof step, "cannot enter the directory '%.400s' (home=)", group->home);
        return fail(error, size, group, step);
    }
    if (group->umask >= 0)
        umask((mode_t)group->umask);
    return 0;
}
