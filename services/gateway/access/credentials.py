"""The credentials that a request brings along.

Kapacitor 1.8.3's ways, in this order: `Authorization: Bearer TOKEN`; Basic authentication, where the user `~subscriber`
has a subscription's token for its password; the parameters `u` and `p` of the query. And, as clients of InfluxDB 2.x
have it, `Authorization: Token TOKEN`, which is a user's name and password with a colon between, a JSON Web Token, or a
subscription's token. Those of InfluxDB 3 may say `Bearer` for the first of these.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs

from services.gateway.access.privileges import Denied

SUBSCRIBER = "~subscriber"


@dataclass(frozen=True, slots=True)
class Password:
    """A user's name and password."""

    name: str
    password: bytes


@dataclass(frozen=True, slots=True)
class Bearer:
    """A JSON Web Token."""

    token: str


@dataclass(frozen=True, slots=True)
class SubscriptionToken:
    """The token of a subscription."""

    token: str


RequestCredentials = Password | Bearer | SubscriptionToken

_JWT = re.compile(r"eyJ[\w-]*\.[\w-]*\.[\w-]*", re.ASCII)
"""Three parts in base64, of which the first is a JSON object."""
_IN_QUERY = re.compile(rb"(?:^|&)(?:u|%75|p|%70)=[^&]*")


def credentials_of(headers: Iterable[tuple[bytes, bytes]], query: bytes) -> RequestCredentials:
    """The credentials in the headers, whose names are in lower case, or in the query. Denied, 401, without any."""
    value = next((value for name, value in headers if name == b"authorization"), b"")
    scheme, _, rest = value.partition(b" ")
    if scheme == b"Bearer":
        return _token(rest.decode("utf-8", "replace").strip()) if b":" in rest else Bearer(rest.decode("latin-1"))
    if scheme == b"Token":
        return _token(rest.decode("utf-8", "replace").strip())
    if scheme.lower() == b"basic" and (found := _basic(rest)) is not None:
        return found
    if query:
        given = parse_qs(query.decode("latin-1"))
        if "u" in given and "p" in given:
            return Password(given["u"][0], given["p"][0].encode())
    raise Denied(401, "unable to parse authentication credentials")


def without_credentials(query: bytes) -> bytes:
    """A query without the parameters `u` and `p`: for whoever shows it, or takes parameters for something else."""
    return _IN_QUERY.sub(b"", query).removeprefix(b"&")


def _token(text: str) -> RequestCredentials:
    name, colon, password = text.partition(":")
    if colon:
        return SubscriptionToken(password) if name == SUBSCRIBER else Password(name, password.encode())
    return Bearer(text) if _JWT.fullmatch(text) else SubscriptionToken(text)


def _basic(value: bytes) -> RequestCredentials | None:
    try:
        name, colon, password = base64.b64decode(value, validate=True).partition(b":")
    except binascii.Error:
        return None
    if not colon:
        return None
    text = name.decode("utf-8", "replace")
    if text == SUBSCRIBER:
        return SubscriptionToken(password.decode("utf-8", "replace"))
    return Password(text, password)
