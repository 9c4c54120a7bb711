# SPDX-License-Identifier: Apache-2.0
"""Mistakes in the configuration: refused with what is wrong, and nothing is left of the attempt."""

from __future__ import annotations

import json
import os
from typing import Callable

import pytest
from harness.client import fetch
from harness.server import Httpd

Make = Callable[..., Httpd]
ONE_GROUP = "WSGIDaemonProcess d\nWSGIProcessGroup d\nWSGIScriptAlias / {apps}/groups.py\n"


def test_G3_a_socket_directory_that_is_missing_is_told(httpd: Make) -> None:
    server = httpd(
        "WSGISocketPrefix /nonexistent/place/s\n" + ONE_GROUP,
        start=False,
    )
    code, output = server.run("-DFOREGROUND")
    assert code != 0
    assert "/nonexistent/place" in output


def test_G3_a_socket_name_that_is_too_long_is_told(httpd: Make) -> None:
    long = "x" * 100
    server = httpd(f"WSGISocketPrefix /tmp/{long}\nWSGIDaemonProcess d\n", start=False)
    code, output = server.run("-DFOREGROUND")
    assert code != 0
    assert long in output


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("WSGIScriptReloading Maybe", ["WSGIScriptReloading", "On", "Off"]),
        ("WSGIPassAuthorization 1", ["WSGIPassAuthorization"]),
        ("WSGIChunkedRequest x", ["WSGIChunkedRequest"]),
        ("WSGIEnableSendfile x", ["WSGIEnableSendfile"]),
        ("WSGIRestrictEmbedded x", ["WSGIRestrictEmbedded"]),
        ("WSGIRestrictStdin x", ["WSGIRestrictStdin"]),
        ("WSGIRestrictStdout x", ["WSGIRestrictStdout"]),
        ("WSGIRestrictSignal x", ["WSGIRestrictSignal"]),
        ("WSGICaseSensitivity x", ["WSGICaseSensitivity"]),
        ("WSGIMapHEADToGET x", ["WSGIMapHEADToGET", "Auto"]),
        ("WSGIScriptAlias /x", ["WSGIScriptAlias"]),
        ("WSGIScriptAlias /x /y colour=blue", ["WSGIScriptAlias", "colour"]),
        ("WSGIScriptAlias /x /y process-group=", ["process-group"]),
        ("WSGIScriptAlias /x /y process-group=nowhere application-group=%{GLOBAL}", ["nowhere"]),
        ("WSGIScriptAliasMatch ( /y", ["WSGIScriptAliasMatch"]),
        ("WSGIImportScript /x", ["WSGIImportScript"]),
        ("WSGIImportScript /x process-group=%{GLOBAL}", ["application-group"]),
        ("WSGIDaemonProcess", ["WSGIDaemonProcess"]),
        ("WSGIDaemonProcess d\nWSGIDaemonProcess d", ["WSGIDaemonProcess", "d"]),
        ("WSGIDaemonProcess d colour=blue", ["colour"]),
        ("WSGIDaemonProcess d threads", ["threads"]),
        ("WSGIDaemonProcess d threads=", ["threads"]),
        ("WSGIDaemonProcess d threads=15x", ["threads", "15x"]),
        ("WSGIDaemonProcess d threads=-1", ["threads"]),
        ("WSGIDaemonProcess d processes=0", ["processes"]),
        ("WSGIDaemonProcess d processes=many", ["processes", "many"]),
        ("WSGIDaemonProcess d threads=99999999999999999999", ["threads"]),
        ("WSGIDaemonProcess d umask=9", ["umask"]),
        ("WSGIDaemonProcess d user=nobody-of-this-name", ["user", "nobody-of-this-name"]),
        ("WSGIDaemonProcess d user=#0", ["user"]),
        ("WSGIDaemonProcess d user=root", ["user"]),
        ("WSGIDaemonProcess d group=nobody-of-this-name", ["group", "nobody-of-this-name"]),
        ("WSGIDaemonProcess d home=relative", ["home", "relative"]),
        ("WSGIDaemonProcess d request-timeout=soon", ["request-timeout", "soon"]),
        ("WSGIDaemonProcess d queue-timeout=-5", ["queue-timeout"]),
        ("WSGIDaemonProcess d maximum-requests=x", ["maximum-requests"]),
        ("WSGIDaemonProcess d listen-backlog=x", ["listen-backlog"]),
        ("<Location />\nWSGIDaemonProcess d\n</Location>", ["WSGIDaemonProcess"]),
        ("<VirtualHost *:1>\nWSGIPythonHome /x\n</VirtualHost>", ["WSGIPythonHome"]),
        ("<VirtualHost *:1>\nWSGISocketPrefix /x\n</VirtualHost>", ["WSGISocketPrefix"]),
        ("<VirtualHost *:1>\nWSGIPythonPath /x\n</VirtualHost>", ["WSGIPythonPath"]),
        ("WSGINonsense On", ["WSGINonsense"]),
    ],
)
def test_mistakes_are_refused_and_named(httpd: Make, line: str, told: list[str]) -> None:
    if "user=" in line and os.geteuid() != 0:
        pytest.skip("users matter only to root")
    code, output = httpd(line + "\n", start=False).check()
    assert code != 0
    for word in told:
        assert word in output
    assert "Segmentation" not in output


def test_a_correct_configuration_starts_nothing_when_checked(httpd: Make) -> None:
    server = httpd(ONE_GROUP, start=False)
    code, output = server.check()
    assert (code, "Syntax OK" in output) == (0, True), output
    assert list((server.root / "run").iterdir()) == []


def test_a_mistake_at_a_restart_leaves_nothing_running(httpd: Make) -> None:
    """httpd itself ends then; its daemons must not stay behind. (The fixture looks.)"""
    server = httpd(ONE_GROUP)
    assert json.loads(server.get("/").body)["process_group"] == "d"
    good = server.conf.read_text()
    server.conf.write_text(good + "WSGIScriptReloading Maybe\n")
    assert server.check()[0] != 0
    assert fetch(server.port, "/").status == 200
