/* SPDX-License-Identifier: Apache-2.0 */
#include "addresses.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t ipv4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void wio_address_from_ipv4(const void *bytes, wio_address *address)
{
    memcpy(address->bytes, ipv4_prefix, sizeof ipv4_prefix);
    memcpy(address->bytes + sizeof ipv4_prefix, bytes, 4);
}

void wio_address_from_ipv6(const void *bytes, wio_address *address)
{
    memcpy(address->bytes, bytes, sizeof address->bytes);
}

/* --- text --------------------------------------------------------------------------------------------------------- */

/* The family of a bare address, or -1. */
static int read_bare(wio_text text, wio_address *address)
{
    char copy[WIO_ADDRESS_TEXT];
    uint8_t bytes[16];
    if (text.len >= sizeof copy || memchr(text.at, '\0', text.len))
        return -1;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1) {
        wio_address_from_ipv4(bytes, address);
        return AF_INET;
    }
    if (inet_pton(AF_INET6, copy, bytes) == 1) {
        wio_address_from_ipv6(bytes, address);
        return AF_INET6;
    }
    return -1;
}

/* What may follow an address: nothing, a port, or a name for one as RFC 7239 has it. */
static int is_port(const char *text, const char *end)
{
    if (text == end)
        return 1;
    if (*text++ != ':' || text == end)
        return 0;
    int named = *text == '_';
    if (!named && end - text > 5)
        return 0;
    for (; text < end; text++) {
        char c = *text;
        int digit = c >= '0' && c <= '9';
        int other = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.';
        if (!digit && !(named && other))
            return 0;
    }
    return 1;
}

int wio_address_read(wio_text text, wio_address *address)
{
    if (!text.len)
        return -1;
    const char *end = text.at + text.len;
    if (*text.at == '[') {
        const char *close = memchr(text.at, ']', text.len);
        if (!close || !is_port(close + 1, end))
            return -1;
        wio_text inner = {text.at + 1, (size_t)(close - text.at - 1)};
        return read_bare(inner, address) == AF_INET6 ? 0 : -1;
    }
    const char *colon = memchr(text.at, ':', text.len);
    if (!colon || memchr(colon + 1, ':', (size_t)(end - colon - 1)))
        return read_bare(text, address) < 0 ? -1 : 0;
    text.len = (size_t)(colon - text.at);
    return is_port(colon, end) && read_bare(text, address) == AF_INET ? 0 : -1;
}

static int is_ipv4(const wio_address *address)
{
    return !memcmp(address->bytes, ipv4_prefix, sizeof ipv4_prefix);
}

void wio_address_print(const wio_address *address, char text[WIO_ADDRESS_TEXT])
{
    if (is_ipv4(address))
        inet_ntop(AF_INET, address->bytes + sizeof ipv4_prefix, text, WIO_ADDRESS_TEXT);
    else
        inet_ntop(AF_INET6, address->bytes, text, WIO_ADDRESS_TEXT);
}

/* --- networks ----------------------------------------------------------------------------------------------------- */

/* The number of leading ones of an IPv4 netmask, or -1 when a one follows a zero. */
static int count_bits(const wio_address *mask)
{
    const uint8_t *bytes = mask->bytes + sizeof ipv4_prefix;
    uint32_t word = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    int bits = 0;
    for (; word & 0x80000000u; word <<= 1)
        bits++;
    return word ? -1 : bits;
}

/* The part behind the slash. -1 when it is none. */
static int read_bits(const char *text, int most)
{
    size_t len = strlen(text);
    wio_address mask;
    int bits = 0;
    if (len == 0)
        return -1;
    if (len > 3)
        return most == 32 && read_bare((wio_text){text, len}, &mask) == AF_INET ? count_bits(&mask) : -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        bits = bits * 10 + *text - '0';
    }
    return bits <= most ? bits : -1;
}

int wio_network_read(const char *text, wio_network *network)
{
    const char *slash = strchr(text, '/');
    wio_text host = {text, slash ? (size_t)(slash - text) : strlen(text)};
    int family = read_bare(host, &network->address);
    if (family < 0)
        return -1;
    int most = family == AF_INET ? 32 : 128;
    int bits = slash ? read_bits(slash + 1, most) : most;
    if (bits < 0)
        return -1;
    network->bits = (uint8_t)(bits + 128 - most);
    return 0;
}

static int holds(const wio_network *network, const wio_address *address)
{
    unsigned bytes = network->bits / 8, rest = network->bits % 8;
    if (memcmp(network->address.bytes, address->bytes, bytes))
        return 0;
    return !rest || !((network->address.bytes[bytes] ^ address->bytes[bytes]) >> (8 - rest));
}

int wio_network_has(const wio_network *networks, int count, const wio_address *address)
{
    for (int i = 0; i < count; i++)
        if (holds(&networks[i], address))
            return 1;
    return 0;
}
