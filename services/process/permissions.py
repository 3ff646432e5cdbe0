"""What tasks, handlers and changes of the configuration may have this machine do: [security] of the configuration.

Asked when something is defined, so that whoever does it hears no, and again whenever it is done: the configuration may
have changed since, and files may have become links.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from schemas.config import Config
from schemas.config.security import ANY, PRIVATE, Security

_SYSTEM = ("/proc", "/sys", "/dev")
_STREAMS = ("/dev/stdout", "/dev/stderr")
_PORTS = {"http": 80, "https": 443}
_PRIVATE = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::/128",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)


class NotPermitted(ValueError):
    """Something that [security] does not allow; the text names the setting."""


class Guard:
    """Without anything it allows everything."""

    def __init__(
        self,
        security: Security | None = None,
        *,
        closed: bool = False,
        private: Iterable[str] = (),
        declared: Iterable[str] = (),
    ) -> None:
        """closed: what is not listed is not allowed. private: directories that nobody reads or writes.

        declared: directories that nobody writes.
        """
        self._security = security or Security()
        self._closed = closed
        self._private = [os.path.realpath(path) for path in private]
        self._declared = [os.path.realpath(path) for path in declared]
        self._blocked = [*map(ipaddress.ip_network, _expanded(self._security.blacklist_cidrs))]

    @classmethod
    def of(cls, config: Config) -> Guard:
        """What a configuration allows."""
        store = [config.nats.store_dir] if config.nats.store_dir else []
        return cls(
            config.security,
            closed=config.http.auth_enabled,
            private=[str(config.data_dir), *map(os.path.expanduser, store)],
            declared=[config.load.dir] if config.load.enabled else [],
        )

    def disables(self, kind: str) -> bool:
        """Whether nobody may use alert handlers of this kind."""
        return kind in self._security.disable_handlers

    def handler(self, kind: str) -> None:
        """Raises NotPermitted where nobody may use alert handlers of this kind."""
        if self.disables(kind):
            raise NotPermitted(f"handler {kind} is disabled: it stands in disable-handlers of [security]")

    def command(self, program: str) -> None:
        """Raises NotPermitted for a program that must not be run."""
        listed = self._security.commands
        if self._any(listed):
            return
        place = _place(_found(program))
        if not any(place == _place(entry) or _under(os.path.dirname(place), entry) for entry in listed or ()):
            raise NotPermitted(f"the program {_quoted(program)} is not allowed: list it in commands of [security]")

    def readable(self, path: str) -> str:
        """The path without links in it; NotPermitted for a file or directory that must not be read."""
        real = self.public(path)
        self._check_listed(self._security.read_directories, real, path, "read-directories")
        return real

    def public(self, path: str) -> str:
        """As `readable`, for a file that was found to be listed before."""
        real = _real(path)
        self._check_private(real, path)
        if any(_under(real, place) for place in _SYSTEM):
            raise NotPermitted(f"{_quoted(path)} is not allowed: nothing is read from {', '.join(_SYSTEM)}")
        return real

    def writable(self, path: str) -> str:
        """The path without links in it; NotPermitted for a file that must not be written."""
        stream = path in _STREAMS
        real = path if stream else _real(path)
        self._check_private(real, path)
        if any(_under(real, place) for place in _SYSTEM[:2]):
            raise NotPermitted(f"{_quoted(path)} is not allowed: nothing is written to {' or '.join(_SYSTEM[:2])}")
        if any(_under(real, place) for place in self._declared):
            raise NotPermitted(f"{_quoted(path)} is not allowed: it is in the load directory")
        self._check_listed(self._security.write_directories, real, path, "write-directories")
        return real

    def address(self, address: str) -> None:
        """Raises NotPermitted for HOST:PORT that tcp handlers must not send to."""
        listed = self._security.addresses
        host, _, _ = address.rpartition(":")
        given = {address.lower(), host.lower(), host.strip("[]").lower()} - {""}
        if not self._any(listed) and given.isdisjoint(entry.lower() for entry in listed or ()):
            raise NotPermitted(f"the address {_quoted(address)} is not allowed: list it in addresses of [security]")

    def subject(self, subject: str) -> None:
        """Raises NotPermitted for a subject that nats handlers must not publish to."""
        listed = self._security.subjects
        if not self._any(listed) and not any(_covers(entry, subject) for entry in listed or ()):
            raise NotPermitted(f"the subject {_quoted(subject)} is not allowed: list it in subjects of [security]")

    def keeps(self, url: str, configured: str) -> None:
        """Raises NotPermitted where a password of the configuration would be sent elsewhere than where it is for.

        url: what a script or a handler names, configured: what the configuration does.
        """
        if self._closed and url and _origin(url) != _origin(configured):
            raise NotPermitted(
                f"the configuration's password is not sent to {_origin(url) or _quoted(url)}: name a user and password "
                "along with the url, or the url in the configuration"
            )

    @property
    def blocks(self) -> bool:
        """Whether there are addresses that nobody may connect to."""
        return bool(self._blocked)

    def peer(self, peer: Any) -> None:
        """Raises NotPermitted where a connection leads to an address that it must not lead to. peer: its peername."""
        if not self._blocked or not isinstance(peer, Sequence) or isinstance(peer, str) or not peer:
            return
        try:
            found = ipaddress.ip_address(str(peer[0]).partition("%")[0])
        except ValueError:
            return
        found = getattr(found, "ipv4_mapped", None) or found
        if any(found in network for network in self._blocked):
            raise NotPermitted(f"the address {found} is not allowed: it is in blacklist-cidrs of [security]")

    def _any(self, listed: Sequence[str] | None) -> bool:
        return not self._closed if listed is None else ANY in listed

    def _check_private(self, real: str, path: str) -> None:
        if any(_under(real, place) for place in self._private):
            raise NotPermitted(f"{_quoted(path)} is not allowed: it is in the data directory")

    def _check_listed(self, listed: Sequence[str] | None, real: str, path: str, setting: str) -> None:
        if not self._any(listed) and not any(_under(real, entry) for entry in listed or ()):
            raise NotPermitted(f"{_quoted(path)} is not allowed: list its directory in {setting} of [security]")


def _covers(pattern: str, subject: str) -> bool:
    """Whether a subject is one of those that a pattern with NATS's wildcards means."""
    wanted, tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted.pop()
        if len(tokens) <= len(wanted):
            return False
        tokens = tokens[: len(wanted)]
    return len(wanted) == len(tokens) and all(w in ("*", t) for w, t in zip(wanted, tokens, strict=True))


def _expanded(networks: Iterable[str]) -> list[str]:
    return [one for network in networks for one in (_PRIVATE if network == PRIVATE else (network,))]


def _real(path: str) -> str:
    """A path without links in it. NotPermitted for what no file can be called."""
    try:
        return os.path.realpath(path)
    except ValueError as error:
        raise NotPermitted(f"{_quoted(path)} is no path: {error}") from error


def _found(program: str) -> str:
    """Where a program is that is named without a path; as it is where it is not found."""
    try:
        return shutil.which(program) or program
    except ValueError as error:
        raise NotPermitted(f"{_quoted(program)} is no path: {error}") from error


def _place(program: str) -> str:
    """Where a program is, links on the way followed, but not what it itself is a link to: one program may go by many
    names that mean different things."""
    folder, name = os.path.split(program)
    if name in ("", ".", ".."):
        return _real(program)
    return os.path.join(_real(folder), name)


def _under(real: str, directory: str) -> bool:
    """Whether a path without links is a directory, or in it."""
    top = os.path.realpath(directory)
    return real == top or real.startswith(top.rstrip("/") + "/")


def _origin(url: str) -> str:
    """Scheme, host and port; "" where it has none of them."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname else ""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


OPEN = Guard()
"""Allows everything."""
