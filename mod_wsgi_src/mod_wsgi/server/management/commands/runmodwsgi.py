# SPDX-License-Identifier: Apache-2.0
"""manage.py runmodwsgi: mod_wsgi-express start-server for the project, with the same options."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mod_wsgi.express import cli


def _given(words: list[str], *names: str) -> bool:
    return any(word.partition("=")[0] in names for word in words)


def project_words(words: list[str]) -> list[str]:
    """Options that follow from the project, unless `words` says otherwise."""
    if not settings.WSGI_APPLICATION:
        raise CommandError("WSGI_APPLICATION is not set; name the application of the project in its settings")
    module, _, name = settings.WSGI_APPLICATION.rpartition(".")
    found = ["--application-type", "module", "--entry-point", f"{module}:{name}"]
    if not _given(words, "--working-directory"):
        found += ["--working-directory", str(getattr(settings, "BASE_DIR", None) or Path.cwd())]
    url, root = settings.STATIC_URL or "", settings.STATIC_ROOT
    whitenoise = any("whitenoise" in name.lower() for name in settings.MIDDLEWARE)
    if url.startswith("/") and url != "/" and root and os.path.isdir(root) and not whitenoise:
        found += ["--url-alias", url.rstrip("/"), str(root)]
    return found


class Command(BaseCommand):
    help = "Serves the project with mod_wsgi-express; takes the options of start-server."

    def run_from_argv(self, argv: list[str]) -> None:
        django = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        django.add_argument("--settings")
        django.add_argument("--pythonpath")
        _, words = django.parse_known_args(argv[2:])
        try:
            found = project_words(words)
        except CommandError as error:
            print(f"runmodwsgi: {error}", file=sys.stderr)
            sys.exit(2)
        sys.exit(cli.main(["start-server", *found, *words]))

    def handle(self, *_: Any, **__: Any) -> None:
        raise CommandError("runmodwsgi becomes the server: run it with manage.py")
