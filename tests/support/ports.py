"""Ports for the servers of tests."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """A free loopback port below the range of outgoing connections: nobody gets it as its own before it is used."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
