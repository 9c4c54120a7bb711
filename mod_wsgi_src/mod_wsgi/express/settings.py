# SPDX-License-Identifier: Apache-2.0
"""Raw words of the command line or of an options file -> checked values, by the table of options."""

from __future__ import annotations

import difflib
import importlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .errors import UsageError, bad_option
from .legacy import ALIASES, DROPPED, REFUSED
from .options import BY_NAME, OPTIONS, Option


class Settings:
    """One checked value for each option of the table, as attributes; `given` are the names the user set himself."""

    def __init__(self, values: Mapping[str, Any], given: frozenset[str], notes: tuple[str, ...] = ()) -> None:
        self._values = dict(values)
        self.given = given
        self.notes = notes  # for the user: accepted, but not as he may think

    def without(self, key: str) -> Settings:
        """As if that option had not been given and had no default."""
        return Settings({**self._values, key: None}, self.given - {key.replace("_", "-")}, self.notes)

    def changed(self, values: Mapping[str, Any], given: frozenset[str]) -> Settings:
        return Settings({**self._values, **values}, given, self.notes)

    def __getattr__(self, key: str) -> Any:
        try:
            return self.__dict__["_values"][key]
        except KeyError:
            raise AttributeError(key) from None


def did_you_mean(name: str, among: Iterable[str] = (*BY_NAME, *ALIASES, *DROPPED, *REFUSED)) -> str:
    close = difflib.get_close_matches(name, list(among), n=1)
    return f"; did you mean --{close[0]}?" if close else ""


def _word(option: Option, index: int, word: object) -> Any:
    if isinstance(word, bool) or not isinstance(word, (str, int, float)):
        raise bad_option(option.name, word, "is not a word; give a text or a number")
    try:
        return option.types[index].read(str(word))
    except ValueError as error:
        raise bad_option(option.name, str(word), str(error)) from None


def _words(option: Option, words: object) -> Any:
    """The words of one occurrence: a single value, or a tuple when the option takes several."""
    if len(option.types) == 1 and not isinstance(words, (list, tuple)):
        return _word(option, 0, words)
    if not isinstance(words, (list, tuple)) or len(words) != len(option.types):
        raise bad_option(option.name, words, f"is not complete; give {' '.join(option.metavar)}")
    found = tuple(_word(option, index, word) for index, word in enumerate(words))
    return found if len(found) > 1 else found[0]


def _value(option: Option, raw: object) -> Any:
    if option.is_flag:
        if not isinstance(raw, bool):
            raise bad_option(option.name, raw, "is not valid for a switch; give true or false")
        return raw
    if not option.repeatable:
        return _words(option, raw)
    if isinstance(raw, str) and len(option.types) == 1:
        raw = [raw]
    if not isinstance(raw, (list, tuple)):
        raise bad_option(option.name, raw, "is not a list; give a list")
    return tuple(_words(option, item) for item in raw)


def key_of(spelled: str) -> str:
    """One word for every spelling of an option."""
    name = spelled.replace("_", "-")
    return ALIASES.get(name, name)


def read_settings(raw: Mapping[str, object]) -> Settings:
    """`raw` maps option names to what was given: true or false, a word, a list (of lists when it takes several)."""
    values = {option.key: option.default for option in OPTIONS}
    given: set[str] = set()
    notes: list[str] = []
    for spelled, value in raw.items():
        name = spelled.replace("_", "-")
        if value is None:
            continue
        if name in REFUSED:
            raise UsageError(f"--{name}: {REFUSED[name]}")
        if name in DROPPED:
            notes.append(f"--{name}: {DROPPED[name].instead}")
            continue
        if name in ALIASES:
            notes.append(f"--{name}: is called --{ALIASES[name]} here")
            if ALIASES[name].replace("-", "_") in raw or ALIASES[name] in raw:
                raise UsageError(f"--{name}: --{ALIASES[name]} is the same option; give one of them")
            name = ALIASES[name]
        if name not in BY_NAME:
            raise UsageError(f"--{name}: no such option{did_you_mean(name)}")
        option = BY_NAME[name]
        values[option.key] = _value(option, value)
        if values[option.key] not in ((), False):
            given.add(name)
    return Settings(values, frozenset(given), tuple(notes))


def read_options_file(name: str) -> tuple[str | None, dict[str, object]]:
    """A JSON object {"entry": ..., "options": {...}}; "-" is standard input. Keeps values out of the process list."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        document = json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--options-file: {name!r} cannot be read ({error}); give a JSON file") from None
    except ValueError as error:
        raise UsageError(f"--options-file: {name!r} is not JSON ({error}); correct it") from None
    entry, options = (
        (document.get("entry"), document.get("options", {})) if isinstance(document, dict) else (None, None)
    )
    if (
        not isinstance(options, dict)
        or not isinstance(entry, (str, type(None)))
        or set(document) - {"entry", "options"}
    ):
        raise UsageError(
            f'--options-file: {name!r} has another shape than {{"entry": "...", "options": {{...}}}}; correct it'
        )
    return entry, options


def read_config(name: str) -> tuple[str | None, dict[str, object]]:
    """A TOML file with the names of options as keys, and `entry`. A table stands for an option that takes pairs."""
    try:
        with open(name, "rb") as stream:
            document = _toml().load(stream)
    except OSError as error:
        raise UsageError(f"--config: {name!r} cannot be read ({error.strerror}); give a TOML file") from None
    except ValueError as error:
        raise UsageError(f"--config: {name!r} is not TOML ({error}); correct it") from None
    entry = document.pop("entry", None)
    if not isinstance(entry, (str, type(None))):
        raise UsageError(f"--config: {name!r}: entry: {entry!r} is not a text; give one")
    options = {
        key: [[name, item] for name, item in value.items()] if isinstance(value, dict) else value
        for key, value in document.items()
    }
    try:
        read_settings(options)
    except UsageError as error:
        raise UsageError(f"{name}: {str(error).lstrip('-')}") from None
    return entry, options


def _toml() -> Any:
    """Python 3.11 has it; pip carries it for older ones."""
    for module in ("tomllib", "tomli", "pip._vendor.tomli"):
        try:
            return importlib.import_module(module)
        except ImportError:
            continue
    raise UsageError("--config: this Python reads no TOML; install the package tomli, or give --options-file")
