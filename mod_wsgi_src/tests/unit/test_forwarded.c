/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, networks, and what lists of proxies say about a client. */
#include <string.h>

#include "../../module/transport/forwarded.h"
#include "tap.h"

static wio_text text(const char *string)
{
    return (wio_text){string, strlen(string)};
}

static int is(wio_text part, const char *string)
{
    return part.len == strlen(string) && !memcmp(part.at, string, part.len);
}

/* --- addresses ---------------------------------------------------------------------------------------------------- */

static void addresses_are_read_with_and_without_port(void)
{
    static const char *const good[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1:80", "192.0.2.1"},
        {"192.0.2.1:_hidden", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:65535", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"[::ffff:192.0.2.1]:8080", "192.0.2.1"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        wio_address address;
        char printed[WIO_ADDRESS_TEXT];
        CHECK_THAT(!wio_address_read(text(good[i][0]), &address), "%s", good[i][0]);
        wio_address_print(&address, printed);
        CHECK_THAT(!strcmp(printed, good[i][1]), "%s reads as %s", good[i][0], printed);
    }
}

static void what_is_no_address_is_refused(void)
{
    static const char *const bad[] = {"",         "unknown",       "_hidden",        "1.2.3",    "1.2.3.4.5",
                                      "1.2.3.4:", "1.2.3.4:x",     "1.2.3.4:123456", "1.2.3.4 ", "[1.2.3.4]",
                                      "[::1",     "::1]",          "[::1]x",         "[::1]:",   "256.0.0.1",
                                      ":80",      "fe80::1%eth0",  "1.2.3.4/8",      "[]:80",    "12345:db8::1",
                                      "::1:",     "http://1.2.3.4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        wio_address address;
        CHECK_THAT(wio_address_read(text(bad[i]), &address) < 0, "%s", bad[i]);
    }
    wio_address address;
    CHECK(wio_address_read((wio_text){"1.2.3.4\0", 8}, &address) < 0);
}

static int in(const char *network, const char *address)
{
    wio_network net;
    wio_address ip;
    if (wio_network_read(network, &net) || wio_address_read(text(address), &ip))
        return -1;
    return wio_network_has(&net, 1, &ip);
}

static void networks_hold_what_they_say(void)
{
    CHECK(in("192.0.2.1", "192.0.2.1") == 1);
    CHECK(in("192.0.2.1", "192.0.2.2") == 0);
    CHECK(in("10.0.0.0/8", "10.255.0.1") == 1);
    CHECK(in("10.0.0.0/8", "11.0.0.1") == 0);
    CHECK(in("10.9.8.7/8", "10.1.1.1") == 1);
    CHECK(in("10.0.0.0/255.240.0.0", "10.15.0.1") == 1);
    CHECK(in("10.0.0.0/255.240.0.0", "10.16.0.1") == 0);
    CHECK(in("192.0.2.128/25", "192.0.2.127") == 0);
    CHECK(in("192.0.2.128/25", "192.0.2.129") == 1);
    CHECK(in("0.0.0.0/0", "203.0.113.9") == 1);
    CHECK(in("0.0.0.0/0", "2001:db8::1") == 0);
    CHECK(in("::/0", "2001:db8::1") == 1);
    CHECK(in("2001:db8::/33", "2001:db8:7fff::1") == 1);
    CHECK(in("2001:db8::/33", "2001:db8:8000::1") == 0);
    CHECK(in("10.0.0.0/8", "::ffff:10.1.2.3") == 1);
    CHECK(in("::1/128", "::1") == 1);
}

static void what_is_no_network_is_refused(void)
{
    static const char *const bad[] = {"",
                                      "10/8",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/-1",
                                      "::1/129",
                                      "::1/255.0.0.0",
                                      "10.0.0.0/255.0.255.0",
                                      "10.0.0.0/8x",
                                      "example.org",
                                      "10.0.0.0/8/8"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        wio_network network;
        CHECK_THAT(wio_network_read(bad[i], &network) < 0, "%s", bad[i]);
    }
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

static void lists_are_read_from_the_right(void)
{
    wio_text list = text(" a ,, \"b, c\\\", d\" , e,"), item;
    CHECK(wio_list_pop(&list, 1, &item) && is(item, "e"));
    CHECK(wio_list_pop(&list, 1, &item) && is(item, "\"b, c\\\", d\""));
    CHECK(wio_list_pop(&list, 1, &item) && is(item, "a"));
    CHECK(!wio_list_pop(&list, 1, &item));
    list = text("x, \"y");
    CHECK(wio_list_pop(&list, 0, &item) && is(item, "\"y"));

    CHECK(is(wio_list_at("https, http", 0), "http"));
    CHECK(is(wio_list_at("https, http", 1), "https"));
    CHECK(is(wio_list_at("https, http", 7), "https"));
    CHECK(is(wio_list_at("a, b, c", -1), "a"));
    CHECK(wio_list_at(" , ", 0).len == 0);
}

static const char *walk(const char *value, int standard, int everybody, wio_route *route)
{
    static char printed[WIO_ADDRESS_TEXT];
    wio_network networks[2];
    wio_proxies proxies = {networks, everybody ? -1 : 2};
    wio_network_read("10.0.0.0/8", &networks[0]);
    wio_network_read("2001:db8::/32", &networks[1]);
    wio_route_find(value, standard, &proxies, route);
    if (!route->known)
        return "";
    wio_address_print(&route->client, printed);
    return printed;
}

static void the_walk_ends_at_the_first_that_is_no_proxy(void)
{
    static const struct {
        const char *value, *client, *rest;
        int everybody;
    } cases[] = {
        {"1.1.1.1, 2.2.2.2, 10.1.1.1", "2.2.2.2", "2.2.2.2, 10.1.1.1", 0},
        {"2.2.2.2", "2.2.2.2", "2.2.2.2", 0},
        {"10.2.2.2, 10.1.1.1", "10.2.2.2", "10.2.2.2, 10.1.1.1", 0},
        {"garbage, 10.1.1.1", "10.1.1.1", "10.1.1.1", 0},
        {"1.1.1.1,, ,10.1.1.1,", "1.1.1.1", "1.1.1.1,, ,10.1.1.1,", 0},
        {"2001:db8::9, [2001:db8::1]:80", "2001:db8::9", "2001:db8::9, [2001:db8::1]:80", 0},
        {"fe80::9, ::ffff:10.0.0.1", "fe80::9", "fe80::9, ::ffff:10.0.0.1", 0},
        {"garbage", "", NULL, 0},
        {"", "", NULL, 0},
        {"1.1.1.1, 2.2.2.2", "1.1.1.1", "1.1.1.1, 2.2.2.2", 1},
        {"unknown, 2.2.2.2", "2.2.2.2", "2.2.2.2", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wio_route route;
        const char *client = walk(cases[i].value, 0, cases[i].everybody, &route);
        CHECK_THAT(!strcmp(client, cases[i].client), "'%s' gives %s", cases[i].value, client);
        CHECK_THAT(!cases[i].rest || !strcmp(route.rest, cases[i].rest), "'%s' leaves %s", cases[i].value, route.rest);
    }
}

static void elements_of_forwarded_are_read(void)
{
    wio_hop hop;
    CHECK(!wio_hop_read(text("for=192.0.2.60;proto=http;by=203.0.113.43"), &hop));
    CHECK(is(hop.client, "192.0.2.60") && is(hop.scheme, "http") && hop.host.len == 0);
    CHECK(!wio_hop_read(text("For=\"[2001:db8:cafe::17]:4711\" ; HOST=\"a.example:81\";secret=x;"), &hop));
    CHECK(is(hop.client, "[2001:db8:cafe::17]:4711") && is(hop.host, "a.example:81"));
    CHECK(!wio_hop_read(text("for=192.0.2.60:80"), &hop) && is(hop.client, "192.0.2.60:80"));
    CHECK(!wio_hop_read(text(";;"), &hop) && hop.client.len == 0);

    static const char *const bad[] = {
        "for",         "for=",           "for=\"1.2.3.4", "=x",        "for=1.2.3.4 proto=https",
        "for=a;for=b", "for=\"a\\\"b\"", "for=a,b",       "for=\"a\"b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_THAT(wio_hop_read(text(bad[i]), &hop) < 0, "%s", bad[i]);
}

static void the_walk_over_forwarded_takes_what_was_said_with_the_address(void)
{
    wio_route route;
    CHECK(!strcmp(
        walk("for=1.1.1.1;proto=ftp, for=2.2.2.2;proto=https;host=a.example, for=10.0.0.1;proto=http", 1, 0, &route),
        "2.2.2.2"));
    CHECK(is(route.hop.scheme, "https") && is(route.hop.host, "a.example") && route.hops == 1);
    /* The nearest proxy hides the address, yet what else it says is good. */
    CHECK(!strcmp(walk("for=1.1.1.1, for=unknown;proto=https", 1, 0, &route), "") && is(route.hop.scheme, "https"));
    /* A client cannot swallow what a proxy adds. */
    CHECK(!strcmp(walk("for=\"evil, for=3.3.3.3;proto=https", 1, 0, &route), "3.3.3.3"));
    CHECK(!strcmp(walk("for=\"evil\\, for=\"3.3.3.3\"", 1, 0, &route), "3.3.3.3"));
}

static void hosts_are_checked(void)
{
    static const char *const good[] = {"a.example", "a.example:81", "192.0.2.1", "[2001:db8::1]", "[::1]:80", "x_y-z"};
    static const char *const bad[] = {"",    "a b",  "a/b", "a@b",      "a:",  ":80",     "a:123456",
                                      "a:b", "[::1", "a,b", "<script>", "::1", "[::1]:_p"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK_THAT(wio_is_host(text(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_THAT(!wio_is_host(text(bad[i])), "%s", bad[i]);
}

static const tap_test tests[] = {
    TAP_TEST(addresses_are_read_with_and_without_port),
    TAP_TEST(what_is_no_address_is_refused),
    TAP_TEST(networks_hold_what_they_say),
    TAP_TEST(what_is_no_network_is_refused),
    TAP_TEST(lists_are_read_from_the_right),
    TAP_TEST(the_walk_ends_at_the_first_that_is_no_proxy),
    TAP_TEST(elements_of_forwarded_are_read),
    TAP_TEST(the_walk_over_forwarded_takes_what_was_said_with_the_address),
    TAP_TEST(hosts_are_checked),
};

TAP_MAIN(tests)
