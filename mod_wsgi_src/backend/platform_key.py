# SPDX-License-Identifier: Apache-2.0
"""The platform key: a short name for everything that decides whether a wheel of the module fits a machine.

As a program it prints the key and what went into it, without building anything:

    python backend/platform_key.py [--json] [--httpd auto|bundled|system] [--apxs PATH]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
from pathlib import Path

if __package__ in (None, "") and __name__ == "__main__":  # the front ends put the tree on the path by themselves
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import find_httpd
import find_python
import metadata
import operating_system

_HASHED = ("pyproject.toml", "VERSION", "backend", "module", "mod_wsgi")


def source_hash(root: Path = metadata.ROOT) -> str:
    """A hash over name and content of every file that the wheel is made from."""
    digest = hashlib.sha256()
    for path in source_files(root, _HASHED):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def source_files(root: Path, names: tuple[str, ...]) -> list[Path]:
    """The source files among `names` below `root`, in a fixed order; nothing that a build or a test left behind."""
    found: list[Path] = []
    for name in names:
        top = root / name
        paths = [top] if top.is_file() else top.rglob("*")
        found += [path for path in paths if path.is_file() and "__pycache__" not in path.parts]
    return sorted(path for path in found if path.suffix not in (".pyc", ".o", ".so"))


def inputs(httpd: find_httpd.BuildHttpd, python: find_python.BuildPython) -> dict[str, str]:
    """What the key is made of, readable."""
    system = operating_system.identify()
    return {
        "os": f"{system.id}-{system.release}",
        "machine": platform.machine().lower(),
        "libc": system.libc,
        "python": python.tag,
        # Two Pythons of one version may live on one machine, and the run path names one of them.
        "libpython": python.libpython,
        "httpd": httpd.layout(),
        "mmn": "{}:{}".format(*httpd.mmn),
        "source": source_hash(),
    }


def key(parts: dict[str, str]) -> str:
    """The letter k and ten hexadecimal digits: all digits would be a number to pip, and lose leading zeros."""
    text = "\n".join(f"{name}={parts[name]}" for name in sorted(parts))
    return "k" + hashlib.sha256(text.encode()).hexdigest()[:10]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Print the platform key of this machine and interpreter.")
    parser.add_argument("--json", action="store_true", help="key, version and inputs as one JSON object")
    parser.add_argument("--httpd", choices=find_httpd.CHOICES, default="auto")
    parser.add_argument("--apxs", metavar="PATH")
    options = parser.parse_args(arguments)
    httpd = find_httpd.find(options.httpd, options.apxs)
    parts = inputs(httpd, find_python.find())
    answer = key(parts)
    if options.json:
        report = {
            "key": answer,
            "version": metadata.wheel_version(answer),
            "inputs": parts,
            "httpd": httpd.facts(),
        }
        print(json.dumps(report, indent=2, sort_keys=True))
    else:
        print(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
