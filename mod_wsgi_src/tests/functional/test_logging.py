# SPDX-License-Identifier: Apache-2.0
"""What applications write to the error log."""

from __future__ import annotations

import re
from typing import Callable
from urllib.parse import quote

import pytest
from harness.server import Httpd


def write(lab: Httpd, how: str, text: str) -> tuple[int, int]:
    """The position in the log before, and the status."""
    mark = len(lab.log())
    return mark, lab.get(f"/logging/{how}?text={quote(text)}").status


@pytest.mark.parametrize("how", ["errors", "unflushed", "print", "stderr", "writelines"])
def test_every_way_reaches_the_error_log(lab: Httpd, how: str) -> None:
    text = f"marked text by {how}"
    mark, status = write(lab, how, text)
    assert status == 200
    lab.wait_log(text, since=mark)


def test_writelines_keeps_one_line(lab: Httpd) -> None:
    mark, _ = write(lab, "writelines", "begun")
    lab.wait_log("begun and more", since=mark)


def test_every_line_is_a_record(lab: Httpd) -> None:
    mark, _ = write(lab, "errors", "line one\nline two\n")
    lab.wait_log("line two", since=mark)
    lines = [line for line in lab.log()[mark:].splitlines() if "line " in line]
    assert len(lines) == 2
    assert all(line.startswith("[") for line in lines)


def test_lines_cannot_be_forged(lab: Httpd) -> None:
    """Control characters do not make a record of their own."""
    forged = "[Sun Nov 22 2026] [core:notice] forged"
    mark, _ = write(lab, "errors", f"text\r{forged}\x1b[2J\n")
    lab.wait_log("forged", since=mark)
    for line in lab.log()[mark:].splitlines():
        assert not line.startswith(forged)
        assert "\x1b" not in line


def test_long_text_is_split_not_lost(lab: Httpd) -> None:
    mark, _ = write(lab, "long", "50000")
    lab.wait_log("x{100}", since=mark)
    lab.get("/responses/hello")
    assert lab.log()[mark:].count("x" * 10) >= 4900


def test_a_traceback_is_told_once_with_the_place(lab: Httpd) -> None:
    mark, status = write(lab, "raise", "the cause")
    assert status == 500
    lab.wait_log("RuntimeError: the cause", since=mark)
    log = lab.log()[mark:]
    assert log.count("Traceback (most recent call last)") == 1
    assert "logging_.py" in log


def test_a_traceback_cannot_forge_lines(lab: Httpd) -> None:
    mark, _ = write(lab, "raise", "cause\n[Sun Nov 22 2026] [core:notice] forged\r[x] again")
    lab.wait_log("forged", since=mark)
    for line in lab.log()[mark:].splitlines():
        assert not line.startswith(("[Sun Nov 22 2026] [core:notice]", "[x]"))


def test_text_beyond_latin_1(lab: Httpd) -> None:
    mark, status = write(lab, "errors", "\u20ac uro\n")
    assert status == 200
    lab.wait_log("uro", since=mark)


def test_errors_has_no_descriptor(lab: Httpd) -> None:
    assert lab.get("/logging/fileno").text == "OSError"


@pytest.mark.parametrize("mode", ["embedded", "daemon"])
def test_records_of_logging_keep_their_level(serve: Callable[..., Httpd], mode: str) -> None:
    """With mod_wsgi.LogHandler."""
    server = serve("inside.py", "LogLevel wsgi:debug")
    assert server.get("/log_levels").status == 200
    server.wait_log(r"\[wsgi:error\].*KeyError: 'inside'")
    levels = {"debug": "debug", "info": "info", "warning": "warn", "error": "error", "critical": "crit"}
    for level, name in levels.items():
        origin = r"\[client [^]]*\] " if mode == "embedded" else ""
        assert re.search(
            rf"\[wsgi:{name}\] \[pid [^]]*\] {origin}a record of level {level}$", server.log(), re.MULTILINE
        )
    assert re.search(r"\[wsgi:info\].*\] two$", server.log(), re.MULTILINE)
    assert re.search(r"\[wsgi:info\].*\] lines$", server.log(), re.MULTILINE)


@pytest.mark.parametrize("mode", ["daemon"])
def test_the_log_level_of_the_server_applies_to_records(serve: Callable[..., Httpd], mode: str) -> None:
    server = serve("inside.py", "LogLevel wsgi:warn")
    assert server.get("/log_levels").status == 200
    server.wait_log("a record of level critical")
    assert "a record of level warning" in server.log()
    assert "a record of level info" not in server.log()
