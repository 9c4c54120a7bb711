/* SPDX-License-Identifier: Apache-2.0 */
#error "Solaris has no sys/inotify.h"
