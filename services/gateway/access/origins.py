"""What a page in somebody's browser may have done in their name: nothing, unless its origin is listed.

A browser sends a form or a plain text anywhere without asking, and the name of a host may be made to mean this machine
by whoever owns the name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from grammar.golang.quoting import quote
from services.gateway.access.privileges import Denied

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ANY = "*"


class OriginPolicy:
    """Decides by a request's Host, Origin and Content-Type."""

    def __init__(self, listed: Collection[str], hosts: Collection[str] | None) -> None:
        """listed: origins ("https://grafana.example.org"), "*" for any. hosts: the names that the server answers to,
        beside this machine's and IP addresses; None: to all.
        """
        self._listed = frozenset(origin.rstrip("/").lower() for origin in listed)
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts)

    def check(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Denied, 403, for what a page of another origin sends that is not listed. headers: names in lower case."""
        host = origin = kind = b""
        for name, value in headers:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"content-type":
                kind = value
        if self._hosts is not None and host and not _is_local(host) and _host_name(host) not in self._hosts:
            quoted = quote(_host_name(host))
            raise Denied(403, f"host {quoted} is not served here: name it in hosts of [http] if it should be")
        if not origin or method in _SAFE or kind.partition(b";")[0].strip().lower() == b"application/json":
            return
        if not self.lists(origin) and _host_of(origin) != host.lower():
            quoted = quote(origin.decode("latin-1"))
            raise Denied(403, f"origin {quoted} may only send application/json: list it in cors of [http] for the rest")

    def lists(self, origin: bytes) -> bool:
        """Whether pages of this origin may read answers and send what they like."""
        return _ANY in self._listed or origin.decode("latin-1").lower() in self._listed


def is_loopback(address: str) -> bool:
    """Whether HOST:PORT is reached from this machine alone."""
    name = _host_name(address.encode("latin-1", "replace"))
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


@lru_cache(maxsize=256)
def _is_local(host: bytes) -> bool:
    """An IP address cannot be made to mean another machine; localhost is this one."""
    name = _host_name(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_name(host: bytes) -> str:
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


def _host_of(origin: bytes) -> bytes:
    try:
        return urlsplit(origin.decode("latin-1").lower()).netloc.encode("latin-1")
    except ValueError:
        return b""
