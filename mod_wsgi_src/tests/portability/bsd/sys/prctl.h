/* SPDX-License-Identifier: Apache-2.0 */
#error "BSD has no sys/prctl.h"
