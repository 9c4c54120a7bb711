# SPDX-License-Identifier: Apache-2.0
"""Directories: where a server lives, and whether a directory can be trusted with it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

from .accounts import Account
from .errors import ExpressError

# sun_path holds 108 bytes on Linux and 104 on the BSDs, one of them the final zero.
SUN_PATH_LIMIT = 103
# What the module adds to WSGISocketPrefix: .<pid>.<generation>.<group>.<process>.sock
SOCKET_SUFFIX = len("/wsgi.4194304.99999.999.999.sock")


def _is_private(path: Path) -> bool:
    try:
        info = path.stat()
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and not info.st_mode & 0o022


def private_base() -> Path:
    """A directory that only this user can write, for servers without --server-root: never below a shared one."""
    if os.geteuid() == 0:
        return Path("/run" if os.path.isdir("/run") else "/var/run") / "mod_wsgi-express"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and _is_private(Path(runtime)):
        return Path(runtime) / "mod_wsgi-express"
    home = Path(os.path.expanduser("~"))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    if cache.is_absolute() and (_is_private(cache) or _is_private(home)):
        return cache / "mod_wsgi-express"
    raise ExpressError(
        f"--server-root: this user has no private directory for a default (looked at {runtime or 'XDG_RUNTIME_DIR'}, "
        f"{cache}); give --server-root"
    )


def default_server_root(host: str, port: int) -> Path:
    return private_base() / f"{re.sub(r'[^A-Za-z0-9.-]', '-', host)}_{port}"


def socket_directory(server_root: Path) -> Path:
    """The server root, or a short private directory when socket names in it would be too long for the kernel."""
    if len(os.fsencode(server_root)) + SOCKET_SUFFIX <= SUN_PATH_LIMIT:
        return server_root
    directory = private_base() / hashlib.sha256(os.fsencode(server_root)).hexdigest()[:12]
    if len(os.fsencode(directory)) + SOCKET_SUFFIX <= SUN_PATH_LIMIT:
        return directory
    raise ExpressError(
        f"--server-root: {str(server_root)!r} is too long for the names of sockets "
        f"(at most {SUN_PATH_LIMIT - SOCKET_SUFFIX} bytes); give a shorter one, or --socket-prefix"
    )


def check_trusted(option: str, directory: Path) -> None:
    """Refuses a directory in which somebody else could put or replace files. One that does not exist yet is fine."""
    try:
        info = directory.stat()
    except FileNotFoundError:
        if directory.is_symlink():
            raise ExpressError(f"--{option}: {str(directory)!r} is a symbolic link to nothing; remove it") from None
        return
    except OSError as error:
        raise ExpressError(f"--{option}: {str(directory)!r} cannot be used ({error.strerror}); give another") from None
    if not stat.S_ISDIR(info.st_mode):
        raise ExpressError(f"--{option}: {str(directory)!r} is not a directory; remove it or give another")
    if info.st_uid not in (0, os.geteuid()):  # whom root cannot be trusted with, nobody can
        raise ExpressError(f"--{option}: {str(directory)!r} belongs to user #{info.st_uid}; give one of your own")
    if info.st_mode & 0o002 or (info.st_mode & 0o020 and os.geteuid() == 0):
        raise ExpressError(f"--{option}: {str(directory)!r} is writable by others; chmod go-w it or give another")


def check_own_files(option: str, directory: Path) -> None:
    """Refuses what would lead root's writes out of a directory that was another user's before."""
    if not directory.is_dir():
        return
    with os.scandir(directory) as entries:
        for entry in entries:
            info = entry.stat(follow_symlinks=False)
            kind = stat.S_IFMT(info.st_mode)
            if (kind == stat.S_IFREG and info.st_nlink > 1) or (
                kind not in (stat.S_IFREG, stat.S_IFDIR) and info.st_uid != 0
            ):
                raise ExpressError(
                    f"--{option}: {entry.path!r} of user #{info.st_uid} is a link or no regular file, and root's "
                    "httpd could be made to write elsewhere through it; remove it"
                )


def make_directory(directory: Path, mode: int) -> None:
    """Makes it, and missing parents with the same mode; an existing one keeps its own."""
    for path in reversed([directory, *directory.parents]):
        try:
            path.mkdir(mode=mode)
        except FileExistsError:
            continue
        except OSError as error:
            raise ExpressError(f"{path}: cannot be made ({error.strerror}); make it or give another") from None
        path.chmod(mode)  # whatever the umask


def make_output(directory: Path, account: Account | None) -> None:
    """A private directory that the application's user writes to."""
    if directory.is_dir():
        return
    make_directory(directory.parent, 0o755)
    make_directory(directory, 0o700)
    if account:
        os.chown(directory, account.uid, account.gid)
