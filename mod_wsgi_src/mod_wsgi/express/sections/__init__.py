# SPDX-License-Identifier: Apache-2.0
"""The sections of httpd.conf: each a function from the model to lines."""
