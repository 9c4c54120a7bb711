# SPDX-License-Identifier: Apache-2.0
"""What the reloader takes for a change, in an order of events that the test decides."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

BEGIN = """
import importlib.util, os, sys, time
from mod_wsgi.express import reloader
watch = reloader.Watch(reloader.loaded_files)
sys.meta_path.insert(0, reloader.Witness(watch.note))
sys.path.insert(0, os.getcwd())
sys.dont_write_bytecode = True
def write(text, age):
    with open("module.py", "w") as stream: stream.write(text)
    os.utime("module.py", (time.time() - age,) * 2)
def past_the_import_system():
    spec = importlib.util.spec_from_file_location("module", os.path.abspath("module.py"))
    sys.modules["module"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["module"])
def tell():
    name = watch.changed()
    print(name and os.path.basename(name))
"""
CASES = {
    "changed before the first look": ("write('A = 1', 50); import module; write('A = 2', 0); tell()", ["changed"]),
    "replaced by an older file": ("write('A = 1', 50); import module; write('A = 22', 90); tell()", ["changed"]),
    "another size, the same time": ("write('A = 1', 50); old = os.stat('module.py'); import module;"
        "write('A = 22', 0); os.utime('module.py', ns=(old.st_atime_ns, old.st_mtime_ns)); tell()", ["changed"]),
    "gone": ("write('A = 1', 50); import module; os.remove('module.py'); tell()", ["changed"]),
    "unchanged": ("write('A = 1', 50); import module; tell(); tell()", ["same", "same"]),
    "written, then imported": ("write('A = 1', 0); import module; tell(); tell()", ["same", "same"]),
    "from the future": ("write('A = 1', -900); import module; tell(); tell()", ["same", "same"]),
    "changed later": ("write('A = 1', 50); import module; tell(); write('A = 2', 9); tell()", ["same", "changed"]),
    "only looked for": ("write('A = 1', 50); importlib.util.find_spec('module'); write('A = 2', 0); tell()", ["same"]),
    "loaded otherwise and changed": ("write('A = 1', 50); past_the_import_system(); write('A = 2', 0); tell()",
        ["changed"]),
    "loaded otherwise": ("write('A = 1', 50); past_the_import_system(); tell(); tell()", ["same", "same"]),
    "loaded otherwise, from the future": ("write('A = 1', -900); past_the_import_system(); tell(); tell()",
        ["same", "same"]),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "expected"), CASES.values(), ids=CASES.keys())
def test_a_change_is_judged_by_what_was_loaded(venv: Path, tmp_path: Path, steps: str, expected: list[str]) -> None:
    command = [venv / "bin" / "python", "-c", BEGIN + steps.replace("; ", "\n").replace(";", "\n")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    names = {"changed": "module.py", "same": "None"}
    assert done.stdout.split() == [names[word] for word in expected], done.stderr


def test_other_finders_are_asked_as_before(venv: Path, tmp_path: Path) -> None:
    """Built-in modules, packages, what is missing, and a list of finders without ours."""
    code = (
        BEGIN + "os.mkdir('space'); open('space/part.py', 'w').close()\n"
        "import _struct, json.tool, space.part\n"
        "for name in ('missing', 'space.missing', 'json.missing'):\n"
        "    try: __import__(name)\n"
        "    except ModuleNotFoundError as error: print(error.name)\n"
        "witness = sys.meta_path.pop(0)\n"
        "print(witness.find_spec('json'))\n"
    )
    done = subprocess.run(
        [venv / "bin" / "python", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.stdout.split() == ["missing", "space.missing", "json.missing", "None"], done.stderr
