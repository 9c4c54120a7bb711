# SPDX-License-Identifier: Apache-2.0
"""Restarts, reloads, deploys, signals, in the order in which an operator meets them: what runs on, and what is lost."""

from __future__ import annotations

import os
import pwd
import random
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable

import pytest
from harness.client import ClosedError, Connection, fetch
from harness.load import Load
from harness.processes import alive
from harness.protocols import fetch2, http2
from harness.server import Httpd, server_account
from harness.waiting import until

Make = Callable[..., Httpd]
GROUP = "WSGIDaemonProcess d {options}\nWSGIProcessGroup d\nWSGIApplicationGroup %{{GLOBAL}}\n"
DEATHS = GROUP + "WSGIScriptAlias / {{apps}}/deaths.py\n"


class Keeper:
    """A client that keeps its connection; one that ends before an answer began is made anew, as HTTP wants it."""

    def __init__(self, server: Httpd, path: str, failed: list[str]) -> None:
        self.port, self.path, self.failed = server.port, path, failed
        self.answered = 0

    def run(self, over: threading.Event) -> None:
        connection, fresh = Connection(self.port), True
        while not over.is_set():
            try:
                connection.request("GET", self.path)
                response = connection.response()
                if response.status != 200 or not response.complete:
                    self.failed.append(f"kept: status {response.status}")
                self.answered += 1
                fresh = False
                if (response.get("Connection") or "").lower() != "close":
                    continue
            except (OSError, ClosedError) as error:
                if fresh:
                    self.failed.append(f"kept: {error!r}")
            connection.close()
            connection, fresh = Connection(self.port), True
        connection.close()


@contextmanager
def kept_alive(server: Httpd, path: str, failed: list[str], clients: int = 2) -> Iterator[list[Keeper]]:
    over = threading.Event()
    keepers = [Keeper(server, path, failed) for _ in range(clients)]
    threads = [threading.Thread(target=keeper.run, args=(over,)) for keeper in keepers]
    for thread in threads:
        thread.start()
    try:
        yield keepers
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_H1_twenty_graceful_restarts(httpd: Make) -> None:
    """Under fast requests and slow ones, on kept connections and on new ones, over HTTP/1 and HTTP/2."""
    server = httpd(DEATHS.format(options="processes=2 threads=8") + http2(), children=2)
    server.get("/pid")
    failed: list[str] = []
    slow: list[int] = []
    crew = [
        threading.Thread(target=lambda: slow.append(fetch(server.port, "/sleeps?n=8", timeout=60).status))
        for _ in range(4)
    ]
    for thread in crew:
        thread.start()
    streams = 0
    with Load(server, "/pid", threads=3) as load, kept_alive(server, "/pid", failed) as keepers:
        for _ in range(20):
            server.graceful()
            stream = fetch2(server.port, "/pid")
            streams += stream.status == 200 and stream.complete
        before = load.answered
        until(lambda: load.answered > before + 20, "it serves")
    for thread in crew:
        thread.join()
    assert (load.failed, failed, streams, slow) == ([], [], 20, [200] * 4)
    assert min(keeper.answered for keeper in keepers) > 20
    until(lambda: len(server.managers()) == 1, "the old generations have gone")


def test_H2_rotated_logs(httpd: Make) -> None:
    """What logrotate does: the log is renamed, then a graceful restart. No line and no request is lost."""
    server = httpd(DEATHS.format(options="processes=2 threads=4"))
    log = server.root / "logs" / "error.log"
    numbers = iter(range(1_000_000))
    sent: list[int] = []
    failed: list[int] = []
    over = threading.Event()
    lock = threading.Lock()

    def client() -> None:
        while not over.is_set():
            with lock:
                number = next(numbers)
                sent.append(number)
            if fetch(server.port, f"/logs?n={number}").status != 200:
                failed.append(number)

    crew = [threading.Thread(target=client) for _ in range(3)]
    for thread in crew:
        thread.start()
    for turn in range(10):
        log.rename(log.with_name(f"error.log.{turn}"))
        server.send_signal(signal.SIGUSR1)
        until(lambda: log.exists() and "resuming normal operations" in log.read_text(), "a new log")
        until(lambda turn=turn: len(sent) > (turn + 1) * 15, "requests between two restarts")
    over.set()
    for thread in crew:
        thread.join()
    assert failed == []
    assert len(sent) > 100

    def written() -> list[int]:
        text = "".join(path.read_text() for path in log.parent.glob("error.log*"))
        return sorted(int(number) for number in re.findall(r"line (\d+) of many", text))

    until(lambda: written() == sent, "each line stands in one of the logs")


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT],
)
def test_H3_signals_to_a_daemon(httpd: Make, number: signal.Signals) -> None:
    """TERM, INT and USR1 replace it, HUP and USR2 are for who subscribed, QUIT shows its Python stacks."""
    server = httpd(DEATHS.format(options="processes=1 threads=2"))
    before = int(server.get("/pid").text)
    mark = len(server.log())
    os.kill(before, number)
    if number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGQUIT):
        if number == signal.SIGQUIT:
            server.wait_log("most recent call first", since=mark)
        assert int(server.get("/pid").text) == before
    else:
        until(lambda: not alive(before), "the old one is gone")
        assert int(server.get("/pid").text) != before
    assert server.error_lines(mark) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGKILL])
def test_H3_signals_to_the_manager(httpd: Make, number: signal.Signals) -> None:
    """TERM and KILL end it, and httpd starts another one; the rest is not for it. Requests are served all the time."""
    server = httpd(DEATHS.format(options="processes=1 threads=2"))
    server.get("/pid")
    (manager,) = server.managers()
    with Load(server, "/pid", threads=2) as load:
        os.kill(manager.pid, number)
        if number in (signal.SIGTERM, signal.SIGKILL):
            until(lambda: [m.pid for m in server.managers()] not in ([], [manager.pid]), "another manager")
        before = load.answered
        until(lambda: load.answered > before + 20, "it serves")
    assert load.failed == []
    until(lambda: len(server.managers()) == 1 and len(server.daemon_pids()) == 1, "one manager, one daemon")


def test_H3_signals_to_an_apache_child(httpd: Make) -> None:
    """Killed children are replaced, and the daemons do not notice."""
    server = httpd(DEATHS.format(options="processes=1 threads=2"), children=2)
    before = server.get("/pid").text
    assert server.process is not None
    managers = {m.pid for m in server.managers()}
    children = {p.pid for p in server.processes() if p.parent == server.process.pid} - managers
    for child in children:
        os.kill(child, signal.SIGKILL)

    def serves() -> bool:
        try:
            return server.get("/pid").text == before
        except (OSError, ClosedError):
            return False

    until(serves, "the same daemon serves")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_H3_told_to_stop_twice(httpd: Make, number: signal.Signals) -> None:
    """The second signal changes nothing: shutdown-timeout is the bound."""
    server = httpd(DEATHS.format(options="processes=1 threads=2 shutdown-timeout=2"))
    with server.connect() as connection:
        connection.request("GET", "/sleeps?n=60")
        time.sleep(0.3)
        begin = time.monotonic()
        server.send_signal(number)
        time.sleep(0.1)
        server.stop(number, settle=False)
        assert time.monotonic() - begin < 2 + 1 + 5  # httpd itself needs a second
    assert not server.processes()


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ("maximum-requests=60", "/pid"),
        ("restart-interval=1", "/pid"),
        ("memory-soft-limit=100000000", "/leaks"),
        ("inactivity-timeout=1", "/pid"),
    ],
)
def test_H4_replaced_under_load(httpd: Make, options: str, path: str) -> None:
    server = httpd(DEATHS.format(options=f"processes=2 threads=4 {options}"))
    seen = set(server.daemon_pids())

    def replaced() -> bool:
        seen.update(server.daemon_pids())
        return len(seen) >= 4

    if "inactivity" in options:
        server.get(path)
        for _ in range(4):  # the load comes just when it is idle for long enough
            with Load(server, path, threads=3) as load:
                time.sleep(0.2)
            assert load.failed == []
            time.sleep(0.9)
        replaced()
        return
    with Load(server, path, threads=3) as load:
        until(replaced, "processes were replaced", 30.0)
    assert load.failed == []


def test_H5_the_module_file_is_replaced(httpd: Make) -> None:
    """By rename, as installers do: a graceful restart runs the new one, requests that run end in the old one."""
    server = httpd(DEATHS.format(options="processes=1 threads=4"), start=False)
    module = server.root / "mod_wsgi.so"
    shutil.copyfile(server.module, module)
    server.conf.write_text(server.conf.read_text().replace(str(server.module), str(module)))
    server.start()
    old = int(server.get("/pid").text)
    slow: list[str] = []
    thread = threading.Thread(target=lambda: slow.append(fetch(server.port, "/sleeps?n=1.5").text))
    thread.start()
    shutil.copyfile(server.module, module.with_suffix(".new"))
    module.with_suffix(".new").rename(module)
    with Load(server, "/pid", threads=2) as load:
        time.sleep(0.3)
        server.graceful()
        until(lambda: int(server.get("/pid").text) != old, "a new daemon serves")
    assert load.failed == []
    thread.join()
    assert int(slow[0]) == old
    (new,) = server.daemon_pids() - {old}
    with open(f"/proc/{new}/maps") as maps:
        inodes = {line.split()[4] for line in maps if str(module) in line and "deleted" not in line}
    assert inodes == {str(module.stat().st_ino)}


def test_H5_another_minor_version_of_python_is_refused(httpd: Make) -> None:
    """An environment that was made anew with another Python: the message has both versions, the server runs on."""
    server = httpd(DEATHS.format(options="processes=1 threads=2"))
    before = server.get("/pid").text
    environment = server.root / "venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.5.2\n")
    text = server.conf.read_text()
    server.conf.write_text(text.replace("WSGIDaemonProcess d ", f'WSGIDaemonProcess d python-home="{environment}" '))
    code, said = server.run("-k", "graceful")
    assert code != 0
    assert "3.5" in said
    assert re.search(r"3\.(?!5\b)\d+", said)
    assert server.get("/pid").text == before


def test_H7_another_size_user_and_name(httpd: Make) -> None:
    """Requests end in the group in which they began; only new ones meet the new configuration."""
    server = httpd(DEATHS.format(options="processes=1 threads=4"))
    old = server.get("/pid").text
    text = server.conf.read_text()
    slow: list[str] = []
    thread = threading.Thread(target=lambda: slow.append(fetch(server.port, "/sleeps?n=1.5").text))
    thread.start()
    time.sleep(0.2)
    options = "processes=3 threads=2"
    if os.geteuid() == 0:
        other = "nobody" if server_account()[0] != "nobody" else "daemon"
        options += f" user={other}"
    text = text.replace("WSGIDaemonProcess d processes=1 threads=4", f"WSGIDaemonProcess renamed {options}")
    server.conf.write_text(text.replace("WSGIProcessGroup d", "WSGIProcessGroup renamed"))
    server.graceful()
    until(lambda: server.get("/pid").text != old, "the new group serves")
    if os.geteuid() == 0:
        assert server.get("/uid").text == str(pwd.getpwnam(other).pw_uid)
    thread.join()
    assert slow == [old]
    until(lambda: len(server.daemon_pids()) == 3, "three daemons are left")


def test_H8_a_broken_script_is_deployed(httpd: Make) -> None:
    """Replaced by signal, the script loaded at start: the old version serves on until the new one can be loaded."""
    server = httpd(
        GROUP.format(options="processes=1 threads=2") + "WSGIScriptReloading Off\n"
        "WSGIScriptAlias / {apps}/site.py\n"
        "WSGIImportScript {apps}/site.py process-group=d application-group=%{GLOBAL}\n",
        start=False,
    )
    version = (
        "import os\n\ndef application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'{}']\n"
    )
    server.app("site.py", version.format("one"))
    server.start()
    assert server.get("/").text == "one"
    (old,) = server.daemon_pids()
    mark = len(server.log())
    server.app("site.py", "import nothing_of_this_name\n")
    with Load(server, "/", threads=2) as load:
        os.kill(old, signal.SIGUSR1)
        server.wait_log("ModuleNotFoundError", since=mark)
        server.wait_log("MWS3031: .* serves on", since=mark)
        before = load.answered
        until(lambda: load.answered > before + 20, "the old one serves")
        assert set(load.bodies) == {b"one"}
        server.app("site.py", version.format("two"))
        until(lambda: load.bodies[b"two"] > 5, "the new one serves", 20.0)
    assert load.failed == []
    until(lambda: not alive(old), "the old one has gone")


def test_H9_first_enabled_by_a_graceful_restart(httpd: Make) -> None:
    server = httpd("", start=False)
    (server.root / "index.html").write_text("plain")
    whole = server.conf.read_text() + f'DocumentRoot "{server.root}"\n'
    (line,) = [line for line in whole.splitlines() if "wsgi_module" in line]
    without = whole.replace(line, "")
    server.conf.write_text(without)
    server.start()
    group = GROUP.format(options="processes=1 threads=2") + f'WSGIScriptAlias /app "{server.apps}/deaths.py"\n'
    for _ in range(3):
        assert server.get("/index.html").text == "plain"
        server.conf.write_text(whole + group)
        server.graceful()
        until(lambda: server.get("/app/pid").status == 200, "it serves")
        server.conf.write_text(without)
        server.graceful()
        until(lambda: not server.daemon_pids() and not server.managers(), "no daemons")
        assert server.get("/app/pid").status == 404


def test_H10_cycles_with_random_signals(httpd: Make) -> None:
    """Start, signals at random times to whoever is there, stop; each stop looks for what is left. `./run reliability`
    does many more."""
    dice = random.Random(10)
    server = httpd(DEATHS.format(options="processes=2 threads=2 shutdown-timeout=1"), start=False)
    for _ in range(5):
        server.start()
        for _ in range(dice.randrange(4)):
            time.sleep(dice.random() / 8)
            daemons = sorted(server.daemon_pids())
            managers = [m.pid for m in server.managers()]
            choices = [(pid, signal.SIGKILL) for pid in daemons[:1] + managers[:1]]
            choices += [(pid, signal.SIGUSR1) for pid in daemons[:1]]
            choices += [(pid, signal.SIGTERM) for pid in daemons[:1]]
            pid, number = dice.choice(choices or [(0, signal.SIGUSR1)])
            if pid == 0:
                server.graceful()  # httpd forgets a signal that comes while it restarts
            elif alive(pid):
                os.kill(pid, number)
        time.sleep(dice.random() / 8)
        server.stop(dice.choice([signal.SIGTERM, signal.SIGWINCH]))


def test_H12_a_second_server_in_the_place_of_the_first(httpd: Make) -> None:
    """On its port it does not start; on another one, with the same prefix of sockets, both serve. The first is not
    hurt."""
    config = DEATHS.format(options="processes=1 threads=2")
    first = httpd("WSGISocketPrefix {root}/run/wsgi\n" + config)
    second = httpd(f"WSGISocketPrefix {first.root}/run/wsgi\n" + config, start=False)
    sockets = sorted((first.root / "run").glob("*.sock"))
    pid = first.get("/pid").text
    text = second.conf.read_text()
    second.conf.write_text(text.replace(f"Listen 127.0.0.1:{second.port}", f"Listen 127.0.0.1:{first.port}"))
    code, said = second.run("-DFOREGROUND")
    assert code != 0
    assert "Address already in use" in said

    second.conf.write_text(text)
    second.start()
    assert second.get("/pid").status == 200
    assert len(list((first.root / "run").glob("*.sock"))) == 2 * len(sockets) == 2
    second.stop()
    assert (first.get("/pid").text, sorted((first.root / "run").glob("*.sock"))) == (pid, sockets)
