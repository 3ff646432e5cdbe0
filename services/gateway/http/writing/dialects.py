"""How writes say where they go, and how they are told what is wrong: as InfluxDB 1.x, 2.x and 3 have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from services.gateway.http.answers import error_body
from services.gateway.operations.paths import V2_WRITE

PRECISIONS = frozenset({"n", "u", "ms", "s", "m", "h"})
V2_PRECISIONS: Mapping[str, str] = {"": "n", "ns": "n", "us": "u", "ms": "ms", "s": "s"}
AUTO = "auto"
"""The precision of times that are guessed."""
V3_PRECISIONS: Mapping[str, str] = {
    "": AUTO,
    AUTO: AUTO,
    "nanosecond": "n",
    "microsecond": "u",
    "millisecond": "ms",
    "second": "s",
    **{short: name for short, name in V2_PRECISIONS.items() if short},
}

_CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not found",
    408: "invalid",
    413: "request too large",
    500: "internal error",
    503: "unavailable",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a query says that a write goes. precision: as 1.x names it, or AUTO. problem: why it cannot go there."""

    db: str
    rp: str
    precision: str
    problem: str = ""


class Dialect(Protocol):
    """missing: what a write is told that names no database. not_allowed: the status of one that its user may not
    make."""

    @property
    def missing(self) -> str: ...
    @property
    def not_allowed(self) -> int: ...

    def place(self, query: Mapping[str, str]) -> Place:
        """Where it goes, by the parameters of the query."""

    def error(self, status: int, text: str) -> bytes:
        """The body of an answer that says what is wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class V1:
    """`db`, `rp` and `precision`; plain text."""

    missing: str = "database is required"
    not_allowed: int = 401

    def place(self, query: Mapping[str, str]) -> Place:
        """A precision that is none counts as nanoseconds, as in Kapacitor."""
        precision = query.get("precision", "n")
        return Place(query.get("db", ""), query.get("rp", ""), precision if precision in PRECISIONS else "n")

    def error(self, status: int, text: str) -> bytes:
        """A line."""
        return f"{text}\n".encode()


@dataclass(frozen=True, slots=True, eq=False)
class V2:
    """`bucket` and `precision`, whatever the `org`; JSON. buckets: "DB/RP" by the names of buckets that stand for such.

    Others are "DB/RP" themselves, or "DB" with the default retention policy.
    """

    buckets: Mapping[str, str] = field(default_factory=dict)
    missing: str = "bucket is required"
    not_allowed: int = 403

    def place(self, query: Mapping[str, str]) -> Place:
        """The first slash of a bucket divides database and retention policy."""
        bucket = query.get("bucket", "")
        db, _, rp = self.buckets.get(bucket, bucket).partition("/")
        precision = V2_PRECISIONS.get(query.get("precision", ""))
        if precision is None:
            return Place(db, rp, "n", "invalid precision; valid precision units are ns, us, ms, and s")
        return Place(db, rp, precision)

    def error(self, status: int, text: str) -> bytes:
        """{"code": …, "message": …}"""
        return v2_error(status, text)


@dataclass(frozen=True, slots=True, eq=False)
class V3:
    """`db` and `precision`; JSON. buckets: as of V2, what databases stand for."""

    buckets: Mapping[str, str] = field(default_factory=dict)
    missing: str = "db is required"
    not_allowed: int = 403

    def place(self, query: Mapping[str, str]) -> Place:
        """A database is what a bucket is; `accept_partial` and `no_sync` do not count."""
        named = query.get("db", "")
        db, _, rp = self.buckets.get(named, named).partition("/")
        precision = V3_PRECISIONS.get(query.get("precision", ""))
        if precision is None:
            return Place(
                db, rp, AUTO, f"invalid precision; valid precisions are {', '.join(filter(None, V3_PRECISIONS))}"
            )
        return Place(db, rp, precision)

    def error(self, status: int, text: str) -> bytes:
        """{"error": …}"""
        return error_body(text)


def error_for(path: str, status: int, text: str) -> bytes:
    """The body of an error that answers a request before it is known to be a write, or that nobody expects."""
    return v2_error(status, text) if path == V2_WRITE else error_body(text)


def v2_error(status: int, text: str) -> bytes:
    """An error as InfluxDB 2.x words it."""
    return orjson.dumps({"code": _CODES.get(status, "internal error"), "message": text})
