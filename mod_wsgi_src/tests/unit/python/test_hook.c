/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of scripts that are asked about requests: what they may answer, what they are given, and that nothing of it
 * outlives the question. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../../../module/python/hook.h"
#include "../../../module/transport/frame.h"
#include "stub.h"

static const char script[] =
    "kept = []\n"
    "def echo(environ, *args):\n"
    "    return '|'.join([environ['KEY'], environ['PATH'], *args])\n"
    "def answer(environ, what):\n"
    "    return eval(what)\n"
    "def keep(environ):\n"
    "    kept.append(environ)\n"
    "    return str(environ['mod_ssl.is_https']()) + str(environ['mod_ssl.var_lookup']('NAME'))\n"
    "def late(environ):\n"
    "    results = []\n"
    "    for name in ('mod_ssl.is_https', 'mod_ssl.var_lookup'):\n"
    "        try:\n"
    "            kept[0][name](*['NAME'][:name.endswith('lookup')])\n"
    "        except RuntimeError as error:\n"
    "            results.append(str(error))\n"
    "    return results\n"
    "def keys(environ):\n"
    "    return sorted(environ)\n"
    "def group(environ):\n"
    "    import mod_wsgi\n"
    "    return mod_wsgi.application_group\n"
    "def data(environ):\n"
    "    import mod_wsgi\n"
    "    return mod_wsgi.request_data()\n"
    "number = 5\n";

static const char *path;
static wio_buf lines;

static void note(wpy_channel *channel, int level, const char *text, size_t len)
{
    (void)channel;
    (void)level;
    lines.len -= lines.len > 0; /* the NUL */
    wio_buf_append(&lines, text, len);
    wio_buf_append(&lines, "\n", 2);
}

static int is_https(wpy_channel *channel)
{
    (void)channel;
    return 1;
}

static const char *ssl_variable(wpy_channel *channel, const char *name)
{
    (void)channel;
    return strcmp(name, "NAME") ? NULL : "value \xe9";
}

static wpy_channel channel = {.log = note};

/* Asks with an environ of two variables. */
static int ask(const char *group, const wpy_question *questions, int count, wpy_answer *answers)
{
    wio_buf vars;
    wpy_hook hook = {.script = path,
                     .application_group = group,
                     .channel = &channel,
                     .request_rec = &hook,
                     .is_https = is_https,
                     .ssl_variable = ssl_variable};
    wio_buf_init(&vars, NULL, 0);
    wio_buf_free(&lines);
    if (wio_pair_put(&vars, 0, "mod_wsgi.request_id", 19, "ID", 2) || wio_pair_put(&vars, 0, "KEY", 3, "value", 5) ||
        wio_pair_put(&vars, WIO_PAIR_PATH, "PATH", 4, "/x", 2))
        return -2;
    hook.vars = vars.data;
    hook.vars_len = vars.len;
    int failed = wpy_hook_ask(&hook, questions, count, answers);
    wio_buf_free(&vars);
    return failed;
}

static int ask_one(wpy_question question, wpy_answer *answer)
{
    return ask("", &question, 1, answer);
}

static const char *logged(void)
{
    return lines.len ? (const char *)lines.data : "";
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void functions_get_environ_and_arguments(void)
{
    wpy_answer answer;
    CHECK(!ask_one((wpy_question){.function = "echo", .allowed = WPY_ANSWER_TEXT}, &answer));
    CHECK(answer.kind == WPY_ANSWER_TEXT && !strcmp((char *)answer.text.data, "value|/x"));
    wio_buf_free(&answer.text);
    CHECK(
        !ask_one((wpy_question){.function = "echo", .arguments = {"a", "\xe9"}, .allowed = WPY_ANSWER_TEXT}, &answer));
    CHECK_THAT(!strcmp((char *)answer.text.data, "value|/x|a|\xc3\xa9"), "%s", (char *)answer.text.data);
    wio_buf_free(&answer.text);
    CHECK(!ask_one((wpy_question){.function = "keys", .allowed = WPY_ANSWER_TEXTS}, &answer));
    CHECK(answer.text.len > 20 && !strcmp((char *)answer.text.data, "KEY"));
    wio_buf_free(&answer.text);
}

static const struct {
    const char *what;
    unsigned allowed, kind; /* kind 0: refused */
    int flag;
    const char *text; /* of the answer, or in the log */
} answers[] = {
    {"None", WPY_ANSWER_NONE, WPY_ANSWER_NONE, 0, NULL},
    {"True", WPY_ANSWER_FLAG | WPY_ANSWER_NONE, WPY_ANSWER_FLAG, 1, NULL},
    {"False", WPY_ANSWER_FLAG | WPY_ANSWER_NONE, WPY_ANSWER_FLAG, 0, NULL},
    {"'text'", WPY_ANSWER_TEXT, WPY_ANSWER_TEXT, 0, "text"},
    {"('one', 'two')", WPY_ANSWER_TEXTS, WPY_ANSWER_TEXTS, 0, "one"},
    {"iter([])", WPY_ANSWER_TEXTS, WPY_ANSWER_TEXTS, 0, NULL},
    {"1", WPY_ANSWER_FLAG | WPY_ANSWER_NONE, 0, 0, "must return True, False or None, not int"},
    {"'yes'", WPY_ANSWER_FLAG, 0, 0, "not str"},
    {"None", WPY_ANSWER_TEXTS, 0, 0, "an iterable of str, not NoneType"},
    {"'text'", WPY_ANSWER_TEXTS, 0, 0, "not str"},
    {"5", WPY_ANSWER_TEXTS, 0, 0, "not iterable"},
    {"[b'x']", WPY_ANSWER_TEXTS, 0, 0, "must be str, not bytes"},
    {"(1 / 0 for i in 'x')", WPY_ANSWER_TEXTS, 0, 0, "ZeroDivisionError"},
    {"'a\\0b'", WPY_ANSWER_TEXT, 0, 0, "NUL"},
    {"'\\ud800'", WPY_ANSWER_TEXT, 0, 0, "surrogates"},
    {"True", WPY_ANSWER_TEXT | WPY_ANSWER_NONE, 0, 0, "a str or None, not bool"},
    {"exit(3)", WPY_ANSWER_FLAG, 0, 0, "SystemExit"},
};

static void answers_are_what_they_may_be(void)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        wpy_answer answer;
        wpy_question question = {.function = "answer", .arguments = {answers[i].what}, .allowed = answers[i].allowed};
        int failed = ask_one(question, &answer);
        CHECK_THAT(failed == (answers[i].kind ? 0 : -1) && answer.kind == answers[i].kind, "%s: %d %u: %s",
                   answers[i].what, failed, answer.kind, logged());
        CHECK_THAT(answer.flag == answers[i].flag, "%s", answers[i].what);
        if (answers[i].kind && answers[i].text)
            CHECK_THAT(!strcmp((char *)answer.text.data, answers[i].text), "%s", answers[i].what);
        if (!answers[i].kind)
            CHECK_THAT(strstr(logged(), answers[i].text) && strstr(logged(), "MWS2101: request ID: "), "%s: %s",
                       answers[i].what, logged());
        wio_buf_free(&answer.text);
    }
}

static void missing_functions(void)
{
    wpy_answer answer;
    CHECK(ask_one((wpy_question){.function = "missing", .allowed = WPY_ANSWER_NONE}, &answer) == -1);
    CHECK(strstr(logged(), "missing()"));
    CHECK(!ask_one((wpy_question){.function = "missing", .allowed = WPY_ANSWER_TEXT, .optional = 1}, &answer));
    CHECK(answer.kind == WPY_ANSWER_NONE);
    CHECK(ask_one((wpy_question){.function = "number", .allowed = WPY_ANSWER_NONE}, &answer) == -1);
    CHECK(strstr(logged(), "not callable"));
}

static void several_questions_stop_at_the_first_failure(void)
{
    wpy_question questions[3] = {
        {.function = "echo", .allowed = WPY_ANSWER_TEXT},
        {.function = "answer", .arguments = {"1 / 0"}, .allowed = WPY_ANSWER_TEXT},
        {.function = "keep", .allowed = WPY_ANSWER_TEXT},
    };
    wpy_answer several[3];
    CHECK(ask("", questions, 3, several) == -1);
    CHECK(several[0].kind == WPY_ANSWER_TEXT && !several[1].kind && !several[2].kind);
    for (int i = 0; i < 3; i++)
        wio_buf_free(&several[i].text);
}

static void what_is_kept_expires_with_the_question(void)
{
    wpy_answer answer;
    CHECK(!ask_one((wpy_question){.function = "keep", .allowed = WPY_ANSWER_TEXT}, &answer));
    CHECK_THAT(!strcmp((char *)answer.text.data, "1value \xc3\xa9"), "%s", (char *)answer.text.data);
    wio_buf_free(&answer.text);
    CHECK_THAT(!ask_one((wpy_question){.function = "late", .allowed = WPY_ANSWER_TEXTS}, &answer), "%s", logged());
    CHECK(answer.text.len == 2 * sizeof "the request has gone on");
    wio_buf_free(&answer.text);
    CHECK(ask_one((wpy_question){.function = "data", .allowed = WPY_ANSWER_NONE}, &answer) == -1);
    CHECK_THAT(strstr(logged(), "RuntimeError"), "%s", logged());
}

static void interpreters_by_name(void)
{
    wpy_question question = {.function = "group", .allowed = WPY_ANSWER_TEXT};
    wpy_answer answer;
    CHECK(!ask("", &question, 1, &answer) && answer.text.len == 1);
    wio_buf_free(&answer.text);
    CHECK(!ask("inner", &question, 1, &answer) && !strcmp((char *)answer.text.data, "inner"));
    wio_buf_free(&answer.text);
}

static void *ask_often(void *failures)
{
    for (int i = 0; i < 200; i++) {
        wpy_answer answer;
        wpy_hook hook = {.script = path,
                         .application_group = i % 2 ? "inner" : "",
                         .channel = &channel,
                         .vars = (const uint8_t *)""};
        wpy_question question = {.function = "group", .allowed = WPY_ANSWER_TEXT};
        if (wpy_hook_ask(&hook, &question, 1, &answer))
            ++*(int *)failures;
        wio_buf_free(&answer.text);
    }
    return NULL;
}

static void threads_ask_at_the_same_time(void)
{
    pthread_t threads[4];
    int failures[4] = {0};
    for (int i = 0; i < 4; i++)
        CHECK(!pthread_create(&threads[i], NULL, ask_often, &failures[i]));
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CHECK(!failures[i]);
    }
}

static const tap_test tests[] = {
    TAP_TEST(functions_get_environ_and_arguments),
    TAP_TEST(answers_are_what_they_may_be),
    TAP_TEST(missing_functions),
    TAP_TEST(several_questions_stop_at_the_first_failure),
    TAP_TEST(what_is_kept_expires_with_the_question),
    TAP_TEST(interpreters_by_name),
    TAP_TEST(threads_ask_at_the_same_time),
};

int main(void)
{
    wpy_config config = plain_config();
    wio_buf_init(&lines, NULL, 0);
    path = scratch("hook.py");
    write_file(path, script, 1000);
    start(&config);
    int result = tap_run(tests, (int)(sizeof tests / sizeof *tests));
    wpy_stop("");
    wio_buf_free(&lines);
    wio_buf_free(&process_log);
    return result;
}
