/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer target for the lists that proxies send. Besides staying inside the text, one property must hold: whatever a
 * client wrote, what the proxy next to us added behind it is understood the same. */
#include <stdlib.h>
#include <string.h>

#include "../../../module/transport/forwarded.h"

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

static void require_inside(const char *value, wio_text part)
{
    REQUIRE(!part.len || (part.at >= value && part.at + part.len <= value + strlen(value)));
}

static void walk(const char *value, int standard, const wio_proxies *proxies)
{
    wio_route route;
    char text[WIO_ADDRESS_TEXT];
    wio_route_find(value, standard, proxies, &route);
    require_inside(value, route.hop.client);
    require_inside(value, route.hop.scheme);
    require_inside(value, route.hop.host);
    if (route.known) {
        wio_address again;
        require_inside(value, (wio_text){route.rest, strlen(route.rest)});
        wio_address_print(&route.client, text);
        REQUIRE(!wio_address_read((wio_text){text, strlen(text)}, &again));
        REQUIRE(!memcmp(&again, &route.client, sizeof again));
    }
    wio_text item = wio_list_at(value, route.hops);
    require_inside(value, item);
    wio_is_host(item);
}

static void append(const char *value, const char *added, int standard, const wio_proxies *proxies)
{
    size_t len = strlen(value);
    char *whole = malloc(len + strlen(added) + 1);
    wio_route route;
    wio_address client;
    REQUIRE(whole && !wio_address_read((wio_text){"192.0.2.1", 9}, &client));
    memcpy(whole, value, len);
    strcpy(whole + len, added);
    wio_route_find(whole, standard, proxies, &route);
    REQUIRE(route.known && route.hops == 0 && !memcmp(&route.client, &client, sizeof client));
    REQUIRE(!standard || (route.hop.scheme.len == 5 && !memcmp(route.hop.scheme.at, "https", 5)));
    free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wio_network networks[2];
    const wio_proxies some = {networks, 2}, everybody = {NULL, -1};
    REQUIRE(!wio_network_read("10.0.0.0/8", &networks[0]) && !wio_network_read("2001:db8::/33", &networks[1]));

    char *value = malloc(size + 1);
    if (!value)
        return 0;
    if (size)
        memcpy(value, data, size);
    value[size] = '\0';

    wio_network network;
    if (!wio_network_read(value, &network))
        REQUIRE(network.bits <= 128);
    for (int standard = 0; standard < 2; standard++) {
        walk(value, standard, &some);
        walk(value, standard, &everybody);
    }
    append(value, ", 192.0.2.1", 0, &some);
    append(value, ", for=\"192.0.2.1:80\"; proto=https", 1, &some);
    free(value);
    return 0;
}
