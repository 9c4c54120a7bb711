/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

#include <errno.h>
#include <string.h>

/* The structures travel as they are, so they must have no padding. */
_Static_assert(sizeof(wio_hello) == 36, "wio_hello has padding");
_Static_assert(sizeof(wio_request) == 64, "wio_request has padding");
_Static_assert(sizeof(wio_lent) == 8 && sizeof(wio_file) == 16 && sizeof(wio_end) == 16,
               "wio_lent, wio_file or wio_end has padding");

#define PAIR_HEADER     8
#define RESPONSE_HEADER 8

void wio_frame_put(void *out, uint8_t type, uint8_t flags, uint16_t arg, uint32_t len)
{
    uint8_t *to = out;

    memcpy(to, &len, 4);
    to[4] = type;
    to[5] = flags;
    memcpy(to + 6, &arg, 2);
}

/* The payload lengths that a type allows. */
static int bounds(uint8_t type, uint32_t max_head, uint32_t *least, uint32_t *most)
{
    switch (type) {
    case WIO_HELLO:
        *least = *most = sizeof(wio_hello);
        return 0;
    case WIO_HEAD:
        *least = sizeof(wio_request);
        *most = max_head;
        return 0;
    case WIO_READ:
        *least = *most = sizeof(uint32_t);
        return 0;
    case WIO_DATA:
        *least = 0;
        *most = WIO_MAX_DATA;
        return 0;
    case WIO_RESPONSE:
        *least = RESPONSE_HEADER + 1;
        *most = WIO_MAX_RESPONSE;
        return 0;
    case WIO_LENT:
        *least = *most = sizeof(wio_lent);
        return 0;
    case WIO_FILE:
        *least = *most = sizeof(wio_file);
        return 0;
    case WIO_END:
        *least = *most = sizeof(wio_end);
        return 0;
    case WIO_ABORT:
        *least = 0;
        *most = WIO_MAX_TEXT;
        return 0;
    case WIO_RETRY:
        *least = *most = 0;
        return 0;
    default:
        return -1;
    }
}

int wio_frame_get(const void *in, uint32_t max_head, wio_frame *out)
{
    const uint8_t *from = in;
    wio_frame frame;
    uint32_t least, most;

    memcpy(&frame.len, from, 4);
    frame.type = from[4];
    frame.flags = from[5];
    memcpy(&frame.arg, from + 6, 2);

    if (bounds(frame.type, max_head, &least, &most) < 0 || frame.len < least || frame.len > most)
        return -1;
    if (frame.flags & ~(frame.type == WIO_DATA ? WIO_LAST | WIO_FAILED : 0))
        return -1;
    /* Only a failed DATA, an ABORT and a RETRY have something to say there. */
    if (frame.arg && !(frame.flags & WIO_FAILED) && frame.type != WIO_ABORT && frame.type != WIO_RETRY)
        return -1;

    *out = frame;
    return 0;
}

void wio_head_seal(wio_buf *buf, const wio_request *request)
{
    wio_frame_put(buf->data, WIO_HEAD, 0, 0, (uint32_t)(sizeof *request + request->vars_len + request->body_len));
    memcpy(buf->data + WIO_FRAME_SIZE, request, sizeof *request);
}

int wio_head_open(const void *payload, uint32_t len, wio_request *request, const uint8_t **vars, const uint8_t **body)
{
    if (len < sizeof *request)
        return -1;

    memcpy(request, payload, sizeof *request);
    if ((uint64_t)request->vars_len + request->body_len != len - sizeof *request)
        return -1;
    if (request->fixed_len > request->vars_len || request->content_length < -1)
        return -1;
    if (request->content_length >= 0 && request->body_len > request->content_length)
        return -1;
    if (request->flags & 0xffff &
        ~(uint32_t)(WIO_REQUEST_BODY_DONE | WIO_REQUEST_CHUNKED | WIO_REQUEST_IGNORE_ACTIVITY))
        return -1;

    *vars = (const uint8_t *)payload + sizeof *request;
    *body = *vars + request->vars_len;
    return 0;
}

/* --- pairs ------------------------------------------------------------------------------------------------------- */

int wio_pair_next(wio_cursor *cursor, wio_pair *pair)
{
    size_t left = (size_t)(cursor->end - cursor->at);
    uint16_t key_len, flags;
    uint32_t value_len;

    if (left == 0)
        return 0;
    if (left < PAIR_HEADER)
        return -1;

    memcpy(&key_len, cursor->at, 2);
    memcpy(&flags, cursor->at + 2, 2);
    memcpy(&value_len, cursor->at + 4, 4);
    if ((uint64_t)PAIR_HEADER + key_len + value_len + 2 > left || (flags & ~(WIO_PAIR_PATH | WIO_PAIR_HIDDEN)))
        return -1;

    const uint8_t *key = cursor->at + PAIR_HEADER;
    const uint8_t *value = key + key_len + 1;
    if (key[key_len] || value[value_len])
        return -1;

    pair->key = (const char *)key;
    pair->value = (const char *)value;
    pair->key_len = key_len;
    pair->value_len = value_len;
    pair->flags = flags;
    cursor->at = value + value_len + 1;
    return 1;
}

/* --- header fields ----------------------------------------------------------------------------------------------- */

int wio_is_plain_text(const char *text, size_t len)
{
    size_t i = 0;

    /* Eight bytes at once, as long as none is a control character, a tab or above 0x7e. */
    for (uint64_t word; len - i >= sizeof word; i += sizeof word) {
        const uint64_t ones = 0x0101010101010101u, tops = ones * 0x80;
        memcpy(&word, text + i, sizeof word);
        if ((word | (word - ones * 0x20) | (word + ones)) & tops)
            break;
    }
    for (; i < len; i++) {
        uint8_t c = (uint8_t)text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return 0;
    }
    return 1;
}

/* The characters of a token, RFC 9110 5.6.2: bit n of word c / 32 for c = ...n. */
static const uint32_t token_characters[8] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};

int wio_is_field_name(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)name[i];
        if (!(token_characters[c / 32] >> c % 32 & 1))
            return 0;
    }
    return len > 0;
}

/* ASCII only, whatever the locale says. */
int wio_is_field(const char *name, const char *lower, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((name[i] | 0x20) != lower[i])
            return 0;
    return 1;
}

int wio_is_hop_by_hop(const char *name, size_t len)
{
    static const struct {
        size_t len;
        const char *name;
    } fields[] = {{2, "te"},
                  {7, "trailer"},
                  {7, "upgrade"},
                  {8, "trailers"},
                  {10, "connection"},
                  {10, "keep-alive"},
                  {16, "proxy-connection"},
                  {17, "transfer-encoding"},
                  {18, "proxy-authenticate"},
                  {19, "proxy-authorization"}};

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (len == fields[i].len && wio_is_field(name, fields[i].name, len))
            return 1;
    return 0;
}

/* --- a response head --------------------------------------------------------------------------------------------- */

int wio_response_begin(wio_buf *buf, uint16_t status, const char *reason, size_t reason_len)
{
    if (reason_len > WIO_MAX_RESPONSE) {
        errno = EMSGSIZE;
        return -1;
    }
    if (wio_buf_reserve(buf, RESPONSE_HEADER + reason_len + 1) < 0)
        return -1;

    uint8_t *at = buf->data + buf->len;
    uint16_t none = 0;
    uint32_t len32 = (uint32_t)reason_len;

    memcpy(at, &status, 2);
    memcpy(at + 2, &none, 2);
    memcpy(at + 4, &len32, 4);
    if (reason_len)
        memcpy(at + RESPONSE_HEADER, reason, reason_len);
    at[RESPONSE_HEADER + reason_len] = 0;
    buf->len += RESPONSE_HEADER + reason_len + 1;
    return 0;
}

void wio_response_count(wio_buf *buf, size_t offset, uint16_t fields)
{
    memcpy(buf->data + offset + 2, &fields, 2);
}

static uint32_t look_at_head(const uint8_t *at, wio_head *head)
{
    uint32_t reason_len;

    memcpy(&head->status, at, 2);
    memcpy(&head->fields, at + 2, 2);
    memcpy(&reason_len, at + 4, 4);
    return reason_len;
}

static void split_head(const uint8_t *at, size_t len, uint32_t reason_len, wio_head *head)
{
    head->reason = (const char *)at + RESPONSE_HEADER;
    head->pairs.at = at + RESPONSE_HEADER + reason_len + 1;
    head->pairs.end = at + len;
}

void wio_response_view(const void *bytes, size_t len, wio_head *head)
{
    split_head(bytes, len, look_at_head(bytes, head), head);
}

int wio_response_open(const void *bytes, size_t len, wio_head *head)
{
    uint32_t reason_len;
    wio_pair pair;
    int more;

    if (len < RESPONSE_HEADER + 1)
        return -1;
    reason_len = look_at_head(bytes, head);
    if (head->status < 100 || head->status > 999 || reason_len > len - RESPONSE_HEADER - 1)
        return -1;
    split_head(bytes, len, reason_len, head);
    if (head->reason[reason_len] || !wio_is_plain_text(head->reason, reason_len))
        return -1;

    wio_cursor cursor = head->pairs;
    uint32_t fields = 0;
    while ((more = wio_pair_next(&cursor, &pair)) > 0) {
        if (!wio_is_field_name(pair.key, pair.key_len) || !wio_is_plain_text(pair.value, pair.value_len))
            return -1;
        fields++;
    }
    return more < 0 || fields != head->fields ? -1 : 0;
}
