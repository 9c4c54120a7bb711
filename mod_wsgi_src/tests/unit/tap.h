/* SPDX-License-Identifier: Apache-2.0 */
/* A test runner that speaks TAP. A test is a function; CHECK notes the first thing wrong with it. */
#ifndef WSGI_TEST_TAP_H
#define WSGI_TEST_TAP_H

typedef struct tap_test {
    const char *name;
    void (*run)(void);
} tap_test;

#define TAP_TEST(function) {#function, function}

/* Runs every test. The exit code of main: 0 when all passed. */
int tap_run(const tap_test *tests, int count);
#define TAP_MAIN(tests)                                                                                                \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        return tap_run(tests, (int)(sizeof(tests) / sizeof *(tests)));                                                 \
    }

/* Says where and why the running test failed, once. Any thread. */
void tap_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            tap_fail(__FILE__, __LINE__, "%s", #condition);                                                            \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/* With a text of its own, where the condition alone would not tell which of many cases it was. */
#define CHECK_THAT(condition, ...)                                                                                     \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            tap_fail(__FILE__, __LINE__, __VA_ARGS__);                                                                 \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/* The running test has failed already. */
int tap_failed(void);

/* How often a property is tried: TAP_ROUNDS of the environment, else `normally`. */
long tap_rounds(long normally);

/* A small reproducible random source. */
unsigned tap_random(unsigned *seed);

/* How many descriptors are open. */
int tap_open_fds(void);

#endif
