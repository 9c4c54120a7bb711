# SPDX-License-Identifier: Apache-2.0
"""Name, version and description of the distribution: the files of its .dist-info."""

from __future__ import annotations

from pathlib import Path

NAME = "mod_wsgi"
LEVEL = "4.4.11"  # the release whose interface is fulfilled; mod_wsgi.version says the same
REQUIRES_PYTHON = ">=3.9"
ENTRY_POINTS = "[console_scripts]\nmod_wsgi-express = mod_wsgi.express.cli:main\n"

ROOT = Path(__file__).resolve().parent.parent

_FIELDS = f"""\
Metadata-Version: 2.1
Name: {NAME}
Version: {{version}}
Summary: Apache HTTP Server module that hosts Python WSGI applications, and the command mod_wsgi-express
License: Apache-2.0
Requires-Python: {REQUIRES_PYTHON}
Classifier: Environment :: Web Environment
Classifier: Intended Audience :: System Administrators
Classifier: License :: OSI Approved :: Apache Software License
Classifier: Operating System :: POSIX
Classifier: Programming Language :: C
Classifier: Programming Language :: Python :: 3
Classifier: Programming Language :: Python :: Implementation :: CPython
Classifier: Topic :: Internet :: WWW/HTTP :: WSGI :: Server
Description-Content-Type: text/markdown

"""


def toolkit_version() -> str:
    """The toolkit's own version, from the file VERSION."""
    return (ROOT / "VERSION").read_text(encoding="ascii").strip()


def static_version() -> str:
    """The version of the source distribution: a platform key needs a machine."""
    return f"{LEVEL}+toolkit.{toolkit_version()}"


def is_source_distribution() -> bool:
    """Whether this tree was unpacked from an sdist."""
    return (ROOT / "PKG-INFO").is_file()


def wheel_version(platform_key: str) -> str:
    """The version of a wheel. The platform key in it makes pip replace a wheel that was built for another httpd.

    A wheel built from an sdist must have the version that the sdist announced, or front ends refuse it.
    """
    return static_version() if is_source_distribution() else f"{static_version()}.{platform_key}"


def core_metadata(version: str) -> str:
    """The text of METADATA or PKG-INFO."""
    return _FIELDS.format(version=version) + (ROOT / "README.md").read_text(encoding="utf-8")
