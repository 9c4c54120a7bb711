/* SPDX-License-Identifier: Apache-2.0 */
/* Read before each source that is compiled as on BSD and macOS. */
#define _DEFAULT_SOURCE
