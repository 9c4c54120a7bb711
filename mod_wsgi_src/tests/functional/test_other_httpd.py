# SPDX-License-Identifier: Apache-2.0
"""A module that was built for another httpd: refused with both levels named, and what runs is not hurt."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path
from typing import Callable

import pytest
from harness.server import Httpd


def record_offset(module: Path) -> int:
    """Where in the file the record of the module is; it begins with the major and the minor number of the interface."""
    symbols = subprocess.run(["readelf", "-sW", module], check=True, capture_output=True, text=True).stdout
    found = re.search(r": ([0-9a-f]+) +\d+ OBJECT +GLOBAL +DEFAULT +(\d+) wsgi_module$", symbols, re.MULTILINE)
    assert found
    sections = subprocess.run(["readelf", "-SW", module], check=True, capture_output=True, text=True).stdout
    section = re.search(rf"\[ *{found.group(2)}\] \S+ +\S+ +([0-9a-f]+) +([0-9a-f]+)", sections)
    assert section
    return int(found.group(1), 16) - int(section.group(1), 16) + int(section.group(2), 16)


@pytest.mark.parametrize(("major", "minor", "served"), [(1, 0, False), (0, 100, False), (0, -1, True)])
def test_H6_a_module_for_another_httpd(httpd: Callable[..., Httpd], major: int, minor: int, served: bool) -> None:
    """Another major number, a newer minor one, and an older minor one, as after an upgrade of httpd."""
    server = httpd("WSGIScriptAlias / {apps}/deaths.py\n", start=False)
    content = bytearray(server.module.read_bytes())
    offset = record_offset(server.module)
    level = struct.unpack_from("<ii", content, offset)
    wanted = (level[0] + major, level[1] + minor)
    struct.pack_into("<ii", content, offset, *wanted)
    module = server.root / "mod_wsgi.so"
    module.write_bytes(content)
    usual = server.conf.read_text()
    server.conf.write_text(usual.replace(str(server.module), str(module)))
    if served:
        server.start()
        assert server.get("/pid").status == 200
        return
    code, said = server.check()
    assert code == 1  # and not the number of a signal
    assert str(wanted[0] if major else f"{wanted[0]}:{wanted[1]}") in said
    assert str(level[0] if major else f"{level[0]}:{level[1]}") in said

    server.conf.write_text(usual)
    server.start()
    server.conf.write_text(usual.replace(str(server.module), str(module)))
    code, _ = server.run("-k", "graceful")
    assert code == 1
    assert server.get("/pid").status == 200
