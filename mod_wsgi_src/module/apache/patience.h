/* SPDX-License-Identifier: Apache-2.0 */
/* How long a request in daemon mode waits for what, and what is said when it was in vain. */
#ifndef WSGI_APACHE_PATIENCE_H
#define WSGI_APACHE_PATIENCE_H

#include "relay.h"

/* The moment until which the next wait may last before wap_patience_ask must be called again. */
int64_t wap_patience_until(const wap_relay *relay);
/* Nothing came until then: WAP_GOING_ON, or what becomes of the request. */
wap_verdict wap_patience_ask(wap_relay *relay);

/* The connection ended without an answer that is whole. Says in one error line why, unless the request is replayed. */
wap_verdict wap_relay_lost(wap_relay *relay);

#endif
