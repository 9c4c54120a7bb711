/* SPDX-License-Identifier: Apache-2.0 */
#include "environment_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_BYTES (256 * 1024)

static int refuse(char *error, size_t size, const char *path, const char *why)
{
    snprintf(error, size, "environment-file '%s' %s", path, why);
    return -1;
}

/* Nobody but the owner of the server may have written or can read it, and no link leads there. Its descriptor, or
 * -1. */
static int open_private(const char *path, char *error, size_t size)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return refuse(error, size, path, errno == ELOOP ? "is a symbolic link: name the file itself" : strerror(errno));
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
        refuse(error, size, path, "is not a regular file");
    else if (info.st_uid != geteuid())
        refuse(error, size, path, "does not belong to the user who starts the server: chown it");
    else if (info.st_mode & (S_IRWXG | S_IRWXO))
        refuse(error, size, path, "may be used by others than its owner: chmod it to 0600");
    else if (info.st_size > MOST_BYTES)
        refuse(error, size, path, "is larger than 256 KiB");
    else
        return fd;
    close(fd);
    return -1;
}

/* The whole file with a NUL behind it, from malloc; or NULL. */
static char *read_text(const char *path, char *error, size_t size)
{
    size_t have = 0;
    ssize_t got = 1;
    int fd = open_private(path, error, size);
    if (fd < 0)
        return NULL;

    char *text = calloc(1, MOST_BYTES + 1);
    while (text && got && have < MOST_BYTES) {
        got = read(fd, text + have, MOST_BYTES - have);
        if (got < 0 && errno != EINTR)
            break;
        have += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    if (text && got >= 0 && strlen(text) == have)
        return text;
    refuse(error, size, path, !text ? "cannot be read: out of memory" : got < 0 ? strerror(errno) : "has a NUL byte");
    free(text);
    return NULL;
}

static int is_name(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

    return *text && !(*text >= '0' && *text <= '9') && !text[strspn(text, letters)];
}

/* Cuts blanks off both ends. */
static char *trim(char *text)
{
    text += strspn(text, " \t");
    for (char *end = text + strlen(text); end > text && strchr(" \t\r", end[-1]); end--)
        end[-1] = '\0';
    return text;
}

static char *unquote(char *value)
{
    size_t len = strlen(value);

    if (len < 2 || (*value != '"' && *value != '\'') || value[len - 1] != *value)
        return value;
    value[len - 1] = '\0';
    return value + 1;
}

/* One line; 0, or -1 and what is wrong with it in *wrong. */
static int take_line(char *line, int apply, const char **wrong)
{
    line = trim(line);
    if (!*line || *line == '#')
        return 0;

    char *equals = strchr(line, '=');
    if (equals)
        *equals = '\0';
    char *name = trim(line);
    if (!equals || !is_name(name)) {
        *wrong = "is not NAME=value";
        return -1;
    }
    if (apply && setenv(name, unquote(trim(equals + 1)), 1) < 0) {
        *wrong = strerror(errno);
        return -1;
    }
    return 0;
}

int wdm_environment_file(const char *path, int apply, char *error, size_t size)
{
    char *text = read_text(path, error, size), *line = text, *next;
    const char *wrong;
    int number = 1, failed = 0;

    if (!text)
        return -1;
    for (; line && !failed; line = next, number++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        failed = take_line(line, apply, &wrong);
        if (failed)
            snprintf(error, size, "environment-file '%s': line %d %s", path, number, wrong);
    }
    free(text);
    return failed;
}
