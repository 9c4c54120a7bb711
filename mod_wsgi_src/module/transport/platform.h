/* SPDX-License-Identifier: Apache-2.0 */
/* What the module can be on this system. Daemon mode wants fork(), descriptors that travel and users to switch to; a
 * build without it compiles the files that backend/sources.py lists, and apache/no_daemons.c stands in for the rest. */
#ifndef WSGI_TRANSPORT_PLATFORM_H
#define WSGI_TRANSPORT_PLATFORM_H

#if !defined(_WIN32) && !defined(WSGI_EMBEDDED_ONLY)
#define WSGI_DAEMON_MODE
#endif

#endif
