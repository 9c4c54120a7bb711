/* SPDX-License-Identifier: Apache-2.0 */
#include "compat.h"
#include "options.h"

#include <string.h>

#define SELECTORS 2

static int selectors(const wpy_rule *rule)
{
    return (rule->process_group != NULL) + (rule->application_group != NULL);
}

static int fits(const wpy_rule *rule, const char *process_group, const char *application_group)
{
    return (!rule->process_group || !strcmp(rule->process_group, process_group)) &&
           (!rule->application_group || !strcmp(rule->application_group, application_group));
}

static void take_flag(int *flag, int said)
{
    if (said >= 0)
        *flag = said;
}

static void take(wpy_options *options, const wpy_options *said)
{
    take_flag(&options->own_gil, said->own_gil);
    take_flag(&options->free_threading, said->free_threading);
    take_flag(&options->restrict_stdin, said->restrict_stdin);
    take_flag(&options->restrict_stdout, said->restrict_stdout);
    take_flag(&options->restrict_signal, said->restrict_signal);
    if (said->switch_interval > 0)
        options->switch_interval = said->switch_interval;
}

void wpy_options_resolve(const wpy_python *python, const char *process_group, const char *application_group,
                         wpy_options *options)
{
    *options = python->options;
    for (int strength = 0; strength <= SELECTORS; strength++)
        for (int i = 0; i < python->n_rules; i++)
            if (selectors(&python->rules[i]) == strength && fits(&python->rules[i], process_group, application_group))
                take(options, &python->rules[i].options);
}

const wpy_rule *wpy_next_path_rule(const wpy_python *python, const char *process_group, const char *application_group,
                                   const wpy_rule *last)
{
    int strength = last ? selectors(last) : 0, i = last ? (int)(last - python->rules) + 1 : 0;

    for (; strength <= SELECTORS; strength++, i = 0)
        for (; i < python->n_rules; i++) {
            const wpy_rule *rule = &python->rules[i];
            if (selectors(rule) == strength && rule->options.python_path &&
                fits(rule, process_group, application_group))
                return rule;
        }
    return NULL;
}

static int anyone_wants(const wpy_python *python, size_t flag)
{
    int wants = *(const int *)((const char *)&python->options + flag) > 0;

    for (int i = 0; i < python->n_rules; i++)
        wants |= *(const int *)((const char *)&python->rules[i].options + flag) > 0;
    return wants;
}

const char *wpy_options_unmet(const wpy_python *python)
{
    if (!WPY_CAN_OWN_GIL && anyone_wants(python, offsetof(wpy_options, own_gil)))
        return "WSGIPerInterpreterGIL On has no effect: it needs Python 3.12 or newer, and this module is built for "
               "Python " PY_VERSION;
    if (!WPY_CAN_FREE_THREAD && anyone_wants(python, offsetof(wpy_options, free_threading)))
        return "WSGIFreeThreading On has no effect: it needs a free-threaded build of Python, and this module is built "
               "for the ordinary Python " PY_VERSION;
    return NULL;
}
