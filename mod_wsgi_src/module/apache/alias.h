/* SPDX-License-Identifier: Apache-2.0 */
/* From URL to script file: WSGIScriptAlias and WSGIScriptAliasMatch at request time. */
#ifndef WSGI_APACHE_ALIAS_H
#define WSGI_APACHE_ALIAS_H

#include "httpd.h"

/* translate_name hook. OK when an alias took the request: file name, path info, file status and handler are set, so
 * that httpd need not look for the script again. DECLINED else. */
int wap_translate(request_rec *r);

#endif
