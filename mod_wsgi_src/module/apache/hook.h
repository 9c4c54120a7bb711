/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts that are asked about a request in the Apache child, whatever mode answers it: WSGIAccessScript,
 * WSGIAuthUserScript, WSGIAuthGroupScript, WSGIDispatchScript. */
#ifndef WSGI_APACHE_HOOK_H
#define WSGI_APACHE_HOOK_H

#include "../python/hook.h"
#include "config.h"

/* Directive function of all four, as httpd's RAW_ARGS calls it; cmd->info is the offset of the field in
 * wap_settings. */
const char *wap_set_hook_script(cmd_parms *cmd, void *settings, const char *args);

/* Asks functions of the script, Python started when it does not run yet. `vars` are the pairs of its environ, or NULL
 * for those of a request that has no target yet. 0; -1 on any failure, which is logged. */
int wap_ask(request_rec *r, const wap_script *script, const wio_buf *vars, const wpy_question *questions, int count,
            wpy_answer *answers);

/* Asks one function. The answer, its text in memory of r->pool; kind 0 when it failed. */
wpy_answer wap_ask_one(request_rec *r, const wap_script *script, const wpy_question *question);

/* register_hooks: the access checker, the provider `wsgi` of Basic and Digest, and `Require wsgi-group`. */
void wap_access_register_hooks(apr_pool_t *pool);

#endif
