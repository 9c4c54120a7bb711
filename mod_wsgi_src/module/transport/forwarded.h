/* SPDX-License-Identifier: Apache-2.0 */
/* What proxies say about a client: lists in header fields, each proxy adding at the right. They are read from the
 * right, since only that end comes from somebody we know; what a client wrote in front of it cannot change how that
 * end is understood. Pure functions; nothing is copied, the results point into the value. */
#ifndef WSGI_TRANSPORT_FORWARDED_H
#define WSGI_TRANSPORT_FORWARDED_H

#include "addresses.h"

/* Takes the last item that is not empty off a comma list, without the blanks around it. `quotes`: commas in quoted
 * strings do not count. 1; 0 when there is none left. */
int wio_list_pop(wio_text *list, int quotes, wio_text *item);

/* One element of Forwarded (RFC 7239). len 0: not given. */
typedef struct wio_hop {
    wio_text client, scheme, host; /* for=, proto=, host= */
} wio_hop;

/* 0, or -1 when the element is malformed. */
int wio_hop_read(wio_text element, wio_hop *hop);

/* Who counts as a proxy. count < 0: everybody. */
typedef struct wio_proxies {
    const wio_network *networks;
    int count;
} wio_proxies;

int wio_is_proxy(const wio_proxies *proxies, const wio_address *address);

typedef struct wio_route {
    int known;          /* an address was found */
    wio_address client; /* the first from the right that is no proxy; else the left-most */
    const char *rest;   /* the value from there on */
    int hops;           /* items to the right of it, said by nearer proxies */
    wio_hop hop;        /* of Forwarded: what was said together with that address */
} wio_route;

/* Walks over X-Forwarded-For, or with `standard` over Forwarded, as a proxy passed it to us. Ends at what is no
 * address: the proxy that said so is then as far as we can see. */
void wio_route_find(const char *value, int standard, const wio_proxies *proxies, wio_route *route);

/* The item of another list (X-Forwarded-Proto, -Host) that was said by the proxy `hops` to the left of the nearest, or
 * the left-most; hops < 0: the left-most. len 0: the list is empty. */
wio_text wio_list_at(const char *value, int hops);

/* Whether a text is a host name or an address in brackets, then maybe a port: good for HTTP_HOST. */
int wio_is_host(wio_text text);

#endif
