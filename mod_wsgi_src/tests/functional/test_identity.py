# SPDX-License-Identifier: Apache-2.0
"""Who the daemons are, whose scripts they run, who may talk to them, and what only they are told."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest
from harness.building import server_python
from harness.server import Httpd, server_account
from harness.waiting import until

Make = Callable[..., Httpd]

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")


def daemon(httpd: Make, options: str, app: str = "environment.py", **more: Any) -> Httpd:
    return httpd(
        f"WSGIDaemonProcess d threads=1 {options}\nWSGIProcessGroup d\nWSGIApplicationGroup %{{GLOBAL}}\n"
        f'WSGIScriptAlias / "{{apps}}/{app}"\n',
        **more,
    )


@only_root
def test_supplementary_groups(httpd: Make) -> None:
    """They replace the user's own, by name or number."""
    audio = grp.getgrnam("audio").gr_gid
    server = daemon(httpd, f"user=games group=games supplementary-groups=audio,#{audio + 1000}")
    facts = server.around()
    assert set(facts["groups"]) - {facts["gid"]} == {audio, audio + 1000}


@only_root
def test_a_user_that_the_server_cannot_become(httpd: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apache that is not started as root runs its daemons as itself, and says what that makes of user=."""
    server = daemon(httpd, "user=games", start=False)
    name, group = server_account()
    account = pwd.getpwnam(name)
    for path in (server.root, *server.root.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    plain = server.command
    become = ["setpriv", f"--reuid={name}", f"--regid={group}", "--clear-groups"]
    monkeypatch.setattr(server, "command", lambda *arguments: [*become, *plain(*arguments)])
    server.start()
    assert server.around()["uid"] == account.pw_uid
    assert "MWS4011" in server.log()


# --- chroot ---


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def make_root(root: Path) -> None:
    """A root directory with the server's Python in it, as far as an application needs it."""
    code = "import sysconfig as s; print(s.get_path('stdlib'), *s.get_config_vars('LIBDIR', 'INSTSONAME'), sep='\\n')"
    told = subprocess.run([server_python(), "-c", code], check=True, capture_output=True, text=True).stdout.split()
    library, folder = Path(told[0]), Path(told[1])
    if not (folder / told[2]).exists():  # a Python that was moved
        folder = library.parent
    skipped = shutil.ignore_patterns("test", "tests", "idlelib", "tkinter", "ensurepip", "site-packages", "config-*")
    shutil.copytree(
        library,
        root / library.relative_to("/"),
        ignore=skipped,
        copy_function=link_or_copy,
        ignore_dangling_symlinks=True,
    )
    (root / folder.relative_to("/")).mkdir(parents=True, exist_ok=True)
    for path in folder.glob("libpython3*.so*"):
        link_or_copy(str(path.resolve()), str(root / path.relative_to("/")))
    if os.path.islink("/lib"):  # where the loader may say that it found it
        (root / "lib").symlink_to("usr/lib")


JAILED = """
import json, os

def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps([os.getpid(), os.getcwd(), environ["SCRIPT_FILENAME"], sorted(os.listdir("/"))]).encode()]
"""


@only_root
def test_chroot(httpd: Make) -> None:
    """The daemons see nothing but their own root, and paths without its prefix."""
    server = httpd(
        "WSGIDaemonProcess d threads=1 chroot={root}/jail\nWSGIProcessGroup d\nWSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias /outside {apps}/responses.py\nWSGIScriptAlias / {root}/jail/srv.py\n",
        start=False,
    )
    jail = server.root / "jail"
    make_root(jail)
    (jail / "srv.py").write_text(JAILED)
    server.start()
    response = server.get("/")
    assert response.status == 200, server.log()[-3000:]
    pid, directory, script, entries = json.loads(response.body)
    assert (directory, script) == ("/", "/srv.py")
    assert entries == sorted(os.listdir(jail))
    assert os.readlink(f"/proc/{pid}/root") == str(jail)
    assert server.get("/outside/hello").status == 500
    server.wait_log("outside of chroot=")


@only_root
def test_a_root_without_python_is_told(httpd: Make) -> None:
    server = daemon(httpd, "chroot={data}")
    server.wait_log("daemon group 'd': no directory above .*libpython")
    assert server.get("/").status in (500, 503)


# --- scripts of the right people ---


def owned(server: Httpd, user: str, group: str, mode: int, directory_mode: int) -> None:
    """A script and its directory."""
    directory = server.root / "owned"
    directory.mkdir()
    script = directory / "environment.py"
    shutil.copy2(server.apps / "environment.py", script)
    for path, bits in ((script, mode), (directory, directory_mode)):
        os.chown(path, pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid)
        path.chmod(bits)


@only_root
@pytest.mark.parametrize(
    ("option", "user", "group", "mode", "directory_mode", "told"),
    [
        ("script-user=games", "games", "games", 0o644, 0o755, ""),
        ("script-user=#{games}", "games", "root", 0o644, 0o755, ""),
        ("script-user=games", "mail", "games", 0o644, 0o755, "owned/environment.py belongs to another user"),
        ("script-user=games", "games", "games", 0o664, 0o755, "owned/environment.py can be written by others"),
        ("script-user=games", "games", "games", 0o646, 0o755, "owned/environment.py can be written by others"),
        ("script-user=games", "games", "games", 0o644, 0o777, "owned/ can be written by others"),
        ("script-group=games", "mail", "games", 0o664, 0o775, ""),
        ("script-group=games", "games", "mail", 0o664, 0o775, "owned/environment.py belongs to another group"),
        ("script-group=games", "mail", "games", 0o666, 0o775, "owned/environment.py can be written by everybody"),
        ("script-group=games", "mail", "games", 0o664, 0o777, "owned/ can be written by everybody"),
    ],
)
def test_script_user_and_script_group(
    httpd: Make, option: str, user: str, group: str, mode: int, directory_mode: int, told: str
) -> None:
    option = option.replace("{games}", str(pwd.getpwnam("games").pw_uid))
    server = daemon(httpd, option, "../owned/environment.py", start=False)
    owned(server, user, group, mode, directory_mode)
    server.start()
    assert server.get("/").status == (403 if told else 200), server.log()[-2000:]
    if told:
        server.wait_log(f"{option.split('=')[0]} of the process group forbids the script: .*{told}")


# --- who may talk to them ---


@only_root
def test_socket_user(httpd: Make) -> None:
    """The socket is that user's, and a connection of Apache's own user is refused then."""
    server = daemon(httpd, "socket-user=games connect-timeout=1 socket-timeout=2")
    until(lambda: server.daemon_pids(), "the daemon runs")
    (path,) = [path for path in (server.root / "run").iterdir() if path.is_socket()]
    assert path.stat().st_uid == pwd.getpwnam("games").pw_uid
    assert server.get("/").status in (500, 503, 504)
    other = daemon(httpd, f"socket-user={server_account()[0]}")
    assert other.around()["uid"] == pwd.getpwnam(server_account()[0]).pw_uid


# --- what only they are told ---

SECRETS = """
# what a comment says does not matter
DATABASE_URL = postgres://app:s3cret@db/app?a=b
QUOTED="  blanks stay  "
single='it is "quoted"'
EMPTY=
HASH=a#b
LANG=C.UTF-8
"""


def with_secrets(httpd: Make, text: str, mode: int = 0o600, **options: Any) -> Httpd:
    server = daemon(httpd, "environment-file={root}/secrets lang=C", start=False)
    path = server.root / "secrets"
    path.touch(mode=0o600)
    path.write_text(text)
    path.chmod(mode)
    return server


def test_environment_file(httpd: Make) -> None:
    server = with_secrets(httpd, SECRETS)
    server.start()
    facts = server.around()
    seen = {
        name: facts["environment"].get(name) for name in ("DATABASE_URL", "QUOTED", "single", "EMPTY", "HASH", "LANG")
    }
    assert seen == {
        "DATABASE_URL": "postgres://app:s3cret@db/app?a=b",
        "QUOTED": "  blanks stay  ",
        "single": 'it is "quoted"',
        "EMPTY": "",
        "HASH": "a#b",
        "LANG": "C",  # lang= is nearer
    }
    for process in server.processes():
        for name in ("cmdline", "environ"):
            assert b"s3cret" not in Path(f"/proc/{process.pid}/{name}").read_bytes()
    assert "s3cret" not in server.log()


def test_environment_file_of_a_new_process_is_read_again(httpd: Make) -> None:
    server = with_secrets(httpd, "VERSION=1\n")
    server.start()
    facts = server.around()
    assert facts["environment"]["VERSION"] == "1"
    (server.root / "secrets").write_text("VERSION=2\n")
    os.kill(facts["pid"], 10)
    until(lambda: server.around()["environment"]["VERSION"] == "2", "the next process has the new value")


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        ("A=1\n", 0o640, "may be used by others than its owner: chmod it to 0600"),
        ("A=1\n", 0o604, "may be used by others"),
        ("A=1\n\nsecret value\n", 0o600, "line 3 is not NAME=value"),
        ("1A=secret\n", 0o600, "line 1 is not NAME=value"),
        ("A=b\0c\n", 0o600, "has a NUL byte"),
        ("A=" + "x" * 300000, 0o600, "is larger than 256 KiB"),
    ],
)
def test_an_environment_file_that_is_not_right_is_refused(httpd: Make, text: str, mode: int, told: str) -> None:
    server = with_secrets(httpd, text, mode)
    code, output = server.check()
    assert code != 0
    assert f"environment-file '{server.root}/secrets'" in output
    assert told in output
    assert "secret value" not in output


def test_an_environment_file_that_is_none_is_refused(httpd: Make) -> None:
    server = daemon(httpd, "environment-file={root}/secrets", start=False)
    path = server.root / "secrets"
    assert "No such file" in server.check()[1]
    path.mkdir()
    assert "is not a regular file" in server.check()[1]
    path.rmdir()
    path.symlink_to("elsewhere")
    assert "is a symbolic link" in server.check()[1]
    path.unlink()
    os.mkfifo(path)
    assert "is not a regular file" in server.check()[1]
    path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.close()
    code, output = server.check()
    assert (code != 0, "environment-file" in output) == (True, True)
    if os.geteuid() == 0:
        path.unlink()
        path.touch(mode=0o600)
        os.chown(path, pwd.getpwnam("games").pw_uid, -1)
        assert "does not belong to the user who starts the server" in server.check()[1]


# --- mistakes, and options of other releases ---


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("script-user=nobody-of-this-name", ["script-user", "nobody-of-this-name"]),
        ("script-group=nobody-of-this-name", ["script-group", "nobody-of-this-name"]),
        ("script-user=games script-group=games", ["script-group", "script-user is not given"]),
        ("script-group=games script-user=games", ["script-user", "script-group is not given"]),
        ("socket-user=nobody-of-this-name", ["socket-user", "nobody-of-this-name"]),
        ("environment-file=relative", ["environment-file", "absolute"]),
        ("supplementary-groups=audio,nobody-of-this-name", ["supplementary-groups", "nobody-of-this-name"]),
        ("chroot=relative", ["chroot", "absolute"]),
    ],
)
def test_mistakes_are_refused_and_named(httpd: Make, options: str, told: list[str]) -> None:
    code, output = httpd(f"WSGIDaemonProcess d {options}\n", start=False).check()
    assert code != 0
    for word in told:
        assert word in output


@pytest.mark.parametrize(
    "option",
    ["response-buffer-size=65536", "response-flush-delay=5", "newrelic-config-file=/x", "newrelic-environment=test"],
)
def test_options_that_have_no_effect_say_so(httpd: Make, option: str) -> None:
    code, output = httpd(f"WSGIDaemonProcess d {option}\n", start=False).check()
    assert code == 0
    assert f"WSGIDaemonProcess d: {option.split('=')[0]} has no effect: " in output
