/* SPDX-License-Identifier: Apache-2.0 */
/* Apache's scoreboard, for applications that may read it (WSGIServerMetrics, server-metrics=). */
#ifndef WSGI_APACHE_SERVER_SCORE_H
#define WSGI_APACHE_SERVER_SCORE_H

#include "../python/scoreboard.h"

extern const wpy_scoreboard wap_scoreboard;

/* A daemon: keeps the scoreboard for reading, or gives it back. */
void wap_scoreboard_protect(int keep);

#endif
