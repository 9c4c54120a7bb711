# SPDX-License-Identifier: Apache-2.0
"""Platform keys: equal where one wheel serves both machines, and different where it would not."""

from __future__ import annotations

import platform

import pytest
from ansible_collections.modwsgi.toolkit.plugins.module_utils import platform_key


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"ID": "debian", "VERSION_ID": "12"}, "debian-12"),
        ({"ID": "debian", "VERSION_CODENAME": "sid"}, "debian-sid"),
        ({"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_ID": "24.04"}, "ubuntu-24.04"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora", "VERSION_ID": "9.4"}, "rocky-9"),
        ({"ID": "alpine", "VERSION_ID": "3.20.1"}, "alpine-3.20"),
        ({"ID": "omnios", "VERSION_ID": "r151052"}, "omnios-r151052"),
        ({"ID": "arch"}, "arch-rolling"),
    ],
)
def test_the_system_from_os_release(fields, name):
    assert platform_key.system(fields) == name


@pytest.mark.parametrize(
    ("kernel", "release", "version", "name"),
    [
        ("SunOS", "5.11", "11.4.70.170.1", "solaris-11.4"),
        ("FreeBSD", "14.1-RELEASE-p3", "FreeBSD 14.1-RELEASE-p3", "FreeBSD-14.1"),
    ],
)
def test_the_system_from_uname(monkeypatch, kernel, release, version, name):
    monkeypatch.setattr(platform, "system", lambda: kernel)
    monkeypatch.setattr(platform, "release", lambda: release)
    monkeypatch.setattr(platform, "version", lambda: version)
    assert platform_key.system({}) == name


def test_os_release_is_read_with_its_quotes(monkeypatch, tmp_path):
    (tmp_path / "os-release").write_text('# a comment\nNAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="12"\n\n')
    monkeypatch.setattr(platform_key, "OS_RELEASE", (str(tmp_path / "none"), str(tmp_path / "os-release")))
    assert platform_key.os_release() == {"NAME": "Debian GNU/Linux", "ID": "debian", "VERSION_ID": "12"}


def test_a_key_is_readable_and_decides():
    family = platform_key.readable("debian-12", "x86_64", "glibc 2.36", "cp311", "bundled")
    assert family == "debian-12-x86_64-glibc-2.36-cp311-bundled"
    one = platform_key.key(family, "2.4.69.1", {"libpython": "/usr/lib/libpython3.11.so.1.0"})
    assert one.startswith(family + "-2.4.69.1-k")
    assert one == platform_key.key(family, "2.4.69.1", {"libpython": "/usr/lib/libpython3.11.so.1.0"})
    assert one != platform_key.key(family, "2.4.69.1", {"libpython": "/opt/lib/libpython3.11.so.1.0"})
    assert one != platform_key.key(family, "2.4.69.2", {"libpython": "/usr/lib/libpython3.11.so.1.0"})


def test_a_key_is_a_plain_file_name():
    assert platform_key.readable("a/../b", "x*y") == "a_.._b-x_y"
