# SPDX-License-Identifier: Apache-2.0
"""The run path of the httpd that pip compiled: from a deleted directory that anybody may make again to its own lib."""

from __future__ import annotations

import os
import stat
import subprocess
import zipfile
from pathlib import Path

import build_fakes
import pytest
from build_fakes import BUNDLED
from build_front import Front
from mod_wsgi.server import bundle, elf

GREETING = 'const char *greeting(void) { return "%s"; }\n'
PROGRAM = "#include <stdio.h>\nconst char *greeting(void);\nint main(void) { return puts(greeting()) < 0; }\n"
MODULE = "const char *greeting(void);\nconst char *call(void) { return greeting(); }\n"


@pytest.fixture(params=["--enable-new-dtags", "--disable-new-dtags"])
def httpd(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A tree like that of mod_wsgi-httpd: program, module and libraries name the directory they were built in."""
    build = tmp_path / "pip-install-abcdefgh" / "build" / "httpd" / "lib"
    root = tmp_path / "site-packages/mod_wsgi_packages/httpd"
    for name in ("bin", "lib/apr-util-1", "modules"):
        (root / name).mkdir(parents=True)
    link = (f"-Wl,{request.param}", f"-Wl,-rpath,{build}", f"-L{root}/lib", "-lgreeting")
    shared = ("-shared", "-fPIC")
    build_fakes.compile_c(root / "lib/libgreeting.so", GREETING % "own", *shared, "-Wl,-soname,libgreeting.so")
    build_fakes.compile_c(root / "bin/httpd", PROGRAM, *link)
    build_fakes.compile_c(root / "modules/mod_greeting.so", MODULE, *shared, *link)
    build_fakes.compile_c(root / "lib/libsecond.so", MODULE, *shared, *link)
    build_fakes.compile_c(root / "lib/apr-util-1/third.so", MODULE, *shared, *link)
    (root / "bin/apachectl").write_text(f"#!/bin/sh\n{build}/httpd\n")
    return root


def run(root: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    return subprocess.run([root / "bin/httpd"], env=environment, text=True, capture_output=True, check=False)


def search_path(path: Path) -> str:
    return elf.read(str(path)).search_path


def test_every_file_searches_the_bundle(httpd: Path) -> None:
    report = bundle.repair(str(httpd))
    assert len(report.changed) == 4
    assert not report.has_ssl
    assert search_path(httpd / "bin/httpd") == "$ORIGIN/../lib"
    assert search_path(httpd / "modules/mod_greeting.so") == "$ORIGIN/../lib"
    assert search_path(httpd / "lib/libsecond.so") == "$ORIGIN"
    assert search_path(httpd / "lib/apr-util-1/third.so") == "$ORIGIN/.."
    assert run(httpd).stdout == "own\n"


def test_the_hole_is_closed(httpd: Path) -> None:
    """Somebody makes the deleted directory again. Before the repair his library runs, after it ours."""
    build = Path(search_path(httpd / "bin/httpd"))
    build.mkdir(parents=True)
    build_fakes.compile_c(build / "libgreeting.so", GREETING % "intruder", "-shared", "-fPIC")
    assert run(httpd).stdout == "intruder\n"
    bundle.repair(str(httpd))
    assert run(httpd).stdout == "own\n"


def test_second_run_writes_nothing(httpd: Path) -> None:
    bundle.repair(str(httpd))
    before = times(httpd)
    report = bundle.repair(str(httpd))
    assert (report.changed, report.unchanged) == ((), 4)
    assert times(httpd) == before


def test_dry_run_writes_nothing(httpd: Path) -> None:
    before = times(httpd)
    assert len(bundle.repair(str(httpd), dry_run=True).changed) == 4
    assert times(httpd) == before


def times(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in root.rglob("*")}


def test_mode_is_kept_and_other_names_of_the_file_are_left_alone(httpd: Path, tmp_path: Path) -> None:
    """uv gives environments hard links into its cache: the cache must not change."""
    program = httpd / "bin/httpd"
    program.chmod(0o711)
    cached = tmp_path / "cached"
    os.link(program, cached)
    before = cached.read_bytes()
    bundle.repair(str(httpd))
    assert stat.S_IMODE(program.stat().st_mode) == 0o711
    assert cached.read_bytes() == before
    assert [path.name for path in (httpd / "bin").iterdir() if path.name.startswith(".")] == []


def test_directories_of_the_system_stay(httpd: Path, tmp_path: Path) -> None:
    link = (f"-L{httpd}/lib", "-lgreeting", f"-Wl,-rpath,{tmp_path}/pip/build/httpd/lib:/usr/lib:{tmp_path}")
    build_fakes.compile_c(httpd / "bin/httpd", PROGRAM, *link)
    bundle.repair(str(httpd))
    assert search_path(httpd / "bin/httpd") == "$ORIGIN/../lib:/usr/lib"


@pytest.mark.parametrize(
    ("run_path", "reason"),
    [("/a", "is shorter than"), ("/tmp/abcdefghijklmnop", "is too short to be replaced")],
)
def test_what_does_not_fit_is_refused_and_untouched(httpd: Path, run_path: str, reason: str) -> None:
    program = httpd / "bin/httpd"
    build_fakes.compile_c(program, PROGRAM, f"-L{httpd}/lib", "-lgreeting", f"-Wl,-rpath,{run_path}")
    before = program.read_bytes()
    with pytest.raises(bundle.UnsafeError) as caught:
        bundle.repair(str(httpd))
    assert reason in str(caught.value)
    assert str(program) in str(caught.value)
    assert program.read_bytes() == before


def test_shared_tail_is_refused(httpd: Path) -> None:
    """A linker may store another string inside the run path's; a patched NEEDED entry stands for that."""
    program = httpd / "bin/httpd"
    data = bytearray(program.read_bytes())
    image = elf._Image(bytes(data))
    inside = next(value for tag, value in image.entries if tag in (15, 29)) + 4
    needed = next(value for tag, value in image.entries if tag == 1)
    position = data.index((1).to_bytes(8, "little") + needed.to_bytes(8, "little"))
    data[position + 8 : position + 16] = inside.to_bytes(8, "little")
    program.write_bytes(data)
    with pytest.raises(elf.DoesNotFitError, match="shares its tail"):
        elf.replace_run_path(str(program), "$ORIGIN/../lib")
    assert program.read_bytes() == data


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"\x7fELF\x02\x01" + b"\xff" * 60, b"#!/bin/sh\n"])
def test_what_is_not_elf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(elf.NotElfError):
        elf.read(str(path))


def test_express_repairs_before_it_answers(front: Front, stub_wheel: Path) -> None:
    """The decision of the run time is the last moment before somebody starts that httpd."""
    venv = front.venv(bundled=BUNDLED)
    venv.unpack(stub_wheel)
    program = Path(venv.own_httpd())
    stale = front.directory / "pip-install-abcdefgh/build/httpd/lib"
    build_fakes.compile_c(program, "int main(void) { return 0; }\n", f"-Wl,-rpath,{stale}")
    front.run(venv.python, "-m", "mod_wsgi.express.httpd", "locate", "--dry-run")
    assert search_path(program) == str(stale)
    front.run(venv.python, "-m", "mod_wsgi.express.httpd")
    assert search_path(program) == "$ORIGIN/../lib"
    build_fakes.compile_c(program, "int main(void) { return 0; }\n", "-Wl,-rpath,/a")
    done = front.attempt(venv.python, "-m", "mod_wsgi.express.httpd")
    assert done.returncode == 1
    assert "searches /a for its libraries" in done.stdout


def test_the_real_httpd(tmp_path: Path) -> None:
    wheel = os.environ.get("MOD_WSGI_HTTPD_WHEEL")
    if not wheel:
        pytest.skip("MOD_WSGI_HTTPD_WHEEL does not name a wheel of mod_wsgi-httpd")
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, tmp_path))
            if entry.external_attr >> 16 & 0o111:
                path.chmod(0o755)
    root = tmp_path / "mod_wsgi_packages/httpd"
    report = bundle.repair(str(root))
    assert str(root / "bin/httpd") in report.changed
    assert report.has_ssl
    assert bundle.repair(str(root)).changed == ()
    done = subprocess.run(["ldd", root / "bin/httpd"], text=True, capture_output=True, check=True)
    for library in ("libapr-1", "libaprutil-1", "libpcre2-8"):
        line = next(line for line in done.stdout.splitlines() if line.strip().startswith(library))
        assert f"=> {root}/bin/../lib/" in line
    answer = subprocess.run([root / "bin/httpd", "-V", "-f", os.devnull], text=True, capture_output=True, check=False)
    assert "Server version: Apache/2.4" in answer.stdout
