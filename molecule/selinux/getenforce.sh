#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In place of the kernel, which has no SELinux here.
echo Enforcing
