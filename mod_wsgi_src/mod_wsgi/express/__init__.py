# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi-express: an Apache of its own for one application."""
