/* SPDX-License-Identifier: Apache-2.0 */
/* Functions in scripts that httpd asks about a request before it is answered: who may in, who is who, where does it go.
 * No Python.h here: upper floors include this file. */
#ifndef WSGI_PYTHON_HOOK_H
#define WSGI_PYTHON_HOOK_H

#include "../transport/buffer.h"
#include "channel.h"

/* What a function may return. Anything else is an error, as an exception is. */
enum wpy_answer_kind {
    WPY_ANSWER_NONE = 1,  /* None */
    WPY_ANSWER_FLAG = 2,  /* True or False, and nothing that is merely true */
    WPY_ANSWER_TEXT = 4,  /* str */
    WPY_ANSWER_TEXTS = 8, /* an iterable of str; not a str, whose characters these would be */
};

#define WPY_QUESTION_ARGUMENTS 2

typedef struct wpy_question {
    const char *function;
    const char *arguments[WPY_QUESTION_ARGUMENTS]; /* str behind environ, bytes as latin-1; NULL: no more */
    unsigned allowed;                              /* wpy_answer_kind */
    int optional;                                  /* a script without the function answers None */
} wpy_question;

typedef struct wpy_answer {
    unsigned kind; /* 0: there is none, it failed */
    int flag;
    wio_buf text; /* TEXT and TEXTS in UTF-8, each with a NUL; freed by the asker whatever happened */
} wpy_answer;

typedef struct wpy_hook {
    const char *script, *application_group; /* "": the main interpreter */
    int64_t script_mtime_us;                /* of the file now; 0: do not check */
    const uint8_t *vars;                    /* pairs of transport/frame.h for environ */
    size_t vars_len;
    wpy_channel *channel; /* only its log is used */
    void *request_rec;    /* environ["apache.request_rec"], valid during the call; NULL: not given */
    /* mod_ssl.is_https() and mod_ssl.var_lookup(name) of the environ; NULL: not given. Called with the GIL. */
    int (*is_https)(wpy_channel *channel);
    const char *(*ssl_variable)(wpy_channel *channel, const char *name);
} wpy_hook;

/* Asks some functions of one script, in order, with one environ. 0; -1 when the script cannot be loaded, a function is
 * missing, raises, or returns what it may not, which is logged; later functions are not called then. GIL not held. */
int wpy_hook_ask(const wpy_hook *hook, const wpy_question *questions, int count, wpy_answer *answers);

#endif
