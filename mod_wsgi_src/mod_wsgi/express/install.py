# SPDX-License-Identifier: Apache-2.0
"""module-location, module-config and install-module: our module for an httpd that somebody else configures."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from .conf import quote
from .errors import ExpressError


def module_config(module: Path) -> str:
    return f"LoadModule wsgi_module {quote(module)}\nWSGIPythonHome {quote(sys.prefix)}\n"


def install_module(module: Path, directory: Path) -> Path:
    """Copies the module by rename: an httpd that runs with the old one keeps it. Returns the copy's path."""
    if not directory.is_dir():
        raise ExpressError(
            f"--modules-directory: {str(directory)!r} is not a directory; give that of your httpd's modules"
        )
    target = directory / module.name
    try:
        if target.is_file() and target.read_bytes() == module.read_bytes():
            return target
        handle, name = tempfile.mkstemp(prefix=f".{module.name}.", dir=directory)
        os.close(handle)
        try:
            shutil.copyfile(module, name)
            os.chmod(name, 0o755)  # noqa: S103  (as httpd's own modules; no secret in it)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise ExpressError(
            f"--modules-directory: {str(target)!r} cannot be written ({error.strerror}); see its owner"
        ) from None
    return target
