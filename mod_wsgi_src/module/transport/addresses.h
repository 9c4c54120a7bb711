/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses and networks of them. Pure functions over text and bytes. */
#ifndef WSGI_TRANSPORT_ADDRESSES_H
#define WSGI_TRANSPORT_ADDRESSES_H

#include <stddef.h>
#include <stdint.h>

/* In network order; an IPv4 address as ::ffff:a.b.c.d, so that both forms of one address are one. */
typedef struct wio_address {
    uint8_t bytes[16];
} wio_address;

typedef struct wio_network {
    wio_address address;
    uint8_t bits; /* of 128: how many must be equal */
} wio_network;

#define WIO_ADDRESS_TEXT 46 /* room for the longest text and its NUL */

/* Part of a text; not NUL terminated. */
typedef struct wio_text {
    const char *at;
    size_t len;
} wio_text;

/* Reads 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1] or [2001:db8::1]:80. 0, or -1 when it is none. */
int wio_address_read(wio_text text, wio_address *address);

/* From 4 or 16 bytes in network order. */
void wio_address_from_ipv4(const void *bytes, wio_address *address);
void wio_address_from_ipv6(const void *bytes, wio_address *address);

/* The shortest usual text; IPv4 addresses as such. */
void wio_address_print(const wio_address *address, char text[WIO_ADDRESS_TEXT]);

/* Reads an address, address/bits or an IPv4 address/netmask. 0, or -1 when it is none. */
int wio_network_read(const char *text, wio_network *network);

/* Whether one of the networks holds the address. */
int wio_network_has(const wio_network *networks, int count, const wio_address *address);

#endif
