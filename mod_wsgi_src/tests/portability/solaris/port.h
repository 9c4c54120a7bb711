/* SPDX-License-Identifier: Apache-2.0 */
/* What the module uses of event ports, as the manual pages of illumos describe it. */
#ifndef STUB_PORT_H
#define STUB_PORT_H

#include <stdint.h>
#include <time.h>

typedef struct port_event {
    int portev_events;
    unsigned short portev_source, portev_pad;
    uintptr_t portev_object;
    void *portev_user;
} port_event_t;

#define PORT_SOURCE_FD    4
#define PORT_SOURCE_ALERT 5
#define PORT_ALERT_SET    1

int port_create(void);
int port_associate(int port, int source, uintptr_t object, int events, void *user);
int port_dissociate(int port, int source, uintptr_t object);
int port_get(int port, port_event_t *event, struct timespec *timeout);
int port_alert(int port, int flags, int events, void *user);

#endif
