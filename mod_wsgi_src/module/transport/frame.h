/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes on the inner socket, and the two flat encodings that both modes share. Pure functions: no I/O, no
 * allocation but by wio_buf; host byte order, since both ends are one shared object on one host (HELLO proves it).
 *
 * A frame is a wio_frame header of 8 bytes and `len` bytes of payload:
 *
 *   0        4      5       6        8
 *   | len u32 | type | flags | arg u16 | payload |
 *
 * Who sends what (c = Apache child, d = daemon):
 *   HELLO    c>d  wio_hello, in one send with the first HEAD of a connection; the daemon answers nothing when it is
 *                 right
 *   HEAD     c>d  wio_request, then variables, then an inline body
 *   READ     d>c  payload u32: bytes wanted; the daemon then waits in recv, so the wire is half-duplex
 *   DATA     both body bytes. c>d: flags may carry WIO_LAST (no more body) or WIO_FAILED (arg = errno: body lost)
 *   RESPONSE d>c  a head (status and header fields)
 *   LENT     d>c  wio_lent: body bytes in a slot of the shelf, which is the child's to give back
 *   FILE     d>c  wio_file + one descriptor by SCM_RIGHTS
 *   END      d>c  wio_end: only this makes the response whole
 *   ABORT    d>c  arg = wio_abort_code; before a RESPONSE the HTTP status to answer. The daemon has logged the cause
 *   RETRY    d>c  arg = wio_retry_reason; legal only before the request was claimed
 */
#ifndef WSGI_TRANSPORT_FRAME_H
#define WSGI_TRANSPORT_FRAME_H

#include <errno.h>
#include <string.h>

#include "buffer.h"

#define WIO_PROTOCOL_VERSION 1u
#define WIO_MAGIC            0x57534749u /* "WSGI" */
#define WIO_ORDER            0x01020304u
#define WIO_TOKEN_SIZE       16

enum wio_type {
    WIO_HELLO = 1,
    WIO_HEAD,
    WIO_READ,
    WIO_DATA,
    WIO_RESPONSE,
    WIO_FILE,
    WIO_END,
    WIO_ABORT,
    WIO_RETRY,
    WIO_LENT
};

enum wio_frame_flag { WIO_LAST = 1, WIO_FAILED = 2 };

enum wio_abort_code {
    WIO_ABORT_EXCEPTION = 1, /* the application raised after output began, or its iterable did */
    WIO_ABORT_SHORT,         /* fewer bytes than its Content-Length */
    WIO_ABORT_TIMEOUT,       /* request-timeout */
    WIO_ABORT_PROTOCOL,      /* a frame made no sense */
    WIO_ABORT_INTERNAL       /* out of memory and the like */
};

enum wio_retry_reason { WIO_RETRY_RELOAD = 1, WIO_RETRY_DRAINING };

typedef struct wio_frame {
    uint32_t len;
    uint8_t type;
    uint8_t flags;
    uint16_t arg;
} wio_frame;

#define WIO_FRAME_SIZE 8

typedef struct wio_hello {
    uint32_t magic, version, order, generation;
    uint32_t row; /* the child's row on the board */
    uint8_t token[WIO_TOKEN_SIZE];
} wio_hello;

enum wio_request_flag {
    WIO_REQUEST_BODY_DONE = 1,
    WIO_REQUEST_CHUNKED = 2,
    WIO_REQUEST_IGNORE_ACTIVITY = 4 /* it does not count for inactivity-timeout */
};
#define WIO_REQUEST_REPLAYS 16 /* wio_request.flags from this bit on: how many daemons gave it back before */

typedef struct wio_request {
    uint64_t id;              /* never repeats within a generation */
    int64_t request_start_us; /* wall clock: Apache received the request */
    int64_t queue_start_us;   /* wall clock: the child offered it */
    int64_t content_length;   /* -1: unknown (chunked); 0: no body */
    int64_t script_mtime_us;  /* 0: do not check */
    uint32_t vhost;           /* index of the virtual host, for its error log */
    uint32_t word;            /* claim word on the board */
    uint32_t flags;           /* wio_request_flag */
    uint32_t fixed_len;       /* first bytes of the variables, the part that rarely changes */
    uint32_t vars_len;
    uint32_t body_len; /* inline body behind the variables */
} wio_request;

typedef struct wio_lent {
    uint32_t slot, length;
} wio_lent;

typedef struct wio_file {
    uint64_t offset, length;
} wio_file;
typedef struct wio_end {
    uint64_t body_bytes, application_us;
} wio_end;

/* Decoder limits: a frame that claims more is a protocol error, checked before anything is allocated. */
#define WIO_MAX_DATA     (1u << 20)
#define WIO_MAX_RESPONSE (1u << 20)
#define WIO_MAX_TEXT     8192u

/* Room to leave in front of the variables so that a HEAD frame is completed in place and sent as one block. */
#define WIO_HEAD_ROOM (WIO_FRAME_SIZE + sizeof(wio_request))

/* Writes the header for a payload of `len` bytes to `out` (WIO_FRAME_SIZE bytes). */
void wio_frame_put(void *out, uint8_t type, uint8_t flags, uint16_t arg, uint32_t len);

/* Reads a header. 0, or -1 when type, flags or length are out of bounds. `max_head` bounds a HEAD's payload. */
int wio_frame_get(const void *in, uint32_t max_head, wio_frame *out);

/* Completes the HEAD frame whose variables (request->vars_len bytes, then body_len bytes) stand in buf->data behind
 * WIO_HEAD_ROOM bytes. */
void wio_head_seal(wio_buf *buf, const wio_request *request);

/* Splits a HEAD payload in place. 0, or -1 when its lengths do not add up. */
int wio_head_open(const void *payload, uint32_t len, wio_request *request, const uint8_t **vars, const uint8_t **body);

/* --- pairs: [u16 key_len][u16 flags][u32 value_len] key NUL value NUL ------------------------------------------- */

enum wio_pair_flag {
    WIO_PAIR_PATH = 1,  /* a file name: decode with the file system's encoding, not latin-1 */
    WIO_PAIR_HIDDEN = 2 /* for us, not for the application's environ */
};

typedef struct wio_pair {
    const char *key, *value; /* NUL terminated, inside the encoded bytes */
    uint32_t key_len, value_len;
    uint16_t flags;
} wio_pair;

typedef struct wio_cursor {
    const uint8_t *at, *end;
} wio_cursor;

/* 0, or -1 with errno ENOMEM or EMSGSIZE (key over 65535, value over 2^31). Here, since a request has fifty of them. */
static inline int wio_pair_put(wio_buf *buf, uint16_t flags, const char *key, size_t key_len, const char *value,
                               size_t value_len)
{
    const struct {
        uint16_t key_len, flags;
        uint32_t value_len;
    } header = {(uint16_t)key_len, flags, (uint32_t)value_len};

    if (key_len > UINT16_MAX || value_len > INT32_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    if (wio_buf_reserve(buf, sizeof header + key_len + value_len + 2) < 0)
        return -1;

    uint8_t *at = buf->data + buf->len;
    memcpy(at, &header, sizeof header);
    at += sizeof header;
    if (key_len)
        memcpy(at, key, key_len);
    at[key_len] = 0;
    at += key_len + 1;
    if (value_len)
        memcpy(at, value, value_len);
    at[value_len] = 0;
    buf->len += sizeof header + key_len + value_len + 2;
    return 0;
}

/* 1 and a pair, 0 at the end, -1 when the bytes are malformed. */
int wio_pair_next(wio_cursor *cursor, wio_pair *pair);

/* --- a response head: [u16 status][u16 fields][u32 reason_len] reason NUL pairs ---------------------------------- */

typedef struct wio_head {
    uint16_t status, fields;
    const char *reason; /* "OK": the text behind the code; NUL terminated */
    wio_cursor pairs;   /* the header fields, in the application's order, doubles kept */
} wio_head;

/* Begins a head at the end of `buf`; fields follow by wio_pair_put(), then wio_response_count() with the head's offset
 * (the value of buf->len before the call). 0, or -1 with errno ENOMEM. */
int wio_response_begin(wio_buf *buf, uint16_t status, const char *reason, size_t reason_len);
void wio_response_count(wio_buf *buf, size_t offset, uint16_t fields);

/* Opens an encoded head, checking every field. 0, or -1 when malformed. */
int wio_response_open(const void *bytes, size_t len, wio_head *head);
/* Opens a head that this process has made, and checks nothing. */
void wio_response_view(const void *bytes, size_t len, wio_head *head);

/* --- header fields ----------------------------------------------------------------------------------------------- */

/* No control character but a tab: such text cannot begin another header field or end the head. */
int wio_is_plain_text(const char *text, size_t len);
/* A token of RFC 9110 5.6.2. */
int wio_is_field_name(const char *name, size_t len);
/* Whether a field name is `lower`, of the same length, in any case. */
int wio_is_field(const char *name, const char *lower, size_t len);
/* Fields that belong to one connection: an application must not set them (PEP 3333), and those about framing would put
 * the client out of step. */
int wio_is_hop_by_hop(const char *name, size_t len);

#endif
