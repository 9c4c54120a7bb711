/* SPDX-License-Identifier: Apache-2.0 */
/* Every message for the log begins with its code: MWS(4021) "text" is "MWS4021: text". The first digit is the floor,
 * each file has ten numbers, and a code stands in one place. reference/messages.toml tells cause and remedy of each. */
#ifndef WSGI_TRANSPORT_MESSAGE_H
#define WSGI_TRANSPORT_MESSAGE_H

#define MWS(number) "MWS" #number ": "

#endif
