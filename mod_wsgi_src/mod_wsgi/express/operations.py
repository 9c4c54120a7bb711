# SPDX-License-Identifier: Apache-2.0
"""What can be done with a server that was set up: reload, wait, stop, status, logs. Its server root tells all."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable
from urllib.parse import urlsplit

from . import manifest, places, processes, readiness, roster
from .errors import ExpressError, UsageError
from .preflight import check_python

NOT_RUNNING = 3  # as init scripts have it
LOOK_SECONDS = 0.05
FOLLOW_SECONDS = 0.5


@dataclass(frozen=True)
class Instance:
    root: Path
    facts: dict[str, Any]

    @property
    def runtime(self) -> Path:
        return Path(self.facts.get("runtime_directory", self.root))

    @property
    def pid(self) -> int | None:
        return processes.server_pid(Path(self.facts["pid_file"]), self.root / "httpd.conf")

    def running(self) -> int:
        pid = self.pid
        if pid is None:
            raise ExpressError(f"no server runs in {str(self.root)!r}; start it, or see --server-root")
        return pid


def find(server_root: Path | None, host: str | None, port: int) -> Instance:
    root = server_root or places.default_server_root((host or "localhost").strip("[]"), port)
    facts = manifest.read(root)
    if facts is None:
        raise UsageError(f"--server-root: no server was set up in {str(root)!r}; name the directory of one")
    places.check_trusted("server-root", root)
    return Instance(root, facts)


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_SECONDS)
    return True


# -- status


def describe(instance: Instance) -> dict[str, Any]:
    pid = instance.pid
    groups = roster.read(instance.runtime, pid) if pid else {}
    return {
        "running": pid is not None,
        "pid": pid,
        "url": instance.facts["url"],
        "server_root": str(instance.root),
        "ready": pid is not None and roster.is_ready(groups),
        "groups": {
            name: [{"failures": seat.failures, "daemons": _daemons(seat)} for seat in seats]
            for name, seats in groups.items()
        },
        "logs": instance.facts.get("logs", {}),
    }


def _daemons(seat: roster.Seat) -> list[dict[str, Any]]:
    return [{"pid": pid, "state": state} for pid, state in sorted(seat.daemons.items())]


def status(instance: Instance, as_json: bool) -> int:
    found = describe(instance)
    if as_json:
        print(json.dumps(found, indent=2, sort_keys=True))
    elif not found["running"]:
        print(f"not running, {instance.root}")
    else:
        print(f"running, pid {found['pid']}, {found['url']}, {'ready' if found['ready'] else 'not ready'}")
        for name, seats in found["groups"].items():
            for seat in seats:
                words = [f"{daemon['pid']} {daemon['state']}" for daemon in seat["daemons"]] or ["none"]
                who = "its successor" if seat["daemons"] else "it"
                failed = f" ({who} died {seat['failures']} time(s) at its start)" if seat["failures"] else ""
                print(f"  {name}: {', '.join(words)}{failed}")
    return 0 if found["running"] else NOT_RUNNING


# -- wait


def wait(instance: Instance, seconds: int) -> int:
    """For the start of a service: back when the server serves, or it is clear that it will not."""
    end = time.monotonic() + seconds
    # httpd goes to the background before it writes its pid.
    if not _wait(lambda: instance.pid is not None, seconds):
        raise ExpressError(
            f"no server runs in {str(instance.root)!r} after {seconds} seconds; see {_error_log(instance)}"
        )
    pid = instance.running()
    group, url = instance.facts["daemons"]["application"], urlsplit(instance.facts["url"])
    address = (url.hostname or "localhost", url.port or (443 if url.scheme == "https" else 80))
    while not readiness.serves(instance.runtime, pid, group, address):
        if instance.pid != pid:
            raise ExpressError(f"the server (pid {pid}) ended; see {_error_log(instance)}")
        seats = roster.read(instance.runtime, pid).get(group, [])
        if any(seat.failures >= roster.BROKEN for seat in seats):
            raise ExpressError(f"the daemons of {group!r} die at their start; see {_error_log(instance)}")
        if time.monotonic() > end:
            raise ExpressError(f"it does not serve after {seconds} seconds; see {_error_log(instance)}")
        time.sleep(LOOK_SECONDS)
    print(f"serving, pid {pid}, {instance.facts['url']}")
    return 0


def _error_log(instance: Instance) -> str:
    return instance.facts.get("logs", {}).get("error") or "the terminal of the server"


# -- stop


def stop(instance: Instance, seconds: int, graceful: bool) -> int:
    pid = instance.pid
    if pid is None:
        print("not running")
        return 0
    seats = [seat for seats in roster.read(instance.runtime, pid).values() for seat in seats]
    own = {pid, *processes.children(pid), *(daemon for seat in seats for daemon in seat.daemons)}
    os.kill(pid, signal.SIGWINCH if graceful else signal.SIGTERM)
    if not _wait(lambda: not own & processes.pids(), seconds):
        left = ", ".join(map(str, sorted(own & processes.pids())))
        raise ExpressError(
            f"the server (pid {pid}) did not end within {seconds} seconds, {left} is left; see its error log"
        )
    print(f"stopped, pid {pid}")
    return 0


# -- reload


def reload(instance: Instance, seconds: int) -> int:
    """New daemons load the application; each takes the place of an old one when it is ready. A version that does not
    load is tried on one daemon only, and that one serves on."""
    pid = instance.running()
    for script in instance.facts["application"]:
        check_python("entry point", Path(script))
    group = instance.facts["daemons"]["application"]
    if not group:
        os.kill(pid, signal.SIGUSR1)
        print("httpd reloads its processes")
        return 0
    end = time.monotonic() + seconds
    seats = roster.read(instance.runtime, pid).get(group, [])
    if not seats:
        raise ExpressError(f"group {group!r} has no daemons yet; see the command status")
    for numbers in ([0], list(range(1, len(seats)))):
        _replace(instance, pid, group, numbers, end)
    for service in instance.facts["daemons"]["services"]:
        for seat in roster.read(instance.runtime, pid).get(service, []):
            for daemon in seat.serving:
                os.kill(daemon, signal.SIGTERM)
    print(f"reloaded, {len(seats)} process(es) of {group}")
    return 0


def _replace(instance: Instance, server: int, group: str, numbers: list[int], end: float) -> None:
    before = roster.read(instance.runtime, server).get(group, [])
    old = {number: set(before[number].serving) for number in numbers}
    for pids in old.values():
        for pid in pids:
            os.kill(pid, signal.SIGUSR1)
    while True:
        now = roster.read(instance.runtime, server).get(group, [])
        if not now:
            raise ExpressError("the server ended or was restarted meanwhile; see its error log")
        if all(now[number].serving and not old[number] & set(now[number].serving) for number in numbers):
            return
        if any(now[number].failures > before[number].failures for number in numbers):
            raise ExpressError(f"the new version does not load, the old one serves on; see {_error_log(instance)}")
        if time.monotonic() > end:
            raise ExpressError("the new version did not load in time, the old one serves on; see --timeout")
        time.sleep(LOOK_SECONDS)


# -- logs


def logs(instance: Instance, name: str, lines: int, follow: bool) -> int:
    known = instance.facts.get("logs", {})
    if name not in known:
        raise UsageError(f"there is no log {name!r}; choose one of {', '.join(known) or 'none'}")
    if not known[name]:
        raise ExpressError(f"the log {name!r} goes to the terminal of the server; give --log-directory at its start")
    path = _newest(Path(known[name]))
    try:
        with path.open(errors="replace") as stream:
            sys.stdout.writelines(deque(stream, lines))
            while follow:
                sys.stdout.flush()
                time.sleep(FOLLOW_SECONDS)
                sys.stdout.writelines(stream)
    except OSError as error:
        raise ExpressError(f"{path}: cannot be read ({error.strerror})") from None
    except KeyboardInterrupt:
        pass
    return 0


def _newest(path: Path) -> Path:
    """rotatelogs adds the time to the name."""
    found = sorted(path.parent.glob(f"{path.name}.*-*-*"))
    return path if path.exists() or not found else found[-1]
