/* SPDX-License-Identifier: Apache-2.0 */
#include "forwarded.h"

#include "apr_lib.h"
#include "apr_strings.h"

#include "../transport/forwarded.h"
#include "request.h"

/* --- the header fields -------------------------------------------------------------------------------------------- */

/* What a field tells. Fields of one kind say the same thing, so of them one counts. */
enum kind { ALL, CLIENT, SCHEME, HOST, NAME, PORT, MOUNT, KINDS };

static const struct known {
    const char *name, *key;
    enum kind kind;
} known[] = {
    {"Forwarded", "HTTP_FORWARDED", ALL},
    {"X-Forwarded-For", "HTTP_X_FORWARDED_FOR", CLIENT},
    {"X-Real-IP", "HTTP_X_REAL_IP", CLIENT},
    {"X-Client-IP", "HTTP_X_CLIENT_IP", CLIENT},
    {"X-Forwarded-Proto", "HTTP_X_FORWARDED_PROTO", SCHEME},
    {"X-Forwarded-Scheme", "HTTP_X_FORWARDED_SCHEME", SCHEME},
    {"X-Scheme", "HTTP_X_SCHEME", SCHEME},
    {"X-Forwarded-HTTPS", "HTTP_X_FORWARDED_HTTPS", SCHEME},
    {"X-Forwarded-SSL", "HTTP_X_FORWARDED_SSL", SCHEME},
    {"X-HTTPS", "HTTP_X_HTTPS", SCHEME},
    {"X-Forwarded-Host", "HTTP_X_FORWARDED_HOST", HOST},
    {"X-Host", "HTTP_X_HOST", HOST},
    {"X-Forwarded-Server", "HTTP_X_FORWARDED_SERVER", NAME},
    {"X-Forwarded-Port", "HTTP_X_FORWARDED_PORT", PORT},
    {"X-Script-Name", "HTTP_X_SCRIPT_NAME", MOUNT},
    {"X-Forwarded-Script-Name", "HTTP_X_FORWARDED_SCRIPT_NAME", MOUNT},
};

enum { STANDARD = 0, LIST = 1, N_KNOWN = sizeof known / sizeof *known };

#define EVERY_FIELD ((1u << N_KNOWN) - 1)
/* Forwarded tells these three at once. */
#define TOLD_BY_ALL (1u << CLIENT | 1u << SCHEME | 1u << HOST)

/* --- configuration ------------------------------------------------------------------------------------------------ */

const char *wap_set_trusted_header(cmd_parms *cmd, void *settings, const char *name)
{
    wap_settings *here = settings;
    char *plain = apr_pstrdup(cmd->pool, name), *names = "";
    for (char *at = plain; *at; at++)
        if (*at == '_')
            *at = '-';
    if (!here->trusted_headers)
        here->trusted_headers = apr_array_make(cmd->pool, 4, sizeof(int));
    for (int i = 0; i < N_KNOWN; i++) {
        if (!ap_cstr_casecmp(plain, known[i].name)) {
            *(int *)apr_array_push(here->trusted_headers) = i;
            return NULL;
        }
        names = apr_pstrcat(cmd->pool, names, i ? ", " : "", known[i].name, NULL);
    }
    return apr_psprintf(cmd->pool, "%s: \"%s\" is not among the header fields that it understands: %s", cmd->cmd->name,
                        name, names);
}

const char *wap_set_trusted_proxy(cmd_parms *cmd, void *settings, const char *network)
{
    wap_settings *here = settings;
    if (!here->trusted_proxies)
        here->trusted_proxies = apr_array_make(cmd->pool, 4, sizeof(wio_network));
    if (wio_network_read(network, apr_array_push(here->trusted_proxies)) < 0)
        return apr_psprintf(cmd->pool,
                            "%s: \"%s\" is neither an IP address nor a network like 10.0.0.0/8 or 2001:db8::/32",
                            cmd->cmd->name, network);
    return NULL;
}

/* --- who speaks, and which fields count --------------------------------------------------------------------------- */

static wio_proxies proxies_of(const wap_settings *settings)
{
    const apr_array_header_t *list = settings->trusted_proxies;
    return list ? (wio_proxies){(const wio_network *)list->elts, list->nelts} : (wio_proxies){NULL, -1};
}

/* Whether the peer may speak for others. It is the peer as other modules of httpd see it: behind the PROXY protocol
 * that is already the client. */
static int is_trusted(const request_rec *r, const wio_proxies *proxies)
{
    const apr_sockaddr_t *peer = r->useragent_addr;
    wio_address address;
    if (peer->family == AF_INET)
        wio_address_from_ipv4(&peer->sa.sin.sin_addr, &address);
#if APR_HAVE_IPV6
    else if (peer->family == AF_INET6)
        wio_address_from_ipv6(&peer->sa.sin6.sin6_addr, &address);
#endif
    else
        return 0;
    return wio_is_proxy(proxies, &address);
}

/* The field that counts for each kind, or -1: the last of the configured ones that the request has. Forwarded and the
 * X- fields are never mixed: a proxy writes one of the two families, so the other may be the client's. */
static void choose_fields(request_rec *r, const wap_settings *settings, int chosen[KINDS], wap_forwarded *forwarded)
{
    const apr_array_header_t *trusted = settings->trusted_headers;
    uint32_t configured = 0;
    int standard = -1;

    for (int kind = 0; kind < KINDS; kind++)
        chosen[kind] = -1;
    for (int i = trusted->nelts; i-- > 0;) {
        int field = APR_ARRAY_IDX(trusted, i, int);
        enum kind kind = known[field].kind;
        configured |= 1u << kind;
        if (chosen[kind] >= 0 || !apr_table_get(r->headers_in, known[field].name))
            continue;
        chosen[kind] = field;
        if (standard < 0 && (kind == ALL || TOLD_BY_ALL & 1u << kind))
            standard = kind == ALL;
    }
    if (standard == 1)
        chosen[CLIENT] = chosen[SCHEME] = chosen[HOST] = -1;
    else
        chosen[ALL] = -1;
    if (configured & (TOLD_BY_ALL | 1u << ALL))
        configured |= TOLD_BY_ALL | 1u << ALL;
    for (int i = 0; i < N_KNOWN; i++)
        if (configured & 1u << known[i].kind && chosen[known[i].kind] != i)
            forwarded->hidden |= 1u << i;
}

/* --- their values ------------------------------------------------------------------------------------------------- */

static const char *copy(request_rec *r, wio_text text)
{
    return apr_pstrmemdup(r->pool, text.at, text.len);
}

static const char *print(request_rec *r, const wio_address *address)
{
    char *text = apr_palloc(r->pool, WIO_ADDRESS_TEXT);
    wio_address_print(address, text);
    return text;
}

static int is_one_of(wio_text text, const char *a, const char *b, const char *c)
{
    const char *const words[] = {a, b, c};
    for (int i = 0; i < 3; i++)
        if (words[i] && strlen(words[i]) == text.len && !ap_cstr_casecmpn(text.at, words[i], text.len))
            return 1;
    return 0;
}

static const char *read_scheme(wio_text text)
{
    return is_one_of(text, "https", "on", "true") || is_one_of(text, "1", NULL, NULL)    ? "https"
           : is_one_of(text, "http", "off", "false") || is_one_of(text, "0", NULL, NULL) ? "http"
                                                                                         : NULL;
}

static const char *read_host(request_rec *r, wio_text text)
{
    return wio_is_host(text) ? copy(r, text) : NULL;
}

static const char *read_name(request_rec *r, wio_text text)
{
    return text.len && *text.at != '[' && memchr(text.at, ':', text.len) ? NULL : read_host(r, text);
}

static const char *read_port(request_rec *r, wio_text text)
{
    long port = 0;
    for (apr_size_t i = 0; i < text.len; i++) {
        if (!apr_isdigit(text.at[i]) || i == 5)
            return NULL;
        port = port * 10 + text.at[i] - '0';
    }
    return port > 0 && port < 65536 ? copy(r, text) : NULL;
}

/* A mount point as SCRIPT_NAME has it: empty, or beginning and not ending with a slash. */
static const char *read_mount(request_rec *r, const char *value)
{
    char *path = apr_pstrdup(r->pool, wap_collapse_slashes(r->pool, value));
    apr_size_t len = strlen(path);
    if (len && *path != '/')
        return NULL;
    if (len && path[len - 1] == '/')
        path[len - 1] = '\0';
    return path;
}

/* Forwarded, X-Forwarded-For: lists. The others hold one address. The number of proxies between it and us. */
static int read_client(request_rec *r, int field, const wio_proxies *proxies, wap_forwarded *forwarded)
{
    const char *value = apr_table_get(r->headers_in, known[field].name);
    wio_route route = {0};
    if (field == STANDARD || field == LIST) {
        wio_route_find(value, field == STANDARD, proxies, &route);
        if (field == STANDARD) {
            forwarded->scheme = read_scheme(route.hop.scheme);
            forwarded->host = read_host(r, route.hop.host);
        }
        /* Where everybody is trusted the list is left whole. */
        forwarded->list = route.known && proxies->count >= 0 ? route.rest : NULL;
    } else {
        route.known = !wio_address_read((wio_text){value, strlen(value)}, &route.client);
    }
    if (route.known)
        forwarded->client = print(r, &route.client);
    return route.hops;
}

static void read_fields(request_rec *r, const int chosen[KINDS], const wio_proxies *proxies, wap_forwarded *forwarded)
{
    int client = chosen[ALL] >= 0 ? chosen[ALL] : chosen[CLIENT];
    int hops = client >= 0 ? read_client(r, client, proxies, forwarded) : 0;
    if (client >= 0 && !forwarded->client && !forwarded->scheme && !forwarded->host)
        forwarded->hidden |= 1u << client;
    if (proxies->count < 0)
        hops = -1;

    for (int kind = SCHEME; kind < KINDS; kind++) {
        if (chosen[kind] < 0)
            continue;
        const char *value = apr_table_get(r->headers_in, known[chosen[kind]].name), *good = NULL;
        wio_text item = wio_list_at(value, hops);
        if (kind == SCHEME)
            good = forwarded->scheme = read_scheme(item);
        else if (kind == HOST)
            good = forwarded->host = read_host(r, item);
        else if (kind == NAME)
            good = forwarded->name = read_name(r, item);
        else if (kind == PORT)
            good = forwarded->port = read_port(r, item);
        else
            good = forwarded->mount = read_mount(r, value);
        if (!good)
            forwarded->hidden |= 1u << chosen[kind];
    }
}

const wap_forwarded *wap_forwarded_read(request_rec *r, const wap_settings *settings)
{
    if (!settings->trusted_headers)
        return NULL;
    wap_forwarded *forwarded = apr_pcalloc(r->pool, sizeof *forwarded);
    wio_proxies proxies = proxies_of(settings);
    int chosen[KINDS];
    if (is_trusted(r, &proxies)) {
        choose_fields(r, settings, chosen, forwarded);
        read_fields(r, chosen, &proxies, forwarded);
    } else {
        forwarded->hidden = EVERY_FIELD;
    }
    return forwarded;
}

const char *wap_forwarded_header(const wap_forwarded *forwarded, const char *key, apr_size_t len, const char *value)
{
    if (len < 6 || (key[5] != 'X' && key[5] != 'F'))
        return value;
    for (int i = 0; i < N_KNOWN; i++) {
        if (strlen(known[i].key) != len || memcmp(known[i].key, key, len))
            continue;
        if (forwarded->hidden & 1u << i)
            return NULL;
        return i <= LIST && forwarded->list ? forwarded->list : value;
    }
    return value;
}
