/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include <stddef.h>

#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"

#include "forwarded.h"

wap_note *wap_request_note(request_rec *r)
{
    wap_note *note = ap_get_module_config(r->request_config, &wsgi_module);
    if (!note) {
        note = apr_pcalloc(r->pool, sizeof *note);
        ap_set_module_config(r->request_config, &wsgi_module, note);
    }
    return note;
}

/* --- is it ours, and is there a script? --------------------------------------------------------------------------- */

static const wap_handler *find_handler(const wap_settings *settings, const char *name)
{
    for (int i = settings->handlers ? settings->handlers->nelts : 0; i-- > 0;) {
        const wap_handler *handler = &APR_ARRAY_IDX(settings->handlers, i, wap_handler);
        if (!strcmp(handler->name, name))
            return handler;
    }
    return NULL;
}

static int refuse(request_rec *r, int status, const char *reason)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "%s: %s", reason, r->filename ? r->filename : r->uri);
    return status;
}

static int check_script(request_rec *r, const wap_note *note)
{
    if (!note->alias && !(ap_allow_options(r) & OPT_EXECCGI))
        return refuse(r, HTTP_FORBIDDEN, MWS(4081) "Options ExecCGI is off in this directory");
    if (r->finfo.filetype == APR_NOFILE)
        return refuse(r, HTTP_NOT_FOUND, MWS(4082) "script not found or unable to stat");
    if (r->finfo.filetype == APR_DIR)
        return refuse(r, HTTP_FORBIDDEN, MWS(4083) "attempt to invoke a directory as a script");
    if (r->used_path_info == AP_REQ_REJECT_PATH_INFO && r->path_info && *r->path_info)
        return refuse(r, HTTP_NOT_FOUND, MWS(4084) "AcceptPathInfo off disallows user's path");
    return OK;
}

/* --- the body, as far as its head tells --------------------------------------------------------------------------- */

static int prepare_body(request_rec *r, const wap_settings *settings, wio_request *fields)
{
    /* 501 for other codings, 411 for chunked when it is off, 400 for a length that is no number. */
    int status =
        ap_setup_client_block(r, settings->chunked_request == 1 ? REQUEST_CHUNKED_DECHUNK : REQUEST_CHUNKED_ERROR);
    if (status != OK)
        return status;

    apr_off_t limit = ap_get_limit_req_body(r);
    if (limit > 0 && r->remaining > limit) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      MWS(4085) "request body of %" APR_OFF_T_FMT
                                " bytes is larger than LimitRequestBody %" APR_OFF_T_FMT,
                      r->remaining, limit);
        return HTTP_REQUEST_ENTITY_TOO_LARGE;
    }
    if (r->read_chunked) {
        if (r->proto_num < HTTP_VERSION(1, 1)) /* RFC 9112, 6.1: where it ends is not to be trusted */
            r->connection->keepalive = AP_CONN_CLOSE;
        fields->flags |= WIO_REQUEST_CHUNKED;
        fields->content_length = -1;
    } else if (r->remaining == 0) {
        fields->flags |= WIO_REQUEST_BODY_DONE;
        fields->content_length = 0;
    } else {
        /* An input filter may change the length: then only the end of the body tells. */
        fields->content_length = r->input_filters == r->proto_input_filters ? r->remaining : -1;
    }
    return OK;
}

/* --- the target --------------------------------------------------------------------------------------------------- */

void wap_split_path(request_rec *r, wap_target *target)
{
    const char *uri = wap_collapse_slashes(r->pool, r->uri);
    const char *info = r->path_info ? wap_collapse_slashes(r->pool, r->path_info) : "";
    apr_size_t uri_len = strlen(uri), info_len = strlen(info);

    target->script_name = uri;
    target->script_name_len = uri_len;
    target->path_info = info;
    if (info_len <= uri_len && !memcmp(uri + uri_len - info_len, info, info_len))
        target->script_name_len -= info_len;
}

static int is_allowed(const wap_settings *settings, const char *process_group)
{
    const apr_array_header_t *allowed = settings->allowed_groups;
    for (int i = 0; allowed && i < allowed->nelts; i++)
        if (!strcmp(APR_ARRAY_IDX(allowed, i, const char *), process_group))
            return 1;
    return !allowed;
}

static int choose_process(request_rec *r, wap_target *target, const wdm_group **group)
{
    const char *name = target->process_group;
    if (!is_allowed(target->settings, name)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      MWS(4086) "process group \"%s\" is not among those of WSGIRestrictProcess", name);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    *group = NULL;
    target->root = "";
    if (!*name) {
        if (!wap_process_config()->restrict_embedded)
            return OK;
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      MWS(4087) "WSGIRestrictEmbedded is On and no WSGIProcessGroup applies to %s", r->uri);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    const wap_group *found = wap_find_group(r->server, name);
    if (!found) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      MWS(4088) "no WSGIDaemonProcess defines the process group \"%s\" for this virtual host", name);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (found->group.threads == 0) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, MWS(4089) "process group \"%s\" has threads=0: it takes no requests",
                      name);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    *group = &found->group;
    if (found->group.chroot)
        target->root = found->group.chroot;
    return wap_check_script_owner(r, found, *target->handler_script ? target->handler_script : r->filename);
}

/* The daemons of a chroot group see their files without its prefix. */
static int check_root(request_rec *r, const wap_target *target)
{
    const char *script = *target->handler_script ? target->handler_script : r->filename;
    apr_size_t len = strlen(target->root);
    if (!strncmp(script, target->root, len) && (!len || script[len] == '/'))
        return OK;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, MWS(4090) "script %s is outside of chroot=%s of its process group",
                  script, target->root);
    return HTTP_INTERNAL_SERVER_ERROR;
}

static apr_time_t script_mtime(request_rec *r, const wap_target *target)
{
    apr_finfo_t info;
    if (!target->script_reloading)
        return 0;
    if (!*target->handler_script)
        return r->finfo.mtime;
    return apr_stat(&info, target->handler_script, APR_FINFO_MTIME, r->pool) == APR_SUCCESS ? info.mtime : 0;
}

void wap_request_init(wap_request *request, request_rec *r)
{
    memset(request, 0, offsetof(wap_request, memory));
    request->r = r;
    wio_buf_init(&request->head, request->memory, sizeof request->memory);
    request->head.len = WIO_HEAD_ROOM;
}

int wap_request_prepare(request_rec *r, wap_request *request)
{
    const wap_settings *settings = wap_request_settings(r);
    const wap_handler *handler = NULL;
    wap_target target = {.settings = settings, .handler_script = ""};
    int status = OK;

    wap_request_init(request, r);
    if (!r->handler)
        return DECLINED;
    const wap_note *note = wap_request_note(r);
    if (!strcmp(r->handler, WAP_SCRIPT_HANDLER) || !strcmp(r->handler, WAP_SCRIPT_TYPE))
        status = check_script(r, note);
    else if ((handler = find_handler(settings, r->handler)))
        target.handler_script = handler->path;
    else
        return DECLINED;
    if (status != OK || (status = prepare_body(r, settings, &request->fields)) != OK)
        return status;

    static const wap_target_options nothing = {.pass_authorization = WAP_UNSET};
    wap_split_path(r, &target);
    target.forwarded = wap_forwarded_read(r, settings);
    target.script_reloading = settings->script_reloading != 0;
    if (settings->ignore_activity == 1)
        request->fields.flags |= WIO_REQUEST_IGNORE_ACTIVITY;
    status = wap_choose_target(r,
                               handler       ? &handler->options
                               : note->alias ? &note->alias->options
                                             : &nothing,
                               &target);
    if (status == OK && settings->dispatch_script)
        status = wap_dispatch(r, &target);
    if (status != OK)
        return status;
    if (handler)
        target.callable = "handle_request";
    if ((status = choose_process(r, &target, &request->group)) != OK || (status = check_root(r, &target)) != OK)
        return status;

    request->script = *target.handler_script ? target.handler_script : r->filename;
    request->fields.script_mtime_us = script_mtime(r, &target);
    request->fields.request_start_us = r->request_time;
    request->fields.vhost = wap_vhost_index(r->server);
    if (wap_put_variables(request, &target) < 0) {
        ap_log_rerror(APLOG_MARK, APLOG_CRIT, 0, r, MWS(4091) "no memory for the variables of a request");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}
