# SPDX-License-Identifier: Apache-2.0
"""What a group of daemons may use of the machine, and that the others are not hit."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from harness.load import Load
from harness.server import Httpd
from harness.waiting import until

Make = Callable[..., Httpd]
MIB = 1 << 20

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
needs_plain_memory = pytest.mark.skipif(
    "MOD_WSGI_TEST_PRELOAD" in os.environ, reason="a sanitizer takes more address space than the limit leaves"
)


def two_groups(httpd: Make, options: str) -> Httpd:
    """A group with these options at /limited, and one without any at /other."""
    return httpd(
        f"WSGIDaemonProcess limited threads=2 {options}\nWSGIDaemonProcess other threads=2\n"
        "WSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias /limited {apps}/limits.py process-group=limited\n"
        "WSGIScriptAlias /other {apps}/limits.py process-group=other\n"
    )


def tell(server: Httpd, path: str) -> str:
    response = server.get(path)
    assert response.status == 200, f"{path}: {response.status}\n{server.log()[-3000:]}"
    return response.text


@needs_plain_memory
@pytest.mark.parametrize("option", ["memory-limit", "virtual-memory-limit"])
def test_A6_B12_memory_limits(httpd: Make, option: str) -> None:
    """memory-limit, virtual-memory-limit: the application gets MemoryError, its client 500; the process lives, and
    another group may have more."""
    server = two_groups(httpd, f"{option}={1000 * MIB}")
    before = tell(server, "/limited/pid")
    assert server.get("/limited/allocates/1200").status == 500
    assert "MemoryError" in server.log()
    assert tell(server, "/limited/allocates/100") == str(100 * MIB)
    assert tell(server, "/limited/pid") == before
    assert tell(server, "/other/allocates/1200") == str(1200 * MIB)


@pytest.fixture
def memory_group() -> Iterator[Path]:
    """A control group with 400 MiB of memory and no swap, of the first or the second version."""
    name = f"wsgi-test-{uuid.uuid4().hex}"
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    places = {line.split(":")[1]: line.split(":")[2] for line in lines}
    first = "memory" in places
    top = Path(f"/sys/fs/cgroup/memory{places['memory']}" if first else f"/sys/fs/cgroup{places['']}")
    group = top / name
    try:
        group.mkdir()
        names = ("limit_in_bytes", "memsw.limit_in_bytes") if first else ("max", "swap.max")
        (group / f"memory.{names[0]}").write_text(str(400 * MIB))
        if (swap := group / f"memory.{names[1]}").exists():
            swap.write_text(str(400 * MIB) if first else "0")
    except OSError as error:
        if group.exists():
            group.rmdir()
        pytest.skip(f"no control group for memory can be made here: {error}")
    yield group
    until(lambda: not (group / "cgroup.procs").read_text(), "nobody is left in the control group")
    group.rmdir()


def test_A6_killed_by_the_kernel_for_its_memory(httpd: Make, memory_group: Path) -> None:
    """The client gets 502, one line tells the reason, and another process serves."""
    server = httpd(
        "WSGIDaemonProcess d threads=2\nWSGIProcessGroup d\nWSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias / {apps}/limits.py\n",
        start=False,
    )
    command = server.command
    entering = f'echo $$ > {memory_group}/cgroup.procs; exec "$@"'
    server.command = lambda *arguments: ["sh", "-c", entering, "sh", *command(*arguments)]  # type: ignore[method-assign]
    server.start()
    before = tell(server, "/pid")
    assert server.get("/keeps/1000").status == 502
    server.wait_log(rf"wsgi:error.* request .*{before}.*was killed by signal 9, since the memory limit of its cgroup")
    until(lambda: server.get("/pid").status == 200, "another process serves")
    os.kill(int(tell(server, "/pid")), signal.SIGKILL)
    server.wait_log(r"was killed by signal 9\n")
    server.stop()


def test_B12_open_files_limit(httpd: Make) -> None:
    server = two_groups(httpd, "open-files-limit=100")
    before = tell(server, "/limited/pid")
    number, _, reason = tell(server, "/limited/opens/200").partition(" ")
    assert 50 < int(number) < 100
    assert reason == "Too many open files"
    assert tell(server, "/limited/pid") == before
    assert tell(server, "/other/opens/200") == "200"


@only_root
@pytest.mark.parametrize(
    ("bomb", "reason"), [("forks", "Resource temporarily unavailable"), ("starts", "can't start new")]
)
def test_B12_process_limit(httpd: Make, bomb: str, reason: str) -> None:
    """Processes and threads of the group's user count, so a user that no other test has is part of it."""
    server = two_groups(httpd, "user=uucp group=uucp process-limit=40")
    before = tell(server, "/limited/pid")
    told = tell(server, f"/limited/{bomb}/60")
    assert int(told.split()[0]) < 40
    assert reason in told
    assert tell(server, "/limited/pid") == before
    assert tell(server, f"/other/{bomb}/60") == "60"


def test_cpu_time_limit(httpd: Make) -> None:
    """The request that spends the last of it is answered, then another process serves."""
    server = two_groups(httpd, "cpu-time-limit=1")
    before = tell(server, "/limited/pid")
    assert tell(server, "/limited/burns/11") == before
    until(lambda: tell(server, "/limited/pid") != before, "the process was replaced")
    server.wait_log("reached cpu-time-limit")


def test_cpu_priority(httpd: Make) -> None:
    server = two_groups(httpd, "cpu-priority=7")
    assert (tell(server, "/limited/priority"), tell(server, "/other/priority")) == ("7", str(os.getpriority(0, 0)))


def test_stack_size(httpd: Make) -> None:
    server = two_groups(httpd, "stack-size=1000001")
    assert 1000001 <= int(tell(server, "/limited/stack")) < 1000001 + 65536
    assert int(tell(server, "/other/stack")) != int(tell(server, "/limited/stack"))


def test_restart_interval(httpd: Make) -> None:
    """Again and again a new process, and no request is lost."""
    server = two_groups(httpd, "restart-interval=1")
    with Load(server, "/limited/pid", threads=2) as load:
        until(lambda: len(load.bodies) >= 3, "three processes have served")
    assert not load.failed
    server.wait_log("reached restart-interval")


def test_memory_soft_limit(httpd: Make) -> None:
    """A process that has grown is replaced, and no request is lost."""
    server = two_groups(httpd, f"memory-soft-limit={120 * MIB}")
    before = tell(server, "/limited/pid")
    with Load(server, "/limited/pid", threads=2) as load:
        assert tell(server, "/limited/keeps/150") == before
        until(lambda: before.encode() not in {pid.encode() for pid in [tell(server, "/limited/pid")]}, "another serves")
    assert not load.failed
    server.wait_log(f"process {before} of group 'limited' has .* more than memory-soft-limit=")
    until(lambda: int(before) not in server.daemon_pids(), "the large one is gone")


def test_a_limit_that_leaves_no_room_for_python_is_told(httpd: Make) -> None:
    server = two_groups(httpd, f"virtual-memory-limit={8 * MIB}")
    server.wait_log("daemon group 'limited'")
    assert server.get("/limited/pid").status in (500, 503)
    assert server.get("/other/pid").status == 200


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("cpu-time-limit", "-1"),
        ("cpu-priority", "21"),
        ("cpu-priority", "low"),
        ("memory-limit", "1G"),
        ("memory-limit", "-1"),
        ("virtual-memory-limit", "99999999999999999999"),
        ("memory-soft-limit", "much"),
        ("open-files-limit", "3"),
        ("process-limit", "-1"),
        ("stack-size", "100"),
        ("restart-interval", "soon"),
    ],
)
def test_mistakes_are_refused_and_named(httpd: Make, option: str, value: str) -> None:
    code, output = httpd(f"WSGIDaemonProcess d {option}={value}\n", start=False).check()
    assert code != 0
    assert option in output
    assert f'"{value}"' in output
