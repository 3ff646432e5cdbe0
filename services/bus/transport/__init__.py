"""The connection: the client of NATS, headers, replies to requests."""

from __future__ import annotations

import sys

# nats-py imports aiohttp, where that is installed, for connections by WebSocket: a third of a second of each process's
# start, and 9 MB. nats_connection.py has it imported where such a connection is made.
_WITHOUT = {"aiohttp": None} if "aiohttp" not in sys.modules else {}
sys.modules.update(_WITHOUT)  # type: ignore[arg-type]  # None: an import raises ImportError
try:
    from nats import errors as nats_errors
finally:
    for _name in _WITHOUT:
        del sys.modules[_name]

__all__ = ["nats_errors"]
