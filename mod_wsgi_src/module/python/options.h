/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration says about Python: for the whole server, and for single interpreters. Plain data that is
 * read-only once the configuration is read. No Python.h here: upper floors include this file. */
#ifndef WSGI_PYTHON_OPTIONS_H
#define WSGI_PYTHON_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

/* In a rule -1 stands for a flag that it does not mention. */
typedef struct wpy_options {
    int own_gil, free_threading, restrict_stdin, restrict_stdout, restrict_signal;
    double switch_interval;  /* seconds; 0: Python's own */
    const char *python_path; /* colon list of directories, or NULL */
} wpy_options;

/* One <WSGIInterpreterOptions> section: what it is for (NULL: any), and what it says. */
typedef struct wpy_rule {
    const char *process_group, *application_group;
    wpy_options options;
} wpy_rule;

enum wpy_seed { WPY_SEED_UNSAID, WPY_SEED_RANDOM, WPY_SEED_FIXED };

/* Zero is a good default for everything but options.restrict_signal. */
typedef struct wpy_python {
    int optimize; /* 1 as -O, 2 as -OO */
    int dont_write_bytecode;
    int skip_finalisation; /* processes end without finalising Python */
    int case_blind;        /* file names that differ in case only are the same script */
    enum wpy_seed seed;
    uint32_t hash_seed;          /* with WPY_SEED_FIXED */
    const char *const *warnings; /* filters as after -W, the last one first in force */
    int n_warnings;
    wpy_options options;   /* of every interpreter, when no rule says otherwise */
    const wpy_rule *rules; /* in the order of the configuration */
    int n_rules;
} wpy_python;

/* The options of one interpreter: those of the server, then of each rule that fits, the one with more selectors and,
 * among equals, the later one winning. python_path is the server's only, since the paths of all rules count:
 * wpy_next_path_rule() finds them. */
void wpy_options_resolve(const wpy_python *python, const char *process_group, const char *application_group,
                         wpy_options *options);

/* The next rule after `last` (NULL: the first), in the order of their strength, that fits and has a path; NULL at the
 * end. */
const wpy_rule *wpy_next_path_rule(const wpy_python *python, const char *process_group, const char *application_group,
                                   const wpy_rule *last);

/* What the options ask for and this Python cannot do, a sentence that is to be logged; NULL: nothing. Config time. */
const char *wpy_options_unmet(const wpy_python *python);

#endif
