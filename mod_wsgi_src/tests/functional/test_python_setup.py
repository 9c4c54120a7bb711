# SPDX-License-Identifier: Apache-2.0
"""Directives that say how Python is set up: for all processes, and in <WSGIInterpreterOptions>."""

from __future__ import annotations

import json
import os
import re
from typing import Any, Callable

import pytest
from harness.load import Load
from harness.server import Httpd
from harness.waiting import until

Make = Callable[..., Httpd]


def facts(server: Httpd, path: str = "/") -> dict[str, Any]:
    response = server.get(path)
    assert response.status == 200, server.log()[-3000:]
    return json.loads(response.body)


def test_python_is_as_usual_when_nothing_is_said(serve: Make) -> None:
    seen = facts(serve("interpreter.py"))
    assert (seen["optimize"], seen["dont_write_bytecode"], seen["warnings"]) == (0, False, [])
    assert (seen["hash_randomization"], seen["switch_interval"], seen["egg_cache"]) == (1, 0.005, None)
    assert seen["gil"] is True
    assert (seen["stdin_restricted"], seen["stdout_restricted"], seen["signal_restricted"]) == (False, False, True)


SETUP = """
WSGIPythonOptimize 2
WSGIPythonWarnings ignore::DeprecationWarning
WSGIPythonWarnings error::UserWarning:somewhere
WSGIPythonHashSeed 42
WSGIDontWriteBytecode On
WSGISwitchInterval 0.25
WSGIPythonEggs /nonexistent/eggs
"""


def test_set_up_directives(serve: Make, mode: str) -> None:
    """WSGIPythonOptimize, WSGIPythonWarnings, WSGIPythonHashSeed, WSGIDontWriteBytecode, WSGISwitchInterval and
    WSGIPythonEggs; the last is for embedded mode, where daemons have python-eggs=."""
    server = serve("interpreter.py", SETUP, daemon="threads=2 python-eggs=/nonexistent/eggs")
    seen = facts(server)
    assert seen["optimize"] == 2
    assert seen["warnings"] == ["ignore::DeprecationWarning", "error::UserWarning:somewhere"]
    assert seen["hash_randomization"] == 1
    assert seen["dont_write_bytecode"] is True
    assert seen["switch_interval"] == 0.25
    assert seen["egg_cache"] == "/nonexistent/eggs"
    other = serve("interpreter.py", "WSGIPythonHashSeed 42\n")
    assert facts(other)["hash"] == seen["hash"]  # one seed, one hash, in another server too
    assert facts(other)["egg_cache"] is None


def test_hash_seed_0_and_random(httpd: Make) -> None:
    alias = "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / {apps}/interpreter.py\n"
    still = httpd("WSGIPythonHashSeed 0\n" + alias)
    assert facts(still)["hash_randomization"] == 0
    first = httpd("WSGIPythonHashSeed random\n" + alias, env={"PYTHONHASHSEED": "7"})
    second = httpd("WSGIPythonHashSeed random\n" + alias, env={"PYTHONHASHSEED": "7"})
    assert facts(first)["hash"] != facts(second)["hash"]  # the directive goes before the environment


def test_options_of_a_group_go_before_those_of_the_server(httpd: Make) -> None:
    server = httpd(
        "WSGISwitchInterval 0.25\nWSGIPythonEggs /of/embedded\n"
        "WSGIDaemonProcess slow threads=1 switch-interval=0.125 python-eggs=/of/slow\n"
        "WSGIDaemonProcess plain threads=1\nWSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias /slow {apps}/interpreter.py process-group=slow\n"
        "WSGIScriptAlias /plain {apps}/interpreter.py process-group=plain\n"
    )
    slow, plain = facts(server, "/slow"), facts(server, "/plain")
    assert (slow["switch_interval"], slow["egg_cache"]) == (0.125, "/of/slow")
    assert (plain["switch_interval"], plain["egg_cache"]) == (0.25, None)


AT_EXIT = """
import atexit

def leave():
    with open({path!r}, "a") as file:
        file.write("left\\n")

atexit.register(leave)

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"ok"]
"""


@pytest.mark.parametrize(("value", "notes"), [("On", "left\n"), ("Off", "")])
def test_destroy_interpreter(serve: Make, value: str, notes: str) -> None:
    server = serve("at_exit.py", f"WSGIDestroyInterpreter {value}\n", start=False)
    path = server.data / "notes"
    server.app("at_exit.py", AT_EXIT.format(path=str(path)))
    server.start()
    assert server.get("/").status == 200
    server.stop()
    assert (path.read_text() if path.exists() else "") == notes


ENDS_BADLY = """
import atexit, threading

def fails():
    raise ValueError("at the very end")

threading._shutdown = atexit._run_exitfuncs = fails

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"ok"]
"""


def test_an_end_that_an_application_spoilt_is_told(serve: Make) -> None:
    server = serve("ends_badly.py", "WSGIApplicationGroup inner\nWSGIDestroyInterpreter On\n", start=False)
    server.app("ends_badly.py", ENDS_BADLY)
    server.start()
    assert server.get("/").status == 200
    server.stop()
    for code in ("MWS2024", "MWS2025"):
        assert re.search(rf"{code}: .*\n(.*\n)*?.*ValueError: at the very end", server.log()), code


# --- sections ---

SECTIONS = """
WSGIDaemonProcess one threads=2
WSGIDaemonProcess two threads=2
WSGIRestrictStdin On
WSGIPythonPath {root}/embedded
<WSGIInterpreterOptions application-group=inner process-group=one>
    WSGIRestrictStdout Off
    WSGIPythonPath {root}/most
</WSGIInterpreterOptions>
<WSGIInterpreterOptions process-group=one>
    WSGIRestrictStdin Off
    WSGIRestrictStdout Off
    WSGISwitchInterval 0.5
    WSGIPythonPath {root}/more
</WSGIInterpreterOptions>
<WSGIInterpreterOptions application-group="inner">
    WSGIRestrictStdout On
</WSGIInterpreterOptions>
<WSGIInterpreterOptions>
    WSGIPythonPath {root}/all
    WSGISwitchInterval 0.125
    WSGIRestrictSignal Off
</WSGIInterpreterOptions>
<WSGIInterpreterOptions process-group=%{GLOBAL} application-group=%{GLOBAL}>
    WSGIRestrictSignal On
</WSGIInterpreterOptions>
WSGIScriptAlias /one/inner {apps}/interpreter.py process-group=one application-group=inner
WSGIScriptAlias /one/main {apps}/interpreter.py process-group=one application-group=%{GLOBAL}
WSGIScriptAlias /two/inner {apps}/interpreter.py process-group=two application-group=inner
WSGIScriptAlias /embedded {apps}/interpreter.py process-group=%{GLOBAL} application-group=%{GLOBAL}
"""


def own_path(seen: dict[str, Any], server: Httpd) -> list[str]:
    return [entry.rpartition("/")[2] for entry in seen["path"] if entry.startswith(f"{server.root}/")]


def test_interpreter_options(httpd: Make) -> None:
    """More selectors win over fewer, a later section over an equal one; paths add up."""
    server = httpd(SECTIONS, start=False)
    for name in ("embedded", "all", "more", "most"):
        (server.root / name).mkdir()
    server.start()

    def seen(path: str) -> tuple[bool, bool, bool, float, list[str]]:
        found = facts(server, path)
        restricted = found["stdin_restricted"], found["stdout_restricted"], found["signal_restricted"]
        return *restricted, found["switch_interval"], own_path(found, server)

    assert seen("/one/inner") == (False, False, False, 0.5, ["most", "more", "all"])
    assert seen("/one/main") == (False, False, False, 0.5, ["more", "all"])
    assert seen("/two/inner") == (True, True, False, 0.125, ["all"])
    assert seen("/embedded") == (True, False, True, 0.125, ["all", "embedded"])


def test_a_later_section_wins_over_an_equal_one(httpd: Make) -> None:
    section = "<WSGIInterpreterOptions process-group={}>\nWSGISwitchInterval {}\n</WSGIInterpreterOptions>\n"
    server = httpd(
        "WSGIDaemonProcess one threads=1\nWSGIScriptAlias / {apps}/interpreter.py process-group=one\n"
        + section.format("one", 0.25)
        + section.format("other", 0.5)
        + section.format("one", 0.125)
        + "WSGIApplicationGroup %{GLOBAL}\n"
    )
    assert facts(server)["switch_interval"] == 0.125


def test_per_interpreter_gil(httpd: Make, serve: Make, mode: str) -> None:
    """With a GIL of its own an interpreter has a switch interval of its own; before Python 3.12 a line says that there
    is no such thing."""
    server = serve(
        "interpreter.py",
        "WSGIScriptAlias /own {apps}/interpreter.py application-group=own\n"
        "<WSGIInterpreterOptions application-group=own>\nWSGIPerInterpreterGIL On\nWSGISwitchInterval 0.25\n"
        "</WSGIInterpreterOptions>\n",
        start=False,
    )
    text = server.conf.read_text()
    server.conf.write_text(text.replace("WSGIScriptAlias / ", "WSGIScriptAlias /main "))
    server.start()
    main, own = facts(server, "/main"), facts(server, "/own")
    assert (main["application_group"], own["application_group"]) == ("", "own")
    assert main["switch_interval"] == 0.005
    if tuple(main["version"]) >= (3, 12):
        assert own["switch_interval"] == 0.25
        assert "WSGIPerInterpreterGIL" not in server.log()
    else:
        assert own["switch_interval"] == 0.005
        server.wait_log("WSGIPerInterpreterGIL On has no effect: it needs Python 3.12")


def test_interpreters_with_their_own_gil_under_load(httpd: Make, mode: str) -> None:
    """Several threads in several interpreters, a graceful restart between, and an orderly end."""
    group = "WSGIDaemonProcess d processes=1 threads=8\nWSGIProcessGroup d\n" if mode == "daemon" else ""
    server = httpd(
        group + "WSGIPerInterpreterGIL On\n"
        "WSGIScriptAlias /one {apps}/interpreter.py application-group=one\n"
        "WSGIScriptAlias /two {apps}/interpreter.py application-group=two\n"
        "WSGIScriptAlias /main {apps}/interpreter.py application-group=%{GLOBAL}\n"
    )
    if tuple(facts(server, "/one")["version"]) < (3, 12):
        pytest.skip("interpreters have a GIL of their own since Python 3.12")
    with Load(server, "/one") as one, Load(server, "/two") as two, Load(server, "/main") as main:
        until(lambda: min(one.answered, two.answered, main.answered) > 100, "all three serve")
        server.graceful()
        before = [load.answered for load in (one, two, main)]
        until(lambda: one.answered > before[0] + 50 and two.answered > before[1] + 50, "they do again")
    assert one.failed + two.failed + main.failed == []
    assert facts(server, "/two")["application_group"] == "two"


def test_free_threading(httpd: Make, mode: str) -> None:
    """Without the GIL: several threads in the main interpreter and in another, a script that changes meanwhile."""
    group = "WSGIDaemonProcess d processes=1 threads=8\nWSGIProcessGroup d\n" if mode == "daemon" else ""
    server = httpd(
        group + "WSGIFreeThreading On\n"
        "WSGIScriptAlias /sub {apps}/interpreter.py application-group=sub\n"
        "WSGIScriptAlias /main {apps}/interpreter.py application-group=%{GLOBAL}\n"
    )
    if facts(server, "/main")["gil"]:
        pytest.skip("this is no free-threaded build of Python")
    with Load(server, "/sub") as sub, Load(server, "/main", threads=6) as main:
        for goal in range(50, 300, 50):
            until(lambda goal=goal: min(sub.answered, main.answered) > goal, "both serve")  # type: ignore[misc]
            os.utime(server.apps / "interpreter.py")
    assert sub.failed + main.failed == []
    assert facts(server, "/main")["gil"] is False


def test_a_free_threaded_python_has_its_gil_unless_told_otherwise(httpd: Make) -> None:
    server = httpd("WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / {apps}/interpreter.py\n")
    assert facts(server)["gil"] is True


def test_free_threading_is_told_to_be_missing(httpd: Make) -> None:
    server = httpd(
        "WSGIFreeThreading On\nWSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / {apps}/interpreter.py\n",
    )
    if facts(server)["gil"]:
        server.wait_log("WSGIFreeThreading On has no effect: it needs a free-threaded build")


# --- directives of other releases ---


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("WSGILazyInitialization Off", "WSGILazyInitialization Off has no effect"),
        ("WSGIPy3kWarningFlag On", "WSGIPy3kWarningFlag On has no effect"),
        ("WSGIVerboseDebugging On", "WSGIVerboseDebugging On has no effect"),
        ("WSGISocketRotation Off", "WSGISocketRotation Off has no effect"),
        ("WSGIAcceptMutex fcntl", "WSGIAcceptMutex has no effect"),
        ("WSGINewRelicConfigFile /etc/newrelic.ini", "WSGINewRelicConfigFile has no effect.*newrelic.agent"),
        ("WSGINewRelicEnvironment production", "WSGINewRelicEnvironment has no effect.*newrelic.agent"),
        ("WSGILazyInitialization On", ""),
        ("WSGIPy3kWarningFlag Off", ""),
        ("WSGIVerboseDebugging Off", ""),
        ("WSGISocketRotation On", ""),
        ("WSGIAcceptMutex default", ""),
    ],
)
def test_directives_that_have_no_effect_say_so(httpd: Make, line: str, note: str) -> None:
    server = httpd(line + "\n", start=False)
    code, output = server.check()
    assert code == 0, output
    if note:
        number = 1 + server.conf.read_text().splitlines().index(line)
        assert [text for text in output.splitlines() if f"{server.conf}:{number}: " in text], output
    assert ("no effect" in output) == bool(note), output


def test_a_note_is_logged_once_at_a_start(httpd: Make) -> None:
    server = httpd("WSGIAcceptMutex fcntl\n")
    assert server.log().count("WSGIAcceptMutex has no effect") == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("WSGIPythonOptimize 3", ["WSGIPythonOptimize", "3"]),
        ("WSGIPythonOptimize x", ["WSGIPythonOptimize", "x"]),
        ("WSGIPythonWarnings shout", ["WSGIPythonWarnings", "shout"]),
        ("WSGIPythonWarnings error:a:b:c:1:2", ["WSGIPythonWarnings", "error:a:b:c:1:2"]),
        ("WSGIPythonHashSeed 4294967296", ["WSGIPythonHashSeed", "4294967296"]),
        ("WSGIPythonHashSeed -1", ["WSGIPythonHashSeed"]),
        ("WSGIPythonHashSeed never", ["WSGIPythonHashSeed", "never"]),
        ("WSGIPythonEggs ''", ["WSGIPythonEggs"]),
        ("WSGIDontWriteBytecode x", ["WSGIDontWriteBytecode"]),
        ("WSGIDestroyInterpreter x", ["WSGIDestroyInterpreter"]),
        ("WSGISwitchInterval 0", ["WSGISwitchInterval", "0"]),
        ("WSGISwitchInterval nan", ["WSGISwitchInterval", "nan"]),
        ("WSGIPerInterpreterGIL x", ["WSGIPerInterpreterGIL"]),
        ("WSGIFreeThreading x", ["WSGIFreeThreading"]),
        ("WSGIAcceptMutex spinning", ["WSGIAcceptMutex", "spinning", "posixsem"]),
        ("WSGISocketRotation x", ["WSGISocketRotation"]),
        ("<VirtualHost *:1>\nWSGIPythonOptimize 1\n</VirtualHost>", ["WSGIPythonOptimize"]),
        ("<VirtualHost *:1>\nWSGIPythonHashSeed 1\n</VirtualHost>", ["WSGIPythonHashSeed"]),
        ("<VirtualHost *:1>\n<WSGIInterpreterOptions>\n</WSGIInterpreterOptions>\n</VirtualHost>", ["VirtualHost"]),
        ("<WSGIInterpreterOptions colour=blue>\n</WSGIInterpreterOptions>", ["colour", "process-group="]),
        ("<WSGIInterpreterOptions process-group=>\n</WSGIInterpreterOptions>", ["process-group"]),
        ("<WSGIInterpreterOptions process-group=%{ENV:X}>\n</WSGIInterpreterOptions>", ["%{ENV:X}", "%{GLOBAL}"]),
        ("<WSGIInterpreterOptions>\nWSGIPythonOptimize 1\n</WSGIInterpreterOptions>", ["WSGIPythonOptimize"]),
        ("<WSGIInterpreterOptions>\nTimeout 1\n</WSGIInterpreterOptions>", ["Timeout", "WSGIInterpreterOptions"]),
        ("WSGIDaemonProcess d switch-interval=0", ["switch-interval"]),
        ("WSGIDaemonProcess d switch-interval=soon", ["switch-interval", "soon"]),
    ],
)
def test_mistakes_are_refused_and_named(httpd: Make, line: str, told: list[str]) -> None:
    code, output = httpd(line + "\n", start=False).check()
    assert code != 0
    for word in told:
        assert word in output
    assert "Segmentation" not in output
