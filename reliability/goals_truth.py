# SPDX-License-Identifier: Apache-2.0
"""A client is never told that a response is whole when it is not, and nothing wrong is sent."""

from __future__ import annotations

from urllib.parse import quote

from frame import Lab, Outcome, goal
from harness import protocols
from harness.client import ClosedError
from harness.server import Httpd
from harness.wrong_heads import FRAMING, INJECTIONS, LENGTHS, STATUSES

GROUPS = {
    "embedded": "WSGIApplicationGroup %{GLOBAL}\n",
    "daemon": "WSGIDaemonProcess app processes=1 threads=4\nWSGIProcessGroup app\nWSGIApplicationGroup %{GLOBAL}\n",
}
ALIASES = 'WSGIScriptAlias /responses "{apps}/responses.py"\nWSGIScriptAlias /unkind "{apps}/unkind.py"\n'
RAISES = ["/unkind/raises?at=later&n=x", "/unkind/raises?at=length&n=x", "/unkind/raises?at=write&n=x"]
KILLS = ["/responses/kills_itself_midway", "/responses/kills_itself_midway?length=1000"]
SHORT = ["/unkind/length?n=11&kind=list", "/unkind/length?n=11&kind=generator"]


def told(server: Httpd, path: str, version: str) -> bool:
    """Whether the client can tell that the response is cut."""
    if version == "HTTP/2":
        stream = protocols.fetch2(server.port, path)
        return not stream.complete
    with server.connect() as connection:
        connection.request("GET", path, version=version)
        try:
            if version == "HTTP/1.1" or "length" in path:
                return not connection.response().complete
            connection.drain()
        except (ConnectionResetError, ClosedError):
            return True
    return False


@goal(
    "R6", "cut answers that the client can tell: kill, raise, short; HTTP/1.0, 1.1, 2", "all", "0 % of chunked and h2"
)
def cut_answers(lab: Lab) -> Outcome:
    silent, count = [], 0
    for mode, lines in GROUPS.items():
        with lab.httpd(lines + ALIASES + protocols.http2()) as server:
            for version in ("HTTP/1.0", "HTTP/1.1", "HTTP/2"):
                for path in [*RAISES, *SHORT, *(KILLS if mode == "daemon" else [])]:
                    count += 1
                    if not told(server, path, version):
                        silent.append(f"{mode} {version} {path}")
    return Outcome(f"{count - len(silent)} of {count}", not silent, "; ".join(silent))


def leaves(server: Httpd, query: str) -> bool:
    """Whether anything of that head reaches the client, or the connection gets out of step."""
    with server.connect() as connection:
        connection.request("GET", f"/unkind/head?body=nobody&{query}")
        response = connection.response()
        wrong = response.status != 500 or b"nobody" in response.body
        wrong = wrong or bool(response.all("X-Injected") or response.all("X"))
        if response.get("Connection") == "close":
            return wrong or not connection.closed_by_server()
        connection.request("GET", "/responses/hello")
        return wrong or connection.response().body != b"Hello World!"


@goal("R7", "invalid response heads that leave the server, or put the connection out of step", "0", "6 kinds")
def invalid_heads(lab: Lab) -> Outcome:
    vectors = [f"fields={quote(fields)}" for fields in [*INJECTIONS, *FRAMING, *LENGTHS]]
    vectors += [f"status={quote(status)}" for status in STATUSES]
    found = []
    for mode, lines in GROUPS.items():
        with lab.httpd(lines + ALIASES) as server:
            found += [f"{mode} {vector}" for vector in vectors if leaves(server, vector)]
    return Outcome(f"{len(found)} of {2 * len(vectors)}", not found and len(vectors) >= 40, "; ".join(found))
