/* SPDX-License-Identifier: Apache-2.0 */
#include "compat.h"
#include "home.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "paths.h"
#include "runtime.h"

#define STRING(text) #text
#define EXPAND(text) STRING(text)
#define SERIES       EXPAND(PY_MAJOR_VERSION) "." EXPAND(PY_MINOR_VERSION) WPY_ABI_SUFFIX /* "3.11" */

typedef struct venv_facts {
    int found;               /* there is a pyvenv.cfg */
    char version[64];        /* "" when it says none */
    char base_bin[PATH_MAX]; /* "home =": the directory of the base interpreter */
} venv_facts;

static int join(char *out, const char *directory, const char *rest)
{
    int len = snprintf(out, PATH_MAX, "%s/%s", directory, rest);
    return len < 0 || len >= PATH_MAX ? -1 : 0;
}

/* From the directory of an interpreter to its prefix. */
static void leave_bin(char *path)
{
    for (int i = 0; i < WPY_BIN_DEPTH; i++)
        wpy_path_cut(path);
}

/* Does the standard library of our series stand below this prefix? errno says why not. */
static int has_library(const char *prefix)
{
    char path[PATH_MAX];
    int error;
    if (!join(path, prefix, WPY_LIBRARY(SERIES)) && wpy_path_usable(path, R_OK))
        return 1;
    error = errno;
    if (!join(path, prefix, WPY_LIBRARY_64(SERIES)) && wpy_path_usable(path, R_OK))
        return 1;
    if (error == EACCES)
        errno = error;
    return 0;
}

/* The libpython we run with, and the prefix above it. 0; -1 and a sentence. */
static int linked_prefix(char *library, char *prefix, char *error, size_t size)
{
    char user[64];
    int why = ENOENT;
    if (wpy_path_libpython(library)) {
        snprintf(error, size, "the file of the running libpython cannot be found out");
        return -1;
    }
    if (wpy_path_real(library, prefix))
        snprintf(prefix, PATH_MAX, "%s", library);
    for (wpy_path_cut(prefix); *prefix; wpy_path_cut(prefix)) {
        if (has_library(prefix))
            return 0;
        if (errno == EACCES)
            why = EACCES;
    }
    wpy_path_user(user, sizeof user);
    if (why == EACCES)
        snprintf(error, size,
                 "the standard library that belongs to %s is not readable for %s: use a Python below directories that "
                 "this user may enter",
                 library, user);
    else
        snprintf(error, size, "no directory above %s has " WPY_LIBRARY(SERIES) ": that Python is not complete",
                 library);
    return -1;
}

/* Reads "key = value" lines. */
static void read_venv(const char *home, venv_facts *facts)
{
    char path[PATH_MAX], line[PATH_MAX + 64], *value, *end;
    FILE *file;
    memset(facts, 0, sizeof *facts);
    if (join(path, home, "pyvenv.cfg") || !(file = fopen(path, "r")))
        return;
    facts->found = 1;
    while (fgets(line, sizeof line, file)) {
        value = strchr(line, '=');
        if (!value)
            continue;
        for (end = value; end > line && (end[-1] == ' ' || end[-1] == '\t'); end--)
            ;
        *end = '\0';
        value += 1 + strspn(value + 1, " \t");
        value[strcspn(value, "\r\n")] = '\0';
        if (!strcmp(line, "version") || (!strcmp(line, "version_info") && !*facts->version))
            snprintf(facts->version, sizeof facts->version, "%.60s", value);
        else if (!strcmp(line, "home"))
            snprintf(facts->base_bin, sizeof facts->base_bin, "%.*s", PATH_MAX - 1, value);
    }
    fclose(file);
}

/* The prefix of the interpreter that made a virtual environment; "" when its layout is not the usual one. */
static void base_prefix(const char *home, const venv_facts *facts, char *prefix)
{
    char path[PATH_MAX];
    if (!join(path, home, WPY_VENV_PROGRAM) && !wpy_path_real(path, prefix)) {
        wpy_path_cut(prefix);
        leave_bin(prefix);
        if (has_library(prefix))
            return;
    }
    if (*facts->base_bin && !wpy_path_real(facts->base_bin, prefix)) {
        leave_bin(prefix);
        if (has_library(prefix))
            return;
    }
    *prefix = '\0';
}

static int same_series(const char *version)
{
    int major, minor;
    return sscanf(version, "%d.%d", &major, &minor) != 2 || (major == PY_MAJOR_VERSION && minor == PY_MINOR_VERSION);
}

static int check_directory(const char *home, char *error, size_t size)
{
    struct stat info;
    char user[64];
    wpy_path_user(user, sizeof user);
    if (stat(home, &info))
        snprintf(error, size, "Python home '%s': %s; give the prefix of a Python installation or virtual environment",
                 home, strerror(errno));
    else if (!S_ISDIR(info.st_mode))
        snprintf(error, size,
                 "Python home '%s' is not a directory; give the prefix of a Python installation or virtual "
                 "environment, not of its interpreter",
                 home);
    else if (!wpy_path_usable(home, R_OK | X_OK))
        snprintf(error, size,
                 "Python home '%s' is not readable for %s; let that user enter the directory and all "
                 "above it",
                 home, user);
    else
        return 0;
    return -1;
}

static int check_venv(const char *given, const venv_facts *facts, const char *library, const char *linked, char *error,
                      size_t size)
{
    char base[PATH_MAX], program[PATH_MAX], user[64];
    if (!same_series(facts->version)) {
        snprintf(error, size,
                 "virtual environment '%s' is of Python %s, but this module is built for Python " SERIES
                 " (%s); install mod_wsgi with %s/" WPY_VENV_PIP
                 " and load that module, or give an environment of Python " SERIES,
                 given, facts->version, library, given);
        return -1;
    }
    if (join(program, given, WPY_VENV_PROGRAM) || !wpy_path_usable(program, X_OK)) {
        int reason = errno;
        wpy_path_user(user, sizeof user);
        snprintf(error, size,
                 "virtual environment '%s' has no usable " WPY_VENV_PROGRAM
                 " (%s); the Python that it was made with may be "
                 "gone or closed to %s: make the environment anew",
                 given, strerror(reason), user);
        return -1;
    }
    base_prefix(given, facts, base);
    if (*base && strcmp(base, linked)) {
        snprintf(error, size,
                 "virtual environment '%s' was made with the Python " SERIES " below %s, but this module runs the "
                 "one below %s (%s); install mod_wsgi with %s/" WPY_VENV_PIP " and load that module",
                 given, base, linked, library, given);
        return -1;
    }
    return 0;
}

static int check_classic(const char *given, const char *library, const char *linked, char *error, size_t size)
{
    char real[PATH_MAX];
    if (!has_library(given)) {
        snprintf(error, size,
                 "Python home '%s' is neither a virtual environment (no pyvenv.cfg) nor a Python " SERIES
                 " installation (no " WPY_LIBRARY(SERIES) ": %s), but this module is built for Python " SERIES " (%s)",
                 given, strerror(errno), library);
        return -1;
    }
    if (!wpy_path_real(given, real) && strcmp(real, linked)) {
        snprintf(error, size,
                 "Python home '%s' is another Python " SERIES " than the one that this module runs, below %s (%s); "
                 "build mod_wsgi with the interpreter of '%s', or give %s",
                 given, linked, library, given, linked);
        return -1;
    }
    return 0;
}

static void set_program(wpy_home *home, const char *prefix, const char *name)
{
    if (join(home->program, prefix, name) || !wpy_path_usable(home->program, X_OK))
        *home->program = '\0';
}

int wpy_home_resolve(const char *python_home, wpy_home *home, char *error, size_t size)
{
    char library[PATH_MAX], linked[PATH_MAX], given[PATH_MAX];
    venv_facts facts;
    memset(home, 0, sizeof *home);
    if (linked_prefix(library, linked, error, size))
        return -1;
    if (!python_home || !*python_home) {
        snprintf(home->home, sizeof home->home, "%s", linked);
        set_program(home, linked, WPY_PROGRAM(SERIES));
        return 0;
    }
    if (snprintf(given, sizeof given, "%s", python_home) >= (int)sizeof given) {
        snprintf(error, size, "Python home is longer than a path may be");
        return -1;
    }
    given[strcspn(given, WPY_PATH_SEPARATOR)] = '\0'; /* prefix:exec-prefix */
    if (check_directory(given, error, size))
        return -1;
    read_venv(given, &facts);
    if (facts.found) {
        set_program(home, given, WPY_VENV_PROGRAM);
        return check_venv(given, &facts, library, linked, error, size);
    }
    snprintf(home->home, sizeof home->home, "%s", python_home);
    set_program(home, given, WPY_PROGRAM(SERIES));
    return check_classic(given, library, linked, error, size);
}

int wpy_check_home(const char *python_home, char *error, size_t size)
{
    wpy_home home;
    return wpy_home_resolve(python_home, &home, error, size);
}
