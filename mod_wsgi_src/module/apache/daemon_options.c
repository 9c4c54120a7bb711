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
    const char *why;  /* it has no effect */
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

/* A user by name or #uid. 0, or -1. */
static int find_uid(const char *name, uid_t *uid)
{
    int number;
    if (*name == '#') {
        if (wap_read_number(name + 1, 10, 0, INT_MAX, &number))
            return -1;
        *uid = (uid_t)number;
        return 0;
    }
    const struct passwd *found = getpwnam(name);
    if (!found)
        return -1;
    *uid = found->pw_uid;
    return 0;
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

static const char *read_script_user(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    (void)cmd;
    (void)option;
    if (group->script_group_given)
        return "a user only where script-group is not given";
    group->script_user_given = 1;
    return find_uid(value, &group->script_uid) ? "an existing user, by name or #uid" : NULL;
}

static const char *read_script_group(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    (void)cmd;
    (void)option;
    if (group->script_user_given)
        return "a group only where script-user is not given";
    group->script_group_given = 1;
    return find_gid(value, &group->script_gid) ? "an existing group, by name or #gid" : NULL;
}

static const char *read_socket_user(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    (void)cmd;
    group->socket_user_given = 1;
    return find_uid(value, field(group, option)) ? "an existing user, by name or #uid" : NULL;
}

/* An option of other releases, which does nothing here. */
static const char *read_in_vain(cmd_parms *cmd, const option *option, const char *value, wap_group *group)
{
    (void)value;
    wap_say_in_vain(cmd, "WSGIDaemonProcess %s: %s has no effect: %s", group->group.name, option->name, option->why);
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

#define MOST_SECONDS                  (INT_MAX / 1000) /* so that milliseconds fit an int */
#define LEAST_FILES                   64
#define LEAST_STACK                   (64 * 1024) /* Python does not run in less */
#define MOST_STACK                    (1 << 30)
#define AT(name)                      offsetof(wdm_group, name)
#define OPTION(name, read, to)        {name, read, AT(to), 0, 0, NULL}
#define TEXT(name, to)                OPTION(name, read_text, to)
#define BYTES(name, to)               OPTION(name, read_bytes, to)
#define NUMBER(name, to, least, most) {name, read_number, AT(to), least, most, NULL}
#define SECONDS(name, to)             NUMBER(name, to, 0, MOST_SECONDS)
#define SIZE(name, to, least, most)   {name, read_size, AT(to), least, most, NULL}
#define IN_VAIN(name, why)            {name, read_in_vain, 0, 0, 0, why}

static const option options[] = {
    OPTION("user", read_user, uid),
    OPTION("group", read_group, gid),
    OPTION("supplementary-groups", read_groups, groups),
    OPTION("umask", read_octal, umask),
    OPTION("chroot", read_directory, chroot),
    OPTION("home", read_directory, home),
    OPTION("environment-file", read_directory, environment_file),
    OPTION("lang", read_locale, lang),
    OPTION("locale", read_locale, locale),
    OPTION("display-name", read_title, display_name),
    OPTION("script-user", read_script_user, name),
    OPTION("script-group", read_script_group, name),
    OPTION("socket-user", read_socket_user, socket_uid),
    TEXT("python-home", python_home),
    TEXT("python-path", python_path),
    OPTION("server-metrics", read_flag, server_metrics),
    TEXT("python-eggs", python_eggs),
    OPTION("switch-interval", read_fraction, switch_interval),
    {"processes", read_processes, AT(processes), 1, 1000, NULL},
    NUMBER("threads", threads, 0, 65533),
    NUMBER("listen-backlog", listen_backlog, 0, INT_MAX),
    SIZE("send-buffer-size", send_buffer_size, 512, INT_MAX),
    SIZE("receive-buffer-size", receive_buffer_size, 512, INT_MAX),
    SIZE("header-buffer-size", header_buffer_size, 8192, INT_MAX),
    SIZE("shared-buffer-size", shared_buffer_size, WIO_SLOT_SIZE, 1 << 30),
    IN_VAIN("response-buffer-size",
            "blocks of a response go to the client as the application yields them, and Apache bounds what waits"),
    IN_VAIN("response-flush-delay", "the daemon says where a response is to be flushed, so nothing waits for more"),
    SECONDS("connect-timeout", connect_timeout),
    SECONDS("socket-timeout", socket_timeout),
    SECONDS("response-socket-timeout", response_socket_timeout),
    SECONDS("queue-timeout", queue_timeout),
    SECONDS("request-timeout", request_timeout),
    SECONDS("interrupt-timeout", interrupt_timeout),
    SECONDS("graceful-timeout", graceful_timeout),
    SECONDS("eviction-timeout", eviction_timeout),
    SECONDS("shutdown-timeout", shutdown_timeout),
    SECONDS("startup-timeout", startup_timeout),
    SECONDS("deadlock-timeout", deadlock_timeout),
    SECONDS("inactivity-timeout", inactivity_timeout),
    NUMBER("maximum-requests", maximum_requests, 0, INT_MAX),
    SECONDS("restart-interval", restart_interval),
    BYTES("memory-soft-limit", memory_soft_limit),
    BYTES("memory-limit", memory_limit),
    BYTES("virtual-memory-limit", virtual_memory_limit),
    SECONDS("cpu-time-limit", cpu_time_limit),
    NUMBER("cpu-priority", cpu_priority, -20, 20),
    SIZE("open-files-limit", open_files_limit, LEAST_FILES, INT_MAX),
    NUMBER("process-limit", process_limit, 0, INT_MAX),
    SIZE("stack-size", stack_size, LEAST_STACK, MOST_STACK),
    IN_VAIN("newrelic-config-file", WAP_NEW_RELIC),
    IN_VAIN("newrelic-environment", WAP_NEW_RELIC),
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
