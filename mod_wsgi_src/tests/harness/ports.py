# SPDX-License-Identifier: Apache-2.0
"""Ports for servers under test. Nobody takes one between the moment a test chooses it and that when httpd listens:
neither the kernel, which gives clients higher ones, nor another run of these tests on this machine."""

from __future__ import annotations

import errno
import itertools
import random
import socket
from collections import deque

PORTS = range(20000, 32000)  # below those of clients: /proc/sys/net/ipv4/ip_local_port_range

# The last ones: a server that got its port before has long taken it, and a process has only so many descriptors.
_held: deque[socket.socket] = deque(maxlen=64)
_order = itertools.cycle(random.SystemRandom().sample(PORTS, len(PORTS)))


def _hold(port: int) -> bool:
    """A lock that vanishes with its process: a name in the abstract name space of unix sockets."""
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(f"\0wsgi-test-port-{port}")
    except OSError:
        lock.close()
        return False
    _held.append(lock)
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
            except OSError as error:
                if family == socket.AF_INET or error.errno != errno.EADDRNOTAVAIL:
                    return False
    return True


def free_port() -> int:
    """One that nobody else is given before a server had all the time to take it."""
    for port in itertools.islice(_order, len(PORTS)):
        if _hold(port) and _is_unused(port):
            return port
    raise RuntimeError(f"no port from {PORTS.start} to {PORTS.stop - 1} is free")
