/* SPDX-License-Identifier: Apache-2.0 */
#error "only Linux has sys/inotify.h"
