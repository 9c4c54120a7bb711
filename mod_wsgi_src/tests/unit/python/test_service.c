/* SPDX-License-Identifier: Apache-2.0 */
/* A service script: runs on the main thread until it ends or SIGTERM raises SystemExit; and what happens at the stop:
 * exit callbacks of every interpreter. Each case is a process of its own, since a process starts Python once. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stub.h"

static char script[1024], result_path[1100];

static char *result_text(void)
{
    static char text[4096];
    FILE *file = fopen(result_path, "r");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[len] = '\0';
    if (file)
        fclose(file);
    return text;
}

static void prepare(const char *name, const char *code)
{
    char text[4096];
    snprintf(script, sizeof script, "%s", scratch(name));
    snprintf(result_path, sizeof result_path, "%s.result", script);
    snprintf(text, sizeof text,
             "def note(text):\n    with open(%c%s%c, 'a') as file:\n        file.write(text + '\\n')\n%s", '"',
             result_path, '"', code);
    write_file(script, text, 1000);
}

/* In a child: Python with that configuration, the action, the orderly end. The child's status. */
static int in_child(const wpy_config *config, int (*action)(void), pid_t *pid)
{
    int status = -1;
    fflush(stdout);
    *pid = fork();
    if (*pid == 0) {
        start(config);
        status = action();
        wpy_stop("");
        fputs(process_log_text(), stderr);
        _exit(status);
    }
    return *pid;
}

static int wait_for(pid_t pid)
{
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int import_it(void)
{
    return wpy_import_script(script, "") < 0 ? 7 : 0;
}

static int run_service(int terminate)
{
    struct timespec pause = {0, 10000000};
    wpy_config config = plain_config();
    int i = 0;
    pid_t pid;
    config.process_group = "service";
    config.threads = 0;
    config.service_script = 1;
    in_child(&config, import_it, &pid);
    while (terminate && !strstr(result_text(), "ready") && i++ < 1000)
        nanosleep(&pause, NULL);
    if (terminate)
        kill(pid, SIGTERM);
    return wait_for(pid);
}

static void service_that_returns(void)
{
    prepare("returns.py", "note('ran')\n");
    CHECK(run_service(0) == 0 && strstr(result_text(), "ran"));
}

static void service_that_exits(void)
{
    prepare("exits.py", "import sys\nsys.exit(0)\n");
    CHECK(run_service(0) == 0);
    prepare("exits3.py", "import sys\nsys.exit(3)\n");
    CHECK(run_service(0) == 7);
    prepare("raises.py", "1 / 0\n");
    CHECK(run_service(0) == 7);
}

static void service_gets_sigterm(void)
{
    prepare("waits.py",
            "import atexit, time\natexit.register(note, 'atexit')\ntry:\n    note('ready')\n    while True:\n"
            "        time.sleep(60)\nfinally:\n    note('finally')\n");
    CHECK(run_service(1) == 0);
    CHECK_THAT(strstr(result_text(), "ready\nfinally\natexit\n"), "%s", result_text());
}

static void service_has_its_own_signal_handlers(void)
{
    prepare("handles.py",
            "import signal, time\ngot = []\nsignal.signal(signal.SIGTERM, lambda *args: got.append(1))\nnote('ready')\n"
            "while not got:\n    time.sleep(0.01)\nnote('handled')\n");
    CHECK(run_service(1) == 0 && strstr(result_text(), "handled"));
}

/* ---- the end of ordinary processes ---- */

static int serve_some(void)
{
    static const char *const groups[] = {"", "one", "two"};
    int i, bad = 0;
    for (i = 0; i < 9; i++) {
        target to = {.script = script, .group = groups[i % 3]};
        exchange x;
        begin(&x, &to);
        run(&x);
        bad += x.outcome != WPY_COMPLETE;
        end(&x);
    }
    return bad ? 8 : 0;
}

static void *serve_in_thread(void *bad)
{
    *(int *)bad = serve_some();
    return NULL;
}

static int serve_in_threads(void)
{
    pthread_t threads[4];
    int bad[4], i;
    for (i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, serve_in_thread, &bad[i]);
    for (i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    return bad[0] | bad[1] | bad[2] | bad[3];
}

static pthread_barrier_t served;

_Noreturn static void *serve_and_stay(void *bad)
{
    *(int *)bad = serve_some();
    pthread_barrier_wait(&served);
    for (;;)
        pause();
}

static int serve_in_thread_that_stays(void)
{
    static int bad;
    pthread_t thread;
    pthread_barrier_init(&served, NULL, 2);
    pthread_create(&thread, NULL, serve_and_stay, &bad);
    pthread_barrier_wait(&served);
    return bad;
}

static void check_end(int (*action)(void), const char *name, const char *threads)
{
    wpy_config config = plain_config();
    char code[2048];
    pid_t pid;
    snprintf(code, sizeof code,
             "import atexit, mod_wsgi, threading, time\natexit.register(note, 'atexit ' + mod_wsgi.application_group)\n"
             "def endless():\n    while True:\n        time.sleep(0.001)\n"
             "def short():\n    time.sleep(0.1)\n    note('joined ' + mod_wsgi.application_group)\n%s"
             "def application(environ, start_response):\n    start_response('200 OK', [])\n    return []\n",
             threads);
    prepare(name, code);
    in_child(&config, action, &pid);
    CHECK(wait_for(pid) == 0);
    CHECK_THAT(occurs(result_text(), "atexit \n") == 1 && occurs(result_text(), "atexit one\n") == 1 &&
                   occurs(result_text(), "atexit two\n") == 1,
               "%s", result_text());
}

static int joined_first(const char *group)
{
    char joined[64], ended[64];
    const char *text = result_text();
    snprintf(joined, sizeof joined, "joined %s\n", group);
    snprintf(ended, sizeof ended, "atexit %s\n", group);
    return strstr(text, joined) && strstr(text, ended) > strstr(text, joined);
}

#define BACKGROUND "threading.Thread(target=endless, daemon=True).start()\n"
#define JOINED     "threading.Thread(target=short, daemon=False).start()\n"

static void stop_after_requests_on_the_main_thread(void)
{
    check_end(serve_some, "main.py", "");
    check_end(serve_some, "main_background.py", BACKGROUND);
    check_end(serve_some, "main_joined.py", JOINED);
    CHECK_THAT(joined_first("") && joined_first("one") && joined_first("two"), "%s", result_text());
}

static void stop_after_requests_on_threads(void)
{
    check_end(serve_in_threads, "threads.py", "");
    check_end(serve_in_threads, "threads_background.py", BACKGROUND);
    check_end(serve_in_threads, "threads_joined.py", JOINED);
    CHECK_THAT(joined_first("") && joined_first("one") && joined_first("two"), "%s", result_text());
}

static void stop_while_a_thread_is_left(void)
{
    check_end(serve_in_thread_that_stays, "stays.py", "");
    check_end(serve_in_thread_that_stays, "stays_background.py", BACKGROUND);
}

static int request_after_stop(void)
{
    target to = {.callable = "hello"};
    exchange x;
    wpy_stop("");
    begin(&x, &to);
    run(&x);
    return x.outcome == WPY_NO_RESPONSE && x.failure == 503 && x.finishes == 1 && !wpy_started() ? 0 : 9;
}

static void requests_after_the_stop_are_refused(void)
{
    wpy_config config = plain_config();
    pid_t pid;
    in_child(&config, request_after_stop, &pid);
    CHECK(wait_for(pid) == 0);
}

/* An application forks, and the child comes back from it: only the parent answers, the child ends. */
static int serve_with_fork(void)
{
    static const char *const callables[] = {"forks", "forks_and_writes"};
    pid_t mine = getpid();
    int i, bad = 0;
    for (i = 0; i < 2; i++) {
        exchange x;
        get(&x, callables[i]);
        if (getpid() != mine)
            _exit(9); /* never: wpy_run_request() does not return in the child */
        bad += x.outcome != WPY_COMPLETE || strcmp(bytes_of(&x), "from the parent 0");
        fputs(log_of(&x), stderr);
        end(&x);
    }
    return bad ? 8 : 0;
}

static void forked_children_do_not_answer(void)
{
    wpy_config config = plain_config();
    pid_t pid;
    in_child(&config, serve_with_fork, &pid);
    CHECK(wait_for(pid) == 0);
}

/* ---- configuration ---- */

static int show_path(void)
{
    return wpy_import_script(script, "") || wpy_import_script(script, "one") ? 7 : 0;
}

static void python_path_and_home(void)
{
    wpy_config config = plain_config();
    char first[1024], second[1024], path[2200], wanted[4096];
    pid_t pid;
    snprintf(first, sizeof first, "%s", scratch("first"));
    snprintf(second, sizeof second, "%s", scratch("second"));
    if (mkdir(first, 0755) || mkdir(second, 0755) || mkdir(scratch("extra"), 0755))
        abort();
    write_file(scratch("first/more.pth"), "../extra\n", 1000);
    snprintf(path, sizeof path, "%s:%s", first, second);
    prepare("path.py", "import sys\nnote('|'.join(sys.path[:4]))\n");
    config.python_path = path;
    config.home = "/some/home";
    in_child(&config, show_path, &pid);
    CHECK(wait_for(pid) == 0);
    snprintf(wanted, sizeof wanted, "/some/home|%s|%s|%s\n", first, scratch("extra"), second);
    CHECK_THAT(occurs(result_text(), wanted) == 2, "%s instead of %s", result_text(), wanted);
}

static void restricted_streams(void)
{
    wpy_config config = plain_config();
    pid_t pid;
    prepare(
        "streams.py",
        "import signal, sys\nfor use in (lambda: sys.stdin.read(), lambda: print('x'), lambda: sys.stdout.write):\n"
        "    try:\n        use()\n        note('worked')\n    except OSError as error:\n        note(str(error))\n");
    config.python.options.restrict_stdin = config.python.options.restrict_stdout = 1;
    config.python.options.restrict_signal = 0;
    in_child(&config, import_it, &pid);
    CHECK(wait_for(pid) == 0);
    CHECK_THAT(occurs(result_text(), "WSGIRestrictStdin Off") == 1 &&
                   occurs(result_text(), "WSGIRestrictStdout Off") == 2 && !strstr(result_text(), "worked"),
               "%s", result_text());
}

static const tap_test tests[] = {
    TAP_TEST(service_that_returns),
    TAP_TEST(service_that_exits),
    TAP_TEST(service_gets_sigterm),
    TAP_TEST(service_has_its_own_signal_handlers),
    TAP_TEST(stop_after_requests_on_the_main_thread),
    TAP_TEST(stop_after_requests_on_threads),
    TAP_TEST(stop_while_a_thread_is_left),
    TAP_TEST(requests_after_the_stop_are_refused),
    TAP_TEST(forked_children_do_not_answer),
    TAP_TEST(python_path_and_home),
    TAP_TEST(restricted_streams),
};

TAP_MAIN(tests)
