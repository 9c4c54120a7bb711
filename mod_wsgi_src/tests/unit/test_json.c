/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <string.h>

#include "../../module/transport/json.h"
#include "tap.h"

static int is(wio_json *json, const char *text)
{
    int same = !json->failed && json->out.len == strlen(text) && !memcmp(json->out.data, text, json->out.len);
    wio_buf_free(&json->out);
    return same;
}

static void values_and_their_commas(void)
{
    wio_json json = {0};
    wio_json_open(&json, '{');
    wio_json_int(&json, "a", -1);
    wio_json_key(&json, "b");
    wio_json_open(&json, '[');
    wio_json_int(&json, NULL, 1);
    wio_json_real(&json, NULL, 2.5);
    wio_json_text(&json, NULL, "x");
    wio_json_close(&json, ']');
    wio_json_key(&json, "c");
    wio_json_open(&json, '[');
    wio_json_close(&json, ']');
    wio_json_text(&json, "d", "");
    wio_json_close(&json, '}');
    CHECK(is(&json, "{\"a\":-1,\"b\":[1,2.500000,\"x\"],\"c\":[],\"d\":\"\"}"));
}

static void text_of_any_bytes(void)
{
    wio_json json = {0};
    wio_json_text(&json, NULL, "a\"b\\c\n\x7f\xe9\x01:");
    CHECK(is(&json, "\"a\\u0022b\\u005cc\\u000a\\u007f\\u00e9\\u0001:\""));
}

static void text_that_ends_like_a_bracket(void)
{
    wio_json json = {0};
    wio_json_open(&json, '[');
    wio_json_text(&json, NULL, "[");
    wio_json_text(&json, NULL, "{:");
    wio_json_close(&json, ']');
    CHECK(is(&json, "[\"[\",\"{:\"]"));
}

static void numbers_in_a_locale_with_commas(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8"};
    wio_json json = {0};
    for (int i = 0; i < 3 && !setlocale(LC_NUMERIC, names[i]); i++)
        ;
    wio_json_real(&json, NULL, 0.25);
    setlocale(LC_NUMERIC, "C");
    CHECK(is(&json, "0.250000"));
}

static const tap_test tests[] = {TAP_TEST(values_and_their_commas), TAP_TEST(text_of_any_bytes),
                                 TAP_TEST(text_that_ends_like_a_bracket), TAP_TEST(numbers_in_a_locale_with_commas)};
TAP_MAIN(tests)
