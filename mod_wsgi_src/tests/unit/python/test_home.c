/* SPDX-License-Identifier: Apache-2.0 */
/* wpy_check_home(): which homes are taken, and what is said about the others. Python is not started. */
#include "../../../module/python/compat.h"
#include "stub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../module/python/home.h"

static char home[PATH_MAX], error[1024];

static void make_home(const char *name, const char *pyvenv)
{
    char path[PATH_MAX + 32];
    snprintf(home, sizeof home, "%s", scratch(name));
    snprintf(path, sizeof path, "%s/bin", home);
    if (mkdir(home, 0755) || mkdir(path, 0755))
        abort();
    if (pyvenv) {
        snprintf(path, sizeof path, "%s/pyvenv.cfg", home);
        write_file(path, pyvenv, 1000);
    }
}

static void link_python(const char *to)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/bin/python", home);
    if (symlink(to, path))
        abort();
}

#define CHECK_REFUSED(text)                                                                                            \
    do {                                                                                                               \
        *error = '\0';                                                                                                 \
        CHECK_THAT(wpy_check_home(home, error, sizeof error) == -1 && strstr(error, text) && !strchr(error, '\n'),     \
                   "said: %s", error);                                                                                 \
    } while (0)

#define CHECK_TAKEN()                                                                                                  \
    do {                                                                                                               \
        *error = '\0';                                                                                                 \
        CHECK_THAT(!wpy_check_home(home, error, sizeof error), "said: %s", error);                                     \
    } while (0)

/* The prefix and interpreter of the Python under test, from the Makefile. */
static const char *tested(const char *variable)
{
    const char *value = getenv(variable);
    if (!value)
        abort();
    return value;
}

static void the_linked_one(void)
{
    CHECK(!wpy_check_home(NULL, error, sizeof error));
    CHECK(!wpy_check_home("", error, sizeof error));
    snprintf(home, sizeof home, "%s", tested("TEST_PREFIX"));
    CHECK_TAKEN();
    snprintf(home, sizeof home, "%s:%s", tested("TEST_PREFIX"), tested("TEST_PREFIX"));
    CHECK_TAKEN();
}

static void no_directory(void)
{
    snprintf(home, sizeof home, "%s", scratch("missing"));
    CHECK_REFUSED("No such file");
    snprintf(home, sizeof home, "%s", scratch("file"));
    write_file(home, "", 1000);
    CHECK_REFUSED("not a directory");
    make_home("empty", NULL);
    CHECK_REFUSED("neither a virtual environment");
}

static void environment_of_another_version(void)
{
    make_home("old", "home = /usr/bin\nversion = 3.1.5\n");
    CHECK_REFUSED("is of Python 3.1.5, but this module is built for Python " Py_STRINGIFY(
        PY_MAJOR_VERSION) "." Py_STRINGIFY(PY_MINOR_VERSION));
    make_home("info", "home=/usr/bin\nversion_info = 2.7.18.final.0\r\n");
    CHECK_REFUSED("is of Python 2.7.18.final.0");
}

static void environment_whose_python_is_gone(void)
{
    make_home("gone", "home = /usr/bin\nversion = " PY_VERSION "\n");
    CHECK_REFUSED("no usable bin/python");
    link_python("/nowhere/bin/python3");
    CHECK_REFUSED("no usable bin/python");
}

static void environment_of_ours(void)
{
    make_home("ours", "home = x\ninclude-system-site-packages = false\nversion = " PY_VERSION "\n");
    link_python(tested("TEST_PYTHON"));
    CHECK_TAKEN();
}

/* Same version, other installation: its C extensions belong to another libpython. */
static void environment_of_another_installation(void)
{
    char path[PATH_MAX];
    const char *const parts[] = {"", "/bin", "/lib",
                                 "/lib/python" Py_STRINGIFY(PY_MAJOR_VERSION) "." Py_STRINGIFY(PY_MINOR_VERSION)
                                     WPY_ABI_SUFFIX};
    size_t i;
    for (i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", scratch("other"), parts[i]);
        mkdir(path, 0755);
    }
    strncat(path, "/os.py", sizeof path - strlen(path) - 1);
    write_file(path, "", 1000);
    snprintf(home, sizeof home, "%s", scratch("other"));
    CHECK_REFUSED("is another Python");
    snprintf(path, sizeof path, "%s", scratch("other/bin/python3"));
    write_file(path, "#!/bin/sh\n", 1000);
    chmod(path, 0755);
    make_home("theirs", "version = " PY_VERSION "\n");
    link_python(path);
    CHECK_REFUSED("was made with the Python");
}

static void environment_nobody_may_enter(void)
{
    if (!geteuid() && seteuid(65534))
        abort();
    snprintf(home, sizeof home, "%s", scratch("empty"));
    chmod(home, 0);
    *error = '\0';
    CHECK_THAT(wpy_check_home(home, error, sizeof error) == -1, "was taken");
    CHECK_THAT(strstr(error, "not readable for user id") || strstr(error, "Permission denied"), "said: %s", error);
}

static const tap_test tests[] = {
    TAP_TEST(the_linked_one),
    TAP_TEST(no_directory),
    TAP_TEST(environment_of_another_version),
    TAP_TEST(environment_whose_python_is_gone),
    TAP_TEST(environment_of_ours),
    TAP_TEST(environment_of_another_installation),
    TAP_TEST(environment_nobody_may_enter),
};

int main(void)
{
    int result = tap_run(tests, (int)(sizeof tests / sizeof *tests));
    if (geteuid() != getuid() && seteuid(getuid()))
        abort();
    chmod(scratch("empty"), 0700);
    return result;
}
