# SPDX-License-Identifier: Apache-2.0
"""The types an option can have: each reads one word of text and says in one sentence what is wrong with it."""

from __future__ import annotations

import grp
import ipaddress
import os
import pwd
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Callable


@dataclass(frozen=True)
class Type:
    """`word` is the type's name in documentation; `read` raises ValueError("is wrong because; do this")."""

    word: str
    read: Callable[[str], object]


def _printable(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("contains a control character; remove it")
    return text


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; give a value")
    return _printable(text)


def absolute(text: str) -> Path:
    """Absolute but not resolved: a symbolic link such as `current` keeps its name in the configuration."""
    return Path(os.path.abspath(os.path.expanduser(_filled(text))))


def integer(low: int = 0, high: int = 2**31 - 1) -> Type:
    legal = f"give a whole number from {low} to {high}"

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not low <= int(text) <= high:
            raise ValueError(f"is not valid; {legal}")
        return int(text)

    return Type("integer", read)


def number(low: float, high: float) -> Type:
    def read(text: str) -> float:
        if not re.fullmatch(r"[0-9]*\.?[0-9]+", text) or not low <= float(text) <= high:
            raise ValueError(f"is not valid; give a number from {low:g} to {high:g}")
        return float(text)

    return Type("number", read)


def choice(*words: str) -> Type:
    def read(text: str) -> str:
        for word in words:
            if text.lower() == word.lower():
                return word
        raise ValueError(f"is not one of {', '.join(words)}; choose one of these")

    return Type("choice", read)


def matching(word: str, pattern: str, legal: str) -> Type:
    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"is not valid; {legal}")
        return text

    return Type(word, read)


_coming: list[Path] = []
_opening: list[Path] = []


def expect(coming: Iterable[Path], opening: Iterable[Path]) -> None:
    """What is missing there or below is yet to come and no error, as with a plan for a release that is not there; and
    whom the directories of the other kind let in is yet to change, as with another user."""
    _coming.extend(coming)
    _opening.extend(opening)


def is_coming(path: Path) -> bool:
    return any(each in (path, *path.parents) for each in _coming) and not path.exists()


def is_opening(path: Path) -> bool:
    return any(each in (path, *path.parents) for each in _opening)


def _existing(text: str, test: Callable[[Path], bool], what: str) -> Path:
    path = absolute(text)
    try:
        there = path.exists()
    except OSError as error:  # as a name that is too long
        raise ValueError(f"is not a path ({error.strerror}); give {what}") from None
    if is_coming(path):
        return path
    if not there:
        raise ValueError(f"does not exist (looked for {path}); give {what}")
    if not test(path):
        raise ValueError(f"is not usable; give {what}")
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise ValueError("cannot be read; give this user access to it")
    return path


def _url(text: str) -> str:
    if not _filled(text).startswith("/") or re.search(r"[\s?#\"]", text) or "//" in text:
        raise ValueError("is not a URL path; start it with one slash, without blanks, '?' or '#'")
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("is no address or network; give one such as 10.0.0.1 or 10.0.0.0/8") from None
    return text


def _user(text: str) -> str:
    try:
        entry = pwd.getpwuid(int(text[1:])) if re.fullmatch(r"#[0-9]+", text) else pwd.getpwnam(text)
    except (KeyError, OverflowError):
        raise ValueError("is no user of this system; create it or name another") from None
    if entry.pw_uid == 0:
        raise ValueError("is the superuser, whom httpd never serves as; name an ordinary user")
    return entry.pw_name


def _group(text: str) -> str:
    try:
        entry = grp.getgrgid(int(text[1:])) if re.fullmatch(r"#[0-9]+", text) else grp.getgrnam(text)
    except (KeyError, OverflowError):
        raise ValueError("is no group of this system; create it or name another") from None
    return entry.gr_name


FLAG = Type("flag", bool)
TEXT = Type("text", _filled)
ANY_TEXT = Type("text", _printable)
PATH = Type("path", absolute)
FILE = Type("file", lambda text: _existing(text, Path.is_file, "the path of a file"))
DIRECTORY = Type("directory", lambda text: _existing(text, Path.is_dir, "the path of a directory"))
FILE_OR_DIRECTORY = Type(
    "file or directory",
    lambda text: _existing(text, lambda path: path.is_file() or path.is_dir(), "the path of a file or a directory"),
)
FILE_NAME = matching("file name", r"[A-Za-z0-9_@%+=:,.-]*[A-Za-z0-9_]", "give a plain file name, without a directory")
NAME = matching("name", r"[A-Za-z0-9_.-]+", "use letters, digits, '.', '_' and '-' only")
GROUP_NAME = matching("name", r"[A-Za-z0-9_.:\[\]-]+|%\{GLOBAL\}", "use letters, digits and any of . _ - : [ ]")
VARIABLE = matching("variable", r"[A-Za-z_][A-Za-z0-9_.-]*", "give the name of a variable")
CALLABLE = matching("identifier", r"[A-Za-z_][A-Za-z0-9_]*", "give the name of a Python object in the script")
HOST = matching("host", r"[A-Za-z0-9_.-]+|\[?[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?\]?", "give an IP address or a host name")
HOST_NAME = matching("host name", r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", "give a host name such as www.example.com")
HOST_PATTERN = matching(
    "host name", r"[A-Za-z0-9_*?-]+(\.[A-Za-z0-9_*?-]+)*", "give a host name; '*' and '?' may stand for parts of it"
)
URL = Type("URL path", lambda text: _url(text).rstrip("/") or "/")
SLASHED_URL = Type("URL path", _url)  # where a slash at the end means something
BACKEND = matching(
    "URL", r"https?://[A-Za-z0-9_.\[\]:-]+(/[^\s\"]*)?", "give the URL of a backend such as http://127.0.0.1:9000/"
)
COLLECTOR = matching("socket", r"unix:/[^\s\"]+", "give unix: and the absolute path of a socket")
STATUS = integer(400, 599)
EXTENSION = matching("extension", r"\.?[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*", "give an extension such as .md")
HEADER = matching("header field", r"[A-Za-z0-9-]+", "give the name of a header field such as X-Forwarded-For")
NETWORK = Type("address or network", lambda text: _network(text))
USER = Type("user", _user)
GROUP = Type("group", _group)
LOCALE = matching("locale", r"[A-Za-z0-9_.@-]+", "give a name such as C.UTF-8 or de_DE.UTF-8")
LOG_LEVEL = matching(
    "log level",
    r"[a-z0-9_.]+(:[a-z0-9]+)?( [a-z0-9_.]+:[a-z0-9]+)*",
    "give a level such as warn, info or debug, or 'warn wsgi:info'",
)
