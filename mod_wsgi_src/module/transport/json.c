/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <stdio.h>
#include <string.h>

static void put(wio_json *json, const char *text, size_t len)
{
    if (!json->failed && wio_buf_append(&json->out, text, len))
        json->failed = 1;
}

/* A comma, unless the value is the first one here or follows its key. */
static void separate(wio_json *json)
{
    if (json->out.len && !strchr("{[:", json->out.data[json->out.len - 1]))
        put(json, ",", 1);
}

static void put_text(wio_json *json, const char *text)
{
    char escaped[8];
    put(json, "\"", 1);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\' || c < 0x20 || c >= 0x7f)
            put(json, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", c));
        else
            put(json, text, 1);
    }
    put(json, "\"", 1);
}

void wio_json_open(wio_json *json, char bracket)
{
    separate(json);
    put(json, &bracket, 1);
}

void wio_json_close(wio_json *json, char bracket)
{
    put(json, &bracket, 1);
}

void wio_json_key(wio_json *json, const char *key)
{
    separate(json);
    if (!key)
        return;
    put_text(json, key);
    put(json, ":", 1);
}

void wio_json_int(wio_json *json, const char *key, int64_t value)
{
    char text[32];
    wio_json_key(json, key);
    put(json, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)value));
}

void wio_json_real(wio_json *json, const char *key, double value)
{
    char text[64], *comma;
    int len = snprintf(text, sizeof text, "%.6f", value);
    if ((comma = strchr(text, ','))) /* LC_NUMERIC of the application's choice */
        *comma = '.';
    wio_json_key(json, key);
    put(json, text, (size_t)len);
}

void wio_json_text(wio_json *json, const char *key, const char *text)
{
    wio_json_key(json, key);
    put_text(json, text);
}
