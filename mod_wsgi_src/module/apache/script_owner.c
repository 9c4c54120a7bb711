/* SPDX-License-Identifier: Apache-2.0 */
/* script-user and script-group: a group of daemons only runs scripts that the right people, and nobody else, could have
 * put there. Looked at in the Apache child, on each request. */
#include "request.h"

#include "apr_file_info.h"
#include "apr_strings.h"
#include "http_core.h"

#define LOOK (APR_FINFO_USER | APR_FINFO_GROUP | APR_FINFO_PROT)

static int refuse(request_rec *r, const char *option, const char *path, const char *why)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, MWS(4101) "%s of the process group forbids the script: %s %s", option,
                  path, why);
    return HTTP_FORBIDDEN;
}

/* The script, or the directory that it lies in. */
static int check(request_rec *r, const wap_group *group, const char *path)
{
    apr_finfo_t info;

    if (apr_stat(&info, path, LOOK, r->pool) != APR_SUCCESS)
        return refuse(r, group->script_user_given ? "script-user" : "script-group", path, "cannot be looked at");
    if (group->script_user_given) {
        if (info.user != group->script_uid)
            return refuse(r, "script-user", path, "belongs to another user");
        if (info.protection & (APR_FPROT_GWRITE | APR_FPROT_WWRITE))
            return refuse(r, "script-user", path, "can be written by others than its owner");
    }
    if (group->script_group_given) {
        if (info.group != group->script_gid)
            return refuse(r, "script-group", path, "belongs to another group");
        if (info.protection & APR_FPROT_WWRITE)
            return refuse(r, "script-group", path, "can be written by everybody");
    }
    return OK;
}

int wap_check_script_owner(request_rec *r, const wap_group *group, const char *script)
{
    if (!group->script_user_given && !group->script_group_given)
        return OK;
    int status = check(r, group, script);
    return status == OK ? check(r, group, ap_make_dirstr_parent(r->pool, script)) : status;
}
