/* SPDX-License-Identifier: Apache-2.0 */
/* The module record and its hooks; what they do is elsewhere. */
#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"

#include "alias.h"
#include "config.h"
#include "directives.h"
#include "embedded.h"
#include "generation.h"
#include "hook.h"
#include "request.h"
#include "spooling.h"

static int handle(request_rec *r)
{
    wap_request request;
    int status = wap_request_prepare(r, &request);
    if (status == OK)
        status = request.group ? wap_client_run(&request) : wap_embedded_run(&request);
    wio_buf_free(&request.head);
    return status;
}

static void register_hooks(apr_pool_t *pool)
{
    /* An Alias wins over a WSGIScriptAlias, so that static files can be taken out of an application's URLs. */
    static const char *const after[] = {"mod_alias.c", NULL};

    ap_hook_check_config(wap_check_config, NULL, NULL, APR_HOOK_LAST);
    ap_hook_optional_fn_retrieve(wap_find_optional_functions, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(wap_embedded_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(wap_spooling_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_translate_name(wap_translate, after, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(handle, NULL, NULL, APR_HOOK_MIDDLE);
    wap_access_register_hooks(pool);
    wap_generation_register_hooks(pool);
}

module AP_MODULE_DECLARE_DATA wsgi_module = {
    STANDARD20_MODULE_STUFF, wap_create_settings, wap_merge_settings, wap_create_server,
    wap_merge_servers,       wap_directives,      register_hooks,     0,
};
