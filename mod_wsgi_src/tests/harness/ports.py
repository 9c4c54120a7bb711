# SPDX-License-Identifier: Apache-2.0
"""Ports for servers under test. Nobody takes one between the moment a test chooses it and that when httpd listens:
neither the kernel, which gives clients higher ones, nor another run of these tests on this machine."""

from __future__ import annotations

import errno
import itertools
import random
import socket

PORTS = range(20000, 32000)  # below those of clients: /proc/sys/net/ipv4/ip_local_port_range

_held: dict[int, socket.socket] = {}  # until this process ends
_order = itertools.cycle(random.SystemRandom().sample(PORTS, len(PORTS)))


def _hold(port: int) -> bool:
    """A lock that vanishes with its process: a name in the abstract name space of unix sockets."""
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(f"\0wsgi-test-port-{port}")
    except OSError:
        lock.close()
        return False
    _held[port] = lock
    return True


def _is_unused(port: int) -> bool:
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            probe = socket.socket(family)
        except OSError:
            continue  # no IPv6 on this machine
        with probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind((address, port))
                probe.listen(1)
            except OSError as error:
                if family == socket.AF_INET or error.errno != errno.EADDRNOTAVAIL:
                    return False
    return True


def free_port() -> int:
    """One that is this process's alone, for good."""
    for port in itertools.islice(_order, len(PORTS)):
        if _hold(port) and _is_unused(port):
            return port
    raise RuntimeError(f"no port from {PORTS.start} to {PORTS.stop - 1} is free")
