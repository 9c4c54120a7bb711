/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler looks for it on BSD. */
