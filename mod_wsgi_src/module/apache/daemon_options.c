/* SPDX-License-Identifier: Apache-2.0 */
/* WSGIDaemonProcess: one row of the table below for each option. Numbers are read strictly and bounded; a wrong one
 * names the option and what it takes. What depends on the rest of the configuration is completed in check.c. */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <locale.h>
#include <pwd.h>
#include <stddef.h>
#include <unistd.h>

#include "apr_lib.h"
#include "apr_strings.h"

#include "../transport/shelf.h"
#include "arguments.h"

typedef struct option option;
/* Puts the value into the group. NULL, or what the option takes. */
typedef const char *reader(cmd_parms *cmd, const option *option, const char *value, wap_group *group);

struct option {
    const char *name;
    reader *read;
    size_t field;     /* in wdm_group */
    long least, most; /* of numbers */
};

static void *field(wap_group *group, const option *option)
{
    return (char *)&group->group + option->field;
}

static const char *read_number(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    if (!wap_read_number(value, 10, option->least, option->most, field(group, option)))
        return NULL;
    return apr_psprintf(cmd->pool, "a whole number from %ld to %ld", option->least, option->most);
}

static const char *read_fraction(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    (void)cmd;
    return wap_read_seconds(value, field(group, option)) ? "a number of seconds above 0, such as 0.005" : NULL;
}

static const char *read_bytes(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    char *end = NULL;
    errno = 0;
    apr_int64_t bytes = apr_isdigit(*value) ? apr_strtoi64(value, &end, 10) : -1;
    (void)cmd;
    if (bytes < 0 || errno || *end)
        return "a number of bytes, 0 for no limit";
    *(int64_t *)field(group, option) = bytes;
    return NULL;
}

/* A size that 0 leaves to the system. */
static const char *read_size(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    int *size = field(group, option);
    if (!wap_read_number(value, 10, 0, option->most, size) && (*size == 0 || *size >= option->least))
        return NULL;
    return apr_psprintf(cmd->pool, "0 or a whole number from %ld to %ld", option->least, option->most);
}

static const char *read_octal(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    (void)cmd;
    return wap_read_number(value, 8, 0, 0777, field(group, option)) ? "an octal number from 0 to 0777" : NULL;
}

static const char *read_text(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    (void)cmd;
    *(const char **)field(group, option) = value;
    return NULL;
}

static const char *read_directory(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    if (*value != '/')
        return "an absolute path";
    group->home_given |= option->field == offsetof(wdm_group, home);
    return read_text(cmd, option, value, group);
}

static const char *read_flag(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    int flag = wap_read_flag(value);
    (void)cmd;
    if (flag < 0)
        return "On or Off";
    *(int *)field(group, option) = flag;
    return NULL;
}

static const char *read_locale(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    locale_t locale = newlocale(LC_ALL_MASK, value, (locale_t)0);
    if (!locale)
        return "a locale of this system (locale -a lists them)";
    freelocale(locale);
    return read_text(cmd, option, value, group);
}

static const char *read_title(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    if (!strcmp(value, "%{GROUP}"))
        value = apr_psprintf(cmd->pool, "(wsgi:%s)", group->group.name);
    return read_text(cmd, option, value, group);
}

static const char *read_processes(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    group->group.processes_given = 1;
    return read_number(cmd, option, value, group);
}

static const char *read_user(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    int number;
    struct passwd *user = NULL;
    (void)option;
    if (*value != '#')
        user = getpwnam(value);
    else if (!wap_read_number(value + 1, 10, 0, INT_MAX, &number))
        user = getpwuid((uid_t)number);
    if (!user || user->pw_uid == 0)
        return "an existing user, by name or #uid, other than root";
    group->group.uid = user->pw_uid;
    group->group.user_name = apr_pstrdup(cmd->pool, user->pw_name);
    group->user_given = 1;
    return NULL;
}

/* A group by name or #gid. 0, or -1. */
static int find_gid(const char *name, gid_t *gid)
{
    int number;
    if (*name == '#') {
        if (wap_read_number(name + 1, 10, 0, INT_MAX, &number))
            return -1;
        *gid = (gid_t)number;
        return 0;
    }
    struct group *found = getgrnam(name);
    if (!found)
        return -1;
    *gid = found->gr_gid;
    return 0;
}

static const char *read_group(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    (void)cmd;
    if (find_gid(value, field(group, option)))
        return "an existing group, by name or #gid";
    group->group_given = 1;
    return NULL;
}

static const char *read_groups(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    long most = sysconf(_SC_NGROUPS_MAX);
    apr_array_header_t *gids = apr_array_make(cmd->pool, 8, sizeof(gid_t));
    (void)option;
    while (*value) {
        const char *name = ap_getword(cmd->pool, &value, ',');
        if (find_gid(name, apr_array_push(gids)))
            return "existing groups, by name or #gid, separated by commas";
    }
    if (most > 0 && gids->nelts > most)
        return apr_psprintf(cmd->pool, "at most %ld groups", most);
    group->group.groups = (const gid_t *)gids->elts;
    group->group.n_groups = gids->nelts;
    return NULL;
}

#define MOST_SECONDS      (INT_MAX / 1000) /* so that milliseconds fit an int */
#define LEAST_FILES       64
#define LEAST_STACK       (64 * 1024) /* Python does not run in less */
#define MOST_STACK        (1 << 30)
#define AT(name)          offsetof(wdm_group, name)
#define TEXT(name, to)    {name, read_text, AT(to), 0, 0}
#define BYTES(name, to)   {name, read_bytes, AT(to), 0, 0}
#define SECONDS(name, to) {name, read_number, AT(to), 0, MOST_SECONDS}

static const option options[] = {
    {"user", read_user, AT(uid), 0, 0},
    {"group", read_group, AT(gid), 0, 0},
    {"supplementary-groups", read_groups, AT(groups), 0, 0},
    {"umask", read_octal, AT(umask), 0, 0},
    {"chroot", read_directory, AT(chroot), 0, 0},
    {"home", read_directory, AT(home), 0, 0},
    {"lang", read_locale, AT(lang), 0, 0},
    {"locale", read_locale, AT(locale), 0, 0},
    {"display-name", read_title, AT(display_name), 0, 0},
    TEXT("python-home", python_home),
    TEXT("python-path", python_path),
    {"server-metrics", read_flag, AT(server_metrics), 0, 0},
    TEXT("python-eggs", python_eggs),
    {"switch-interval", read_fraction, AT(switch_interval), 0, 0},
    {"processes", read_processes, AT(processes), 1, 1000},
    {"threads", read_number, AT(threads), 0, 65533},
    {"listen-backlog", read_number, AT(listen_backlog), 0, INT_MAX},
    {"send-buffer-size", read_size, AT(send_buffer_size), 512, INT_MAX},
    {"receive-buffer-size", read_size, AT(receive_buffer_size), 512, INT_MAX},
    {"header-buffer-size", read_size, AT(header_buffer_size), 8192, INT_MAX},
    {"shared-buffer-size", read_size, AT(shared_buffer_size), WIO_SLOT_SIZE, 1 << 30},
    SECONDS("connect-timeout", connect_timeout),
    SECONDS("socket-timeout", socket_timeout),
    SECONDS("queue-timeout", queue_timeout),
    SECONDS("request-timeout", request_timeout),
    SECONDS("interrupt-timeout", interrupt_timeout),
    SECONDS("graceful-timeout", graceful_timeout),
    SECONDS("eviction-timeout", eviction_timeout),
    SECONDS("shutdown-timeout", shutdown_timeout),
    SECONDS("startup-timeout", startup_timeout),
    SECONDS("deadlock-timeout", deadlock_timeout),
    SECONDS("inactivity-timeout", inactivity_timeout),
    {"maximum-requests", read_number, AT(maximum_requests), 0, INT_MAX},
    SECONDS("restart-interval", restart_interval),
    SECONDS("cpu-time-limit", cpu_time_limit),
    {"cpu-priority", read_number, AT(cpu_priority), -20, 20},
    BYTES("memory-limit", memory_limit),
    BYTES("virtual-memory-limit", virtual_memory_limit),
    BYTES("memory-soft-limit", memory_soft_limit),
    {"open-files-limit", read_size, AT(open_files_limit), LEAST_FILES, INT_MAX},
    {"process-limit", read_number, AT(process_limit), 0, INT_MAX},
    {"stack-size", read_size, AT(stack_size), LEAST_STACK, MOST_STACK},
};
#define N_OPTIONS (sizeof options / sizeof *options)

/* What a group is when nothing is said. Time limits that are 0 are off; check.c gives socket-timeout Apache's
 * Timeout and eviction-timeout the value of graceful-timeout. */
static const wdm_group defaults = {
    .umask = -1,
    .processes = 1,
    .threads = 15,
    .listen_backlog = 100,
    .header_buffer_size = 32768,
    .shared_buffer_size = 8 << 20,
    .connect_timeout = 15,
    .queue_timeout = 45,
    .request_timeout = 300,
    .interrupt_timeout = 2,
    .startup_timeout = 120,
    .graceful_timeout = 15,
    .shutdown_timeout = 5,
    .deadlock_timeout = 300,
};

static const char *unknown_option(cmd_parms *cmd, const char *name, const char *key)
{
    const char *known = options[0].name;
    for (size_t i = 1; i < N_OPTIONS; i++)
        known = apr_pstrcat(cmd->temp_pool, known, ", ", options[i].name, NULL);
    return apr_psprintf(cmd->pool, "WSGIDaemonProcess %s: unknown option \"%s\"; the options are %s", name, key, known);
}

static const char *read_options(cmd_parms *cmd, const char *line, wap_group *group)
{
    const char *name = group->group.name, *key, *value, *error;
    int more;

    while ((more = wap_next_option(cmd->pool, &line, &key, &value, &error)) > 0) {
        size_t i = 0;
        while (i < N_OPTIONS && strcmp(options[i].name, key))
            i++;
        if (i == N_OPTIONS)
            return unknown_option(cmd, name, key);
        const char *expected = options[i].read(cmd, &options[i], value, group);
        if (expected)
            return apr_psprintf(cmd->pool, "WSGIDaemonProcess %s: option \"%s\" takes %s, not \"%s\"", name, key,
                                expected, value);
    }
    return more < 0 ? apr_psprintf(cmd->pool, "WSGIDaemonProcess %s: %s", name, error) : NULL;
}

const char *wap_set_daemon_process(cmd_parms *cmd, void *settings, const char *args)
{
    apr_array_header_t *groups = wap_process_config()->groups;
    const char *name = ap_getword_conf(cmd->pool, &args);
    (void)settings;

    if (!*name)
        return "WSGIDaemonProcess: the name of the group is missing";
    if (strchr(name, '=') || !wap_is_literal(name))
        return apr_psprintf(
            cmd->pool, "WSGIDaemonProcess: the first argument is the name of the group, and \"%s\" is no name", name);
    for (int i = 0; i < groups->nelts; i++) {
        const wap_group *other = APR_ARRAY_IDX(groups, i, const wap_group *);
        if (!strcmp(other->group.name, name))
            return apr_psprintf(cmd->pool, "WSGIDaemonProcess: the group \"%s\" is already defined at %s", name,
                                other->where);
    }

    wap_group *group = apr_pcalloc(cmd->pool, sizeof *group);
    group->group = defaults;
    group->group.name = name;
    group->group.index = (uint32_t)groups->nelts;
    group->server = cmd->server;
    group->where = wap_where(cmd);
    *(wap_group **)apr_array_push(groups) = group;
    return read_options(cmd, args, group);
}
