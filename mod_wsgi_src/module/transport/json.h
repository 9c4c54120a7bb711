/* SPDX-License-Identifier: Apache-2.0 */
/* Writes JSON into a buffer. That memory ran out is told once, by `failed`. */
#ifndef WSGI_TRANSPORT_JSON_H
#define WSGI_TRANSPORT_JSON_H

#include <stdint.h>

#include "buffer.h"

typedef struct wio_json {
    wio_buf out; /* the caller's to init and free */
    int failed;  /* something is missing */
} wio_json;

/* '{' or '['; and the end of it, '}' or ']'. */
void wio_json_open(wio_json *json, char bracket);
void wio_json_close(wio_json *json, char bracket);

/* The key of the value that follows. */
void wio_json_key(wio_json *json, const char *key);

/* A value with its key, or without (NULL) in a list. Text is taken as latin-1, so that any bytes are good. */
void wio_json_int(wio_json *json, const char *key, int64_t value);
void wio_json_real(wio_json *json, const char *key, double value);
void wio_json_text(wio_json *json, const char *key, const char *text);

#endif
