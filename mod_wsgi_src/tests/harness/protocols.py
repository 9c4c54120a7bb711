# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 and TLS: what a server needs to speak them, and a strict HTTP/2 client."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import pytest

from .ports import free_port
from .server import Httpd, apxs

TIMEOUT = 30.0


def load_module(name: str) -> str:
    path = Path(apxs("LIBEXECDIR")) / f"mod_{name}.so"
    if not path.exists():
        pytest.skip(f"this httpd has no mod_{name}")
    return f"LoadModule {name}_module {path}\n"


def http2() -> str:
    """Lines that let a server speak HTTP/2, without TLS too."""
    return load_module("http2") + "Protocols h2 h2c http/1.1\n"


def tls(server: Httpd) -> tuple[int, str]:
    """A port, and the lines that let a server speak TLS on it, with a certificate that nobody trusts."""
    key, certificate, port = server.root / "key.pem", server.root / "certificate.pem", free_port()
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    lines = f"Listen 127.0.0.1:{port}\n<VirtualHost 127.0.0.1:{port}>\nServerName localhost\nSSLEngine on\n"
    lines += f'SSLCertificateFile "{certificate}"\nSSLCertificateKeyFile "{key}"\n</VirtualHost>\n'
    return port, load_module("ssl") + lines


def tls_connect(port: int, alpn: Iterable[str] = ()) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT))


@dataclass
class Stream:
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False  # END_STREAM came
    reset: int | None = None  # the code of an RST_STREAM

    @property
    def status(self) -> int:
        return int(dict(self.fields).get(":status", "0"))

    @property
    def complete(self) -> bool:
        return self.ended and self.reset is None


class Connection2:
    """One HTTP/2 connection; its library raises at everything that the protocol forbids."""

    def __init__(self, port: int, connected: socket.socket | None = None, window: int | None = None) -> None:
        self.socket = connected or socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.acknowledge = window is None  # give back what has been received
        self.streams: dict[int, Stream] = {}
        self.closed = False
        self.goodbye: h2.events.ConnectionTerminated | None = None  # a GOAWAY
        if window is not None:
            self.h2.local_settings = h2.settings.Settings(
                client=True, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window}
            )
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self) -> Connection2:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def request(self, path: str, method: str = "GET", fields: Iterable[tuple[str, str]] = (), end: bool = True) -> int:
        number = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "localhost"), *fields]
        self.streams[number] = Stream()
        self.h2.send_headers(number, head, end_stream=end)
        self.flush()
        return number

    def body(self, number: int, data: bytes, end: bool = True) -> None:
        """Sends within the server's window."""
        while data:
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size, len(data))
            if room == 0:
                self.receive()
                continue
            self.h2.send_data(number, data[:room])
            data = data[room:]
            self.flush()
        if end:
            self.h2.end_stream(number)
            self.flush()

    def receive(self) -> None:
        """Waits for more and takes it in."""
        if self.closed:
            raise ConnectionError("the server has closed the connection")
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.closed = self.closed or not data
        for event in self.h2.receive_data(data) if data else []:
            stream = self.streams.get(getattr(event, "stream_id", 0) or 0, Stream())
            if isinstance(event, h2.events.ResponseReceived):
                stream.fields = [(str(name), str(value)) for name, value in event.headers]
            elif isinstance(event, h2.events.DataReceived):
                stream.body += event.data
                if self.acknowledge and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                stream.ended = True
            elif isinstance(event, h2.events.StreamReset):
                stream.reset = int(event.error_code)
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.closed, self.goodbye = True, event
        self.flush()

    def response(self, number: int) -> Stream:
        """The whole response, or what came of it."""
        stream = self.streams[number]
        while not (stream.ended or stream.reset is not None or self.closed):
            self.receive()
        return stream


def fetch2(port: int, path: str, method: str = "GET", body: bytes | None = None) -> Stream:
    """One request on a connection of its own."""
    with Connection2(port) as connection:
        number = connection.request(path, method, end=body is None)
        if body is not None:
            connection.body(number, body)
        return connection.response(number)
