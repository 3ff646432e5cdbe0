"""Subjects of the bus, and the escape that makes any name one subject token.

The escape, in full: the characters A-Z a-z 0-9 _ and - stand for themselves; every other character is written as
its UTF-8 bytes, each as `=` and two upper-case hex digits; the empty name is a lone `=`. So `my.db` is `my=2Edb`,
`a b` is `a=20b`, `=` is `=3D`. Two names never share a token, and a token holds nothing that NATS gives a meaning to
(dots, spaces, `*`, `>`, control characters). It is also a valid key of a NATS key-value bucket.

Reading is more liberal than writing, since any program may publish to the bus: what is not an escape stands for
itself, and escapes may be in lower case.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_TOKEN = 1200
"""Longest escaped name in bytes. NATS refuses command lines over 4096 bytes, and a subject holds two names."""

WRITES = "tickbus.write.>"
EVENTS = "tickbus.event.>"
ALERTS = "tickbus.alert.>"
DEAD = "tickbus.dead.>"
NOTICES = "tickbus.alerts.>"

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_SPECIAL = re.compile(r"[^A-Za-z0-9_-]")
_ESCAPES = re.compile(rb"=([0-9A-Fa-f]{2})|=")


@lru_cache(maxsize=4096)
def escape(name: str) -> str:
    """The subject token of a name. ValueError where the token would be longer than MAX_TOKEN."""
    if _PLAIN.fullmatch(name):
        token = name
    elif not name:
        token = "="
    else:
        token = _SPECIAL.sub(_escaped, name)
    if len(token) > MAX_TOKEN:
        raise ValueError(f"name too long: {name[:40]!r}… takes {len(token)} bytes, at most {MAX_TOKEN} are allowed")
    return token


@lru_cache(maxsize=4096)
def unescape(token: str) -> str:
    """The name of a subject token; the inverse of `escape`. ValueError where it is no escaped name."""
    if _PLAIN.fullmatch(token):
        return token
    if token == "=":
        return ""
    if not token:
        raise ValueError("empty subject token")
    try:
        return _ESCAPES.sub(_unescaped, token.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
    except ValueError as error:
        raise ValueError(f"not an escaped name: {token!r}") from error


def write_subject(db: str, rp: str) -> str:
    """Where line protocol for a database and retention policy goes: `tickbus.write.<db>.<rp>`."""
    return f"tickbus.write.{escape(db)}.{escape(rp)}"


def parse_write_subject(subject: str) -> tuple[str, str]:
    """Database and retention policy of a write subject. ValueError for any other subject."""
    tokens = subject.split(".")
    if len(tokens) != 4 or tokens[0] != "tickbus" or tokens[1] != "write":
        raise ValueError(f"not a write subject: {subject!r}")
    return unescape(tokens[2]), unescape(tokens[3])


def event_subject(kind: str, id: str, what: str) -> str:
    """Where an event about one resource goes: `tickbus.event.<kind>.<id>.<what>`."""
    return f"tickbus.event.{escape(kind)}.{escape(id)}.{escape(what)}"


def events_subject(kind: str, id: str) -> str:
    """All events about one resource: `tickbus.event.<kind>.<id>.*`."""
    return f"tickbus.event.{escape(kind)}.{escape(id)}.*"


def parse_event_subject(subject: str) -> tuple[str, str, str]:
    """Kind, id and what of an event subject. ValueError for any other subject."""
    tokens = subject.split(".")
    if len(tokens) != 5 or tokens[0] != "tickbus" or tokens[1] != "event":
        raise ValueError(f"not an event subject: {subject!r}")
    return unescape(tokens[2]), unescape(tokens[3]), unescape(tokens[4])


def alert_subject(topic: str) -> str:
    """Where level changes of a topic go: `tickbus.alert.<topic>`."""
    return f"tickbus.alert.{escape(topic)}"


def notice_subject(topic: str) -> str:
    """Where other programs are told of a topic's alerts: `tickbus.alerts.<topic>`."""
    return f"tickbus.alerts.{escape(topic)}"


def inhibition_subject(owner: str) -> str:
    """Where it goes from when to when alerts of a task inhibit others: `tickbus.alert.<owner>.inhibits`."""
    return f"tickbus.alert.{escape(owner)}.inhibits"


def parse_inhibition_subject(subject: str) -> str | None:
    """The owner of such a subject, None for any other. ValueError for a broken one."""
    tokens = subject.split(".")
    if len(tokens) != 4 or tokens[:2] != ["tickbus", "alert"] or tokens[3] != "inhibits":
        return None
    return unescape(tokens[2])


def parse_alert_subject(subject: str) -> str:
    """The topic of an alert subject. ValueError for any other subject."""
    tokens = subject.split(".")
    if len(tokens) != 3 or tokens[0] != "tickbus" or tokens[1] != "alert":
        raise ValueError(f"not an alert subject: {subject!r}")
    return unescape(tokens[2])


def command_subject(kind: str, verb: str) -> str:
    """Where a command is asked for: `tickbus.command.<kind>.<verb>`."""
    return f"tickbus.command.{escape(kind)}.{escape(verb)}"


def request_subject(service: str, what: str, *names: str) -> str:
    """Where a service is asked for something: `tickbus.ask.<service>.<what>[.<name>…]`."""
    return ".".join(["tickbus.ask", escape(service), escape(what), *map(escape, names)])


def tap_subject(tap: str) -> str:
    """Where a worker tells who has asked for it what leaves a task's nodes: `tickbus.tap.<tap>`."""
    return f"tickbus.tap.{escape(tap)}"


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"={byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1] is None:
        raise ValueError("'=' without two hex digits")
    return bytes.fromhex(match[1].decode())
