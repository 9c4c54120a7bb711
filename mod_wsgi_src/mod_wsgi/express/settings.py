# SPDX-License-Identifier: Apache-2.0
"""Raw words of the command line or of an options file -> checked values, by the table of options."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import UsageError, bad_option
from .options import ALIASES, BY_NAME, NOT_YET, OPTIONS, Option


class Settings:
    """One checked value for each option of the table, as attributes; `given` are the names the user set himself."""

    def __init__(self, values: Mapping[str, Any], given: frozenset[str]) -> None:
        self._values = dict(values)
        self.given = given

    def without(self, key: str) -> Settings:
        """As if that option had not been given and had no default."""
        return Settings({**self._values, key: None}, self.given - {key.replace("_", "-")})

    def changed(self, values: Mapping[str, Any], given: frozenset[str]) -> Settings:
        return Settings({**self._values, **values}, given)

    def __getattr__(self, key: str) -> Any:
        try:
            return self.__dict__["_values"][key]
        except KeyError:
            raise AttributeError(key) from None


def did_you_mean(name: str) -> str:
    close = difflib.get_close_matches(name, [*BY_NAME, *ALIASES, *NOT_YET], n=1)
    return f"; did you mean --{close[0]}?" if close else ""


def not_yet(name: str) -> UsageError:
    return UsageError(f"--{name}: not available yet in this release; leave it out")


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
    if not isinstance(raw, (list, tuple)):
        raise bad_option(option.name, raw, "is not a list; give a list")
    return tuple(_words(option, item) for item in raw)


def read_settings(raw: Mapping[str, object]) -> Settings:
    """`raw` maps option names to what was given: true or false, a word, a list (of lists when it takes several)."""
    values = {option.key: option.default for option in OPTIONS}
    given: set[str] = set()
    for spelled, value in raw.items():
        name = spelled.replace("_", "-")
        name = ALIASES.get(name, name)
        if name in NOT_YET:
            raise not_yet(name)
        if name not in BY_NAME:
            raise UsageError(f"--{name}: no such option{did_you_mean(name)}")
        if value is None:
            continue
        option = BY_NAME[name]
        values[option.key] = _value(option, value)
        if values[option.key] not in ((), False):
            given.add(name)
    return Settings(values, frozenset(given))


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
