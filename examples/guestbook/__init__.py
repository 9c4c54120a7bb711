# SPDX-License-Identifier: Apache-2.0
"""A guest book: a page with notes, a form to add one, and /status for machines."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from flask import Flask, abort, jsonify, redirect, render_template, request, url_for

from .storage import Notes

LONGEST_AUTHOR = 40
LONGEST_TEXT = 500


def server() -> dict[str, object]:
    """What serves this request, told by the server itself through the request's environment."""
    environ = request.environ
    return {
        "MOD_WSGI_EXPRESS": os.environ.get("MOD_WSGI_EXPRESS", "absent"),
        "mod_wsgi.version": environ.get("mod_wsgi.version"),
        "mod_wsgi.process_group": environ.get("mod_wsgi.process_group"),
        "mode": "daemon" if environ.get("mod_wsgi.process_group") else "embedded or another server",
        "python": platform.python_version(),
        "pid": os.getpid(),
        "uid": os.getuid(),
    }


def create_application(data_directory: Path) -> Flask:
    application = Flask(__name__)
    application.config["MAX_CONTENT_LENGTH"] = 16 * 1024
    notes = Notes(data_directory)

    @application.get("/")
    def page() -> str:
        return render_template("page.html", notes=notes.latest(), total=notes.count(), server=server())

    @application.post("/")
    def add():
        author = request.form.get("author", "").strip() or "somebody"
        text = request.form.get("text", "").strip()
        if not text or len(text) > LONGEST_TEXT or len(author) > LONGEST_AUTHOR:
            abort(400, f"A note has 1 to {LONGEST_TEXT} characters, a name at most {LONGEST_AUTHOR}.")
        notes.add(author, text)
        return redirect(url_for("page"), code=303)

    @application.get("/status")
    def status():
        return jsonify({**server(), "notes": notes.count()})

    return application
