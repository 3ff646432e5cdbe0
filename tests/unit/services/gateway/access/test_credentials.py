"""The credentials in a request."""

from __future__ import annotations

import base64

import pytest

from services.gateway.access.credentials import (
    Bearer,
    Password,
    RequestCredentials,
    SubscriptionToken,
    credentials_of,
    without_credentials,
)
from services.gateway.access.privileges import Denied


def basic(text: str, scheme: bytes = b"Basic") -> bytes:
    return scheme + b" " + base64.b64encode(text.encode())


@pytest.mark.parametrize(
    ("authorization", "query", "found"),
    [
        (basic("bob:p:w"), b"", Password("bob", b"p:w")),
        (basic("bob:", b"bAsIc"), b"", Password("bob", b"")),
        (basic("jörg:ß"), b"", Password("jörg", "ß".encode())),
        (basic("~subscriber:tok.en"), b"u=a&p=b", SubscriptionToken("tok.en")),
        (b"Bearer a.b.c", b"u=a&p=b", Bearer("a.b.c")),
        (b"", b"db=x&u=bob&p=a%26b%20+c", Password("bob", b"a&b  c")),
        (b"", b"u=bob&p=%C3%9F&u=eve&p=x", Password("bob", "ß".encode())),
        (b"Digest x", b"u=bob&p=pw", Password("bob", b"pw")),
        (b"Basic !!", b"u=bob&p=pw", Password("bob", b"pw")),
        (basic("no colon"), b"u=bob&p=pw", Password("bob", b"pw")),
    ],
)
def test_credentials_stand_in_headers_or_in_the_query(
    authorization: bytes, query: bytes, found: RequestCredentials
) -> None:
    headers = [(b"host", b"x"), (b"authorization", authorization)] if authorization else []
    assert credentials_of(headers, query) == found


@pytest.mark.parametrize(
    ("authorization", "query"),
    [(b"", b""), (b"bearer x", b""), (b"Basic", b"u=bob"), (b"", b"u=bob&p="), (b"", b"p=x")],
)
def test_without_credentials_the_answer_is_401(authorization: bytes, query: bytes) -> None:
    with pytest.raises(Denied) as denied:
        credentials_of([(b"authorization", authorization)], query)
    assert (denied.value.status, str(denied.value)) == (401, "unable to parse authentication credentials")


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        (b"", b""),
        (b"u=a&p=b", b""),
        (b"db=x&u=a&rp=p=&%70=b&up=1", b"db=x&rp=p=&up=1"),
        (b"p=b&db=x", b"db=x"),
    ],
)
def test_a_query_loses_its_credentials_and_nothing_else(query: bytes, rest: bytes) -> None:
    assert without_credentials(query) == rest


@pytest.mark.parametrize(
    ("token", "found"),
    [
        (b"bob:p:w", Password("bob", b"p:w")),
        (b"~subscriber:tok", SubscriptionToken("tok")),
        (
            b"eyJhbGciOiJIUzI1NiJ9.eyJ1c2VybmFtZSI6ImJvYiJ9.c2ln",
            Bearer("eyJhbGciOiJIUzI1NiJ9.eyJ1c2VybmFtZSI6ImJvYiJ9.c2ln"),
        ),
        (b"a.b.c", SubscriptionToken("a.b.c")),
        (b" t0k-en_ ", SubscriptionToken("t0k-en_")),
    ],
)
def test_as_clients_of_influxdb_2_have_them(token: bytes, found: RequestCredentials) -> None:
    assert credentials_of([(b"authorization", b"Token " + token)], b"") == found
