"""How a connection proves who it is, and how it knows the server."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from services.bus.errors import BusUnavailable
from services.process import log
from services.process.client_tls import client_context

_IN_CREDENTIALS = ("BEGIN NATS USER JWT", "BEGIN USER NKEY SEED")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is None is not used. A URL may hold user and password, or a token, as well.

    file: a .creds file with a JWT and an nkey seed. nkey_file: one with a seed alone. Files are read at each connect,
    so that what is replaced in them counts from the next. ca: a file with the certificates that the server's has to be
    signed by, in place of the system's. cert, key: this client's own, as files. With any of them the server has to
    speak TLS.
    """

    user: str | None = None
    password: str | None = None
    token: str | None = None
    file: str | None = None
    nkey_file: str | None = None
    password_file: str | None = None
    token_file: str | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def options(self, tls: bool) -> dict[str, Any]:
        """What nats-py takes. tls: the server has to speak it. BusUnavailable where a file is no good."""
        given: dict[str, Any] = {
            "user": self.user,
            "password": _kept(self.password_file, "password-file") if self.password_file else self.password,
            "token": _kept(self.token_file, "token-file") if self.token_file else self.token,
            "user_credentials": self.file and _readable(self.file, "credentials-file", *_IN_CREDENTIALS),
            "nkeys_seed": self.nkey_file and _readable(self.nkey_file, "nkey-file"),
        }
        for secret in ("password", "token"):
            text = given[secret]() if callable(given[secret]) else given[secret]
            log.hide(f"nats {secret}", [text] if text else [])
        if tls or self.ca or self.cert:
            given["tls"] = self._context()
        return {name: value for name, value in given.items() if value}

    def _context(self) -> ssl.SSLContext:
        try:
            return client_context(self.ca, self.cert, self.key)
        except (OSError, ValueError) as error:
            files = ", ".join(filter(None, (self.ca, self.cert, self.key)))
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise BusUnavailable(
                f"cannot connect to NATS: the certificates ({files}) cannot be used: {reason}"
            ) from None


def parsed(url: str, credentials: Credentials) -> tuple[list[str], Credentials]:
    """Server URLs without what is secret in them, and the credentials, from the URLs where none were given.

    nats-py would send a percent-encoded password as it stands.
    """
    servers = []
    tls = replace(Credentials(), ca=credentials.ca, cert=credentials.cert, key=credentials.key)
    for part in filter(None, map(str.strip, url.split(","))):
        scheme, slashes, rest = part.rpartition("://")
        secret, _, host = rest.rpartition("@")
        servers.append(f"{scheme}{slashes}{host}")
        if secret and credentials == tls:
            user, colon, password = secret.partition(":")
            if colon:
                credentials = replace(tls, user=unquote(user), password=unquote(password))
            else:
                credentials = replace(tls, token=unquote(user))
    return servers, credentials


def _kept(path: str, setting: str) -> Callable[[], str]:
    """What gives the text in a file as it is then, without the line's end; where it is no good any more, the last."""
    last = _text(path, setting)

    def text() -> str:
        nonlocal last
        with contextlib.suppress(BusUnavailable):
            last = _text(path, setting)
        return last

    return text


def _readable(path: str, setting: str, *parts: str) -> str:
    text = _text(path, setting)
    if not all(part in text for part in parts):
        raise BusUnavailable(f"cannot connect to NATS: {setting} {path} has no {' and no '.join(parts)}")
    return path


def _text(path: str, setting: str) -> str:
    try:
        text = Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BusUnavailable(f"cannot connect to NATS: {setting} {path} cannot be read: {reason}") from None
    if not text:
        raise BusUnavailable(f"cannot connect to NATS: {setting} {path} is empty")
    return text
