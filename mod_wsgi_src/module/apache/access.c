/* SPDX-License-Identifier: Apache-2.0 */
/* Who may in and who is who, as scripts say. Every failure, a missing script, an exception, an answer of a wrong type,
 * is an error of the server: never a way in. */
#include "ap_provider.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_log.h"
#include "http_request.h"
#include "mod_auth.h"

#include "../transport/message.h"
#include "forwarded.h"
#include "hook.h"

/* --- WSGIAccessScript --------------------------------------------------------------------------------------------- */

/* The client as the script is told: what a trusted proxy said, else the host's name when httpd looks it up. */
static const char *client_of(request_rec *r)
{
    const wap_forwarded *forwarded = wap_forwarded_read(r, wap_request_settings(r));
    return forwarded && forwarded->client ? forwarded->client : ap_get_useragent_host(r, REMOTE_NAME, NULL);
}

static int check_access(request_rec *r)
{
    const wap_script *script = wap_request_settings(r)->access_script;
    if (!script)
        return DECLINED;
    const wpy_question question = {
        .function = "allow_access", .arguments = {client_of(r)}, .allowed = WPY_ANSWER_NONE | WPY_ANSWER_FLAG};
    wpy_answer answer = wap_ask_one(r, script, &question);
    switch (answer.kind) {
    case WPY_ANSWER_NONE:
        return DECLINED;
    case WPY_ANSWER_FLAG:
        if (answer.flag)
            return OK;
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, MWS(4121) "client denied by WSGIAccessScript %s: %s", script->path,
                      r->uri);
        return HTTP_FORBIDDEN;
    default:
        return HTTP_INTERNAL_SERVER_ERROR;
    }
}

/* --- WSGIAuthUserScript: the provider `wsgi` ---------------------------------------------------------------------- */

static const wap_script *user_script(request_rec *r)
{
    const wap_script *script = wap_request_settings(r)->auth_user_script;
    if (!script)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      MWS(4122) "the authentication provider wsgi needs a WSGIAuthUserScript for %s", r->uri);
    return script;
}

static authn_status check_password(request_rec *r, const char *user, const char *password)
{
    const wap_script *script = user_script(r);
    const wpy_question question = {.function = "check_password",
                                   .arguments = {user, password},
                                   .allowed = WPY_ANSWER_NONE | WPY_ANSWER_FLAG | WPY_ANSWER_TEXT};
    wpy_answer answer = {0};
    if (script)
        answer = wap_ask_one(r, script, &question);
    switch (answer.kind) {
    case WPY_ANSWER_NONE:
        return AUTH_USER_NOT_FOUND;
    case WPY_ANSWER_FLAG:
        return answer.flag ? AUTH_GRANTED : AUTH_DENIED;
    case WPY_ANSWER_TEXT:
        if (answer.text.len > 1) {
            r->user = (char *)answer.text.data;
            return AUTH_GRANTED;
        }
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, MWS(4123) "check_password() of %s returned an empty user name",
                      script->path);
        return AUTH_GENERAL_ERROR;
    default:
        return AUTH_GENERAL_ERROR;
    }
}

static authn_status get_realm_hash(request_rec *r, const char *user, const char *realm, char **hash)
{
    const wap_script *script = user_script(r);
    const wpy_question question = {
        .function = "get_realm_hash", .arguments = {user, realm}, .allowed = WPY_ANSWER_NONE | WPY_ANSWER_TEXT};
    wpy_answer answer = {0};
    if (script)
        answer = wap_ask_one(r, script, &question);
    switch (answer.kind) {
    case WPY_ANSWER_NONE:
        return AUTH_USER_NOT_FOUND;
    case WPY_ANSWER_TEXT:
        *hash = (char *)answer.text.data;
        return AUTH_USER_FOUND;
    default:
        return AUTH_GENERAL_ERROR;
    }
}

/* --- WSGIAuthGroupScript: Require wsgi-group ---------------------------------------------------------------------- */

static const char *parse_groups(cmd_parms *cmd, const char *line, const void **parsed)
{
    (void)cmd;
    (void)parsed;
    return *line ? NULL : "Require wsgi-group needs the name of at least one group";
}

/* Whether one of the words of `line` is among the texts of the answer. */
static int has_group(request_rec *r, const wpy_answer *answer, const char *line)
{
    const char *end = (const char *)answer->text.data + answer->text.len;
    while (*line) {
        const char *wanted = ap_getword_conf(r->pool, &line);
        for (const char *group = (const char *)answer->text.data; group < end; group += strlen(group) + 1)
            if (*wanted && !strcmp(group, wanted))
                return 1;
    }
    return 0;
}

static authz_status check_groups(request_rec *r, const char *line, const void *parsed)
{
    const wap_script *script = wap_request_settings(r)->auth_group_script;
    (void)parsed;
    if (!r->user || !*r->user)
        return AUTHZ_DENIED_NO_USER;
    if (!script) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, MWS(4124) "Require wsgi-group needs a WSGIAuthGroupScript for %s",
                      r->uri);
        return AUTHZ_GENERAL_ERROR;
    }
    const wpy_question question = {.function = "groups_for_user", .arguments = {r->user}, .allowed = WPY_ANSWER_TEXTS};
    wpy_answer answer = wap_ask_one(r, script, &question);
    if (answer.kind != WPY_ANSWER_TEXTS)
        return AUTHZ_GENERAL_ERROR;
    if (has_group(r, &answer, line))
        return AUTHZ_GRANTED;
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, MWS(4125) "user '%s' is in none of the groups %s, says %s", r->user,
                  line, script->path);
    return AUTHZ_DENIED;
}

/* --- hooks -------------------------------------------------------------------------------------------------------- */

void wap_access_register_hooks(apr_pool_t *pool)
{
    static const authn_provider users = {.check_password = check_password, .get_realm_hash = get_realm_hash};
    static const authz_provider groups = {.check_authorization = check_groups, .parse_require_line = parse_groups};

    ap_hook_check_access(check_access, NULL, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(pool, AUTHN_PROVIDER_GROUP, "wsgi", AUTHN_PROVIDER_VERSION, &users,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, "wsgi-group", AUTHZ_PROVIDER_VERSION, &groups,
                              AP_AUTH_INTERNAL_PER_CONF);
}
