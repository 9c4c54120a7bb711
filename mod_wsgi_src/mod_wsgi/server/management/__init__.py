# SPDX-License-Identifier: Apache-2.0
"""For Django: with "mod_wsgi.server" in INSTALLED_APPS, manage.py has the command runmodwsgi."""
