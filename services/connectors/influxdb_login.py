"""Logging in to an InfluxDB: with a token, with JSON Web Tokens of one's own, or with user and password."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from schemas.config import InfluxDB

if TYPE_CHECKING:
    import httpx

_LIFETIME = 600.0  # seconds that a JSON Web Token counts; another one is made after half of it
_ALGORITHM = "HS512"


def login_of(
    cluster: InfluxDB, shared_secret: str
) -> Callable[[httpx.Request], httpx.Request] | tuple[str, str] | None:
    """What httpx takes as auth to log in as a cluster's configuration says. shared_secret: that of [http]."""
    if cluster.token:
        return _header(lambda: f"Token {cluster.token}")
    if cluster.http_shared_secret:
        return _header(_signed(cluster.username, shared_secret))
    return (cluster.username, cluster.password) if cluster.username else None


def _header(value: Callable[[], str]) -> Callable[[httpx.Request], httpx.Request]:
    def log_in(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = value()
        return request

    return log_in


def _signed(username: str, secret: str) -> Callable[[], str]:
    """Gives a token that names the user and still counts for a while."""
    import jwt  # brings cryptography along, 9 MB

    # how long the secret is, is for those to say who share it
    warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)
    made, token = 0.0, ""

    def bearer() -> str:
        nonlocal made, token
        now = time.time()
        if not made <= now < made + _LIFETIME / 2:
            claims = {"username": username, "exp": int(now + _LIFETIME)}
            made, token = now, jwt.encode(claims, secret, algorithm=_ALGORITHM)
        return f"Bearer {token}"

    return bearer
