# SPDX-License-Identifier: Apache-2.0
"""Response heads that must never leave the server: Python expressions for the arguments of start_response()."""

from __future__ import annotations

INJECTIONS = [
    "[('X', 'a\\r\\nX-Injected: 1')]", "[('X', 'a\\nX-Injected: 1')]", "[('X', 'a\\r')]", "[('X', 'a\\0b')]",
    "[('X', 'a\\r\\n folded')]", "[('X', 'a\\x0bb')]", "[('X', 'a\\x1bb')]", "[('X', 'a\\x7fb')]",
    "[('X\\r\\nX-Injected: 1\\r\\nY', 'a')]", "[('X Y', 'a')]", "[(' X', 'a')]", "[('X ', 'a')]", "[('X:', 'a')]",
    "[('', 'a')]", "[('X\\0', 'a')]", "[('X\\t', 'a')]", "[('X(Y)', 'a')]", "[('X\xe9', 'a')]", "[(b'X', 'a')]",
    "[('X', b'a')]", "[('X', 5)]", "[('X', None)]", "[('X', '\u20ac')]", "[('\u20ac', 'a')]", "[('X',)]",
    "[('X', 'a', 'b')]", "['XY']", "(('X', 'a'),)", "{'X': 'a'}", "None", "[['X', 'a']]",
]  # fmt: skip
FRAMING = [
    "[('Connection', 'close')]", "[('Connection', 'X-Other')]", "[('Keep-Alive', 'timeout=5')]", "[('TE', 'trailers')]",
    "[('Transfer-Encoding', 'chunked')]", "[('transfer-encoding', 'identity')]", "[('Transfer-Encoding', '')]",
    "[('Upgrade', 'websocket')]", "[('Trailer', 'X')]", "[('Trailers', 'X')]", "[('Proxy-Connection', 'close')]",
    "[('Proxy-Authenticate', 'Basic')]", "[('Proxy-Authorization', 'Basic')]",
]  # fmt: skip
LENGTHS = [
    "[('Content-Length', '4'), ('Content-Length', '4')]", "[('Content-Length', '4'), ('content-length', '5')]",
    "[('Content-Length', 'x')]", "[('Content-Length', '-1')]", "[('Content-Length', '+4')]", "[('Content-Length', '')]",
    "[('Content-Length', ' 4')]", "[('Content-Length', '4 ')]", "[('Content-Length', '0x4')]",
    "[('Content-Length', '4_0')]", "[('Content-Length', '4, 4')]", "[('Content-Length', '4\\x0b')]",
    "[('Content-Length', '\xb2')]", "[('Content-Length', '9' * 30)]", "[('Content-Length', '18446744073709551620')]",
]  # fmt: skip
STATUSES = [
    "''", "'abc'", "'abc 1'", "'20 OK'", "'2000 OK'", "'99 Low'", "'099 Low'", "'100 Continue'", "'101 Switching'",
    "'103 Hints'", "'199 x'", "'200 OK\\r\\nX-Injected: 1'", "'200 OK\\n'", "'200 OK\\r'", "'200 O\\0K'", "'200\\tOK'",
    "'200 \u20ac'", "b'200 OK'", "200", "None", "'-20 x'", "'+200 x'", "'200OK'", "' 200 OK'", "'2\xb20 x'", "'1000'",
]  # fmt: skip
