"""JSON Web Tokens."""

from __future__ import annotations

import base64
import itertools
import json
import time
from typing import Any

import jwt
import pytest

from services.gateway.access.privileges import Denied
from services.gateway.access.tokens import user_named

SECRET = "secret" * 11
LATER = time.time() + 86_400  # made when the tests are collected, checked when this one's turn has come


def token(algorithm: str = "HS256", secret: str = SECRET, **claims: Any) -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_names_its_user(algorithm: str) -> None:
    assert user_named(token(algorithm, username="bob", exp=LATER, aud="any", sub="any", iss="any"), SECRET) == "bob"


def unsigned(algorithm: str) -> str:
    parts = [{"alg": algorithm, "typ": "JWT"}, {"username": "bob", "exp": LATER}]
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts), ""])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (token(secret="other" * 20, username="bob", exp=LATER), "invalid token: signature is invalid"),
        (token(username="bob", exp=time.time() - 1), "invalid token: Token is expired"),
        (token(username="bob", exp=LATER, nbf=LATER), "invalid token: Token is not valid yet"),
        (token(username="bob", exp="soon"), "invalid token: "),
        (unsigned("none"), "invalid token: unexpected signing method"),
        (unsigned("RS256"), "invalid token: unexpected signing method"),
        (unsigned("HS256"), "invalid token: signature is invalid"),
        ("", "invalid token: "),
        ("a.b", "invalid token: "),
        ("ä.b.c", "invalid token: "),
        (token(username="bob"), "token expiration required"),
        (token(username="bob", exp=str(LATER)[:10]), "token expiration required"),
        (token(exp=LATER), "username in token must be a string"),
        (token(exp=LATER, username=1), "username in token must be a string"),
        (token(exp=LATER, username=""), "token must contain a username"),
    ],
    # tokens tell the time: as names of tests they would not be the same in each process that collects them
    ids=itertools.count(),
)
def test_a_token_that_proves_nothing_is_refused(given: str, text: str) -> None:
    with pytest.raises(Denied) as denied:
        user_named(given, SECRET)
    assert denied.value.status == 401
    assert str(denied.value).startswith(text)


def test_without_a_secret_nothing_is_signed() -> None:
    with pytest.raises(Denied, match="no shared-secret is configured"):
        user_named(token(username="bob", exp=LATER), "")
