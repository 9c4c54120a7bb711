/* SPDX-License-Identifier: Apache-2.0 */
#include "forwarded.h"

#include <string.h>

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static wio_text trim(wio_text text)
{
    while (text.len && is_blank(text.at[text.len - 1]))
        text.len--;
    while (text.len && is_blank(*text.at)) {
        text.at++;
        text.len--;
    }
    return text;
}

/* Whether the quote at `at` stands behind an odd number of backslashes. */
static int is_escaped(const char *text, size_t at)
{
    size_t count = 0;
    while (count < at && text[at - count - 1] == '\\')
        count++;
    return (int)(count & 1);
}

/* Where the last item begins. */
static size_t last_begin(wio_text list, int quotes)
{
    size_t at = list.len;
    int inside = 0;
    for (; at; at--) {
        char c = list.at[at - 1];
        if (quotes && c == '"' && !(inside && is_escaped(list.at, at - 1)))
            inside = !inside;
        else if (c == ',' && !inside)
            break;
    }
    return at;
}

int wio_list_pop(wio_text *list, int quotes, wio_text *item)
{
    while (list->len) {
        size_t begin = last_begin(*list, quotes);
        *item = trim((wio_text){list->at + begin, list->len - begin});
        list->len = begin ? begin - 1 : 0;
        if (item->len)
            return 1;
    }
    return 0;
}

/* --- RFC 7239 ----------------------------------------------------------------------------------------------------- */

static int is_token_char(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return 1;
    return c && strchr("!#$%&'*+-.^_`|~", c);
}

/* Takes a token, maybe an empty one. */
static wio_text take_token(wio_text *text)
{
    wio_text token = {text->at, 0};
    while (token.len < text->len && is_token_char(token.at[token.len]))
        token.len++;
    text->at += token.len;
    text->len -= token.len;
    return token;
}

static int take_char(wio_text *text, char c)
{
    if (!text->len || *text->at != c)
        return 0;
    text->at++;
    text->len--;
    return 1;
}

/* A token or a quoted string. None of the values that we use needs an escape, so one is an error. */
static int take_value(wio_text *text, wio_text *value)
{
    if (!take_char(text, '"')) {
        /* Colons and brackets belong into quotes, and are often seen without. */
        *value = (wio_text){text->at, 0};
        while (text->len && (is_token_char(*text->at) || strchr(":[]", *text->at)) && *text->at) {
            text->at++;
            text->len--;
            value->len++;
        }
        return value->len ? 0 : -1;
    }
    const char *close = memchr(text->at, '"', text->len);
    if (!close || memchr(text->at, '\\', (size_t)(close - text->at)))
        return -1;
    *value = (wio_text){text->at, (size_t)(close - text->at)};
    text->len -= value->len + 1;
    text->at = close + 1;
    return 0;
}

static int is_name(wio_text text, const char *name)
{
    size_t i;
    for (i = 0; i < text.len && name[i]; i++)
        if ((text.at[i] >= 'A' && text.at[i] <= 'Z' ? text.at[i] + 32 : text.at[i]) != name[i])
            return 0;
    return i == text.len && !name[i];
}

int wio_hop_read(wio_text element, wio_hop *hop)
{
    memset(hop, 0, sizeof *hop);
    for (;;) {
        element = trim(element);
        wio_text name = take_token(&element), value, ignored = {NULL, 0};
        if (name.len) {
            if (!take_char(&element, '=') || take_value(&element, &value))
                return -1;
            wio_text *field = is_name(name, "for")     ? &hop->client
                              : is_name(name, "proto") ? &hop->scheme
                              : is_name(name, "host")  ? &hop->host
                                                       : &ignored;
            if (field->len) /* said twice */
                return -1;
            *field = value;
        }
        element = trim(element);
        if (!element.len)
            return 0;
        if (!take_char(&element, ';'))
            return -1;
    }
}

/* --- the walk ----------------------------------------------------------------------------------------------------- */

int wio_is_proxy(const wio_proxies *proxies, const wio_address *address)
{
    return proxies->count < 0 || wio_network_has(proxies->networks, proxies->count, address);
}

void wio_route_find(const char *value, int standard, const wio_proxies *proxies, wio_route *route)
{
    wio_text list = {value, strlen(value)}, item;
    wio_address address;
    memset(route, 0, sizeof *route);
    for (int i = 0; wio_list_pop(&list, standard, &item); i++) {
        wio_text client = item;
        if (standard) {
            wio_hop hop;
            if (wio_hop_read(item, &hop))
                return;
            route->hop = hop;
            client = hop.client;
        }
        if (wio_address_read(client, &address))
            return;
        route->known = 1;
        route->client = address;
        route->rest = item.at;
        route->hops = i;
        if (!wio_is_proxy(proxies, &address))
            return;
    }
}

wio_text wio_list_at(const char *value, int hops)
{
    wio_text list = {value, strlen(value)}, item, found = {value, 0};
    for (int i = 0; (hops < 0 || i <= hops) && wio_list_pop(&list, 0, &item); i++)
        found = item;
    return found;
}

/* --- hosts -------------------------------------------------------------------------------------------------------- */

int wio_is_host(wio_text text)
{
    wio_address address;
    size_t i = 0, digits = 0;
    if (text.len && *text.at == '[')
        return !wio_address_read(text, &address) && !memchr(text.at, '_', text.len);
    for (; i < text.len && text.at[i] != ':'; i++) {
        char c = text.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
              c == '_'))
            return 0;
    }
    if (i == 0 || i > 255)
        return 0;
    if (i == text.len)
        return 1;
    for (i++; i < text.len; i++, digits++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return 0;
    return digits > 0 && digits <= 5;
}
