"""How a connection proves who it is, and how it knows the server."""

from __future__ import annotations

import base64
import contextlib
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nkeys  # type: ignore[import-untyped]

from services.bus.errors import BusUnavailable
from services.process import log
from services.process.client_tls import client_context

_JWT, _SEED = "BEGIN NATS USER JWT", "BEGIN USER NKEY SEED"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is None is not used. A URL may hold user and password, or a token, as well.

    file: a .creds file with a JWT and an nkey seed. nkey_file: one with a seed alone. Files are read at each connect,
    so that what is replaced in them counts from the next; one that is no good at that moment counts as it was. ca: a
    file with the certificates that the server's has to be signed by, in place of the system's. cert, key: this client's
    own, as files. With any of them the server has to speak TLS.
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
        """What a NatsConnection takes. tls: the server has to speak it. BusUnavailable where a file is no good."""
        given: dict[str, Any] = {
            "user": self.user,
            "password": _kept(self.password_file, "password-file") if self.password_file else self.password,
            "token": _kept(self.token_file, "token-file") if self.token_file else self.token,
        }
        if self.file:
            keys = _Keys(self.file, "credentials-file")
            given |= {"user_jwt_cb": keys.jwt, "signature_cb": keys.signature}
        elif self.nkey_file:
            keys = _Keys(self.nkey_file, "nkey-file")
            given |= {"public_nkey": keys.public, "signature_cb": keys.signature}
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


class _Keys:
    """A .creds file, or one with an nkey seed alone, as it is when it is asked for; where it is no good any more, as it
    was last. (What nats-py reads them with never returns from a .creds file that is cut off.)"""

    def __init__(self, path: str, setting: str) -> None:
        """BusUnavailable where it is no good."""
        self._path, self._setting = path, setting
        self._jwt, self._pair = self._read()

    def jwt(self) -> bytes:
        """What the account says of the user."""
        return self._latest()[0].encode()

    def public(self) -> str:
        """The user's public key."""
        return bytes(self._latest()[1].public_key).decode()

    def signature(self, nonce: str) -> bytes:
        """What the server has asked to be signed, signed, in base64."""
        return base64.b64encode(self._latest()[1].sign(nonce.encode()))

    def _latest(self) -> tuple[str, nkeys.KeyPair]:
        with contextlib.suppress(BusUnavailable):
            self._jwt, self._pair = self._read()
        return self._jwt, self._pair

    def _read(self) -> tuple[str, nkeys.KeyPair]:
        text = _text(self._path, self._setting)
        jwt, seed = "", text.strip()
        if self._setting == "credentials-file":
            jwt, seed = self._part(text, _JWT), self._part(text, _SEED)
        try:
            return jwt, nkeys.from_seed(bytearray(seed.encode()))
        except Exception as error:  # nkeys raises what base64 does, and of its own
            raise BusUnavailable(
                f"cannot connect to NATS: {self._setting} {self._path} has no nkey seed that can be used"
            ) from error

    def _part(self, text: str, title: str) -> str:
        found = re.search(rf"{title}-*\s+([\w.-]+)\s", f"{text}\n")
        if found is None:
            raise BusUnavailable(
                f"cannot connect to NATS: {self._setting} {self._path} has no {_JWT} and no {_SEED}"
                if _JWT not in text and _SEED not in text
                else f"cannot connect to NATS: {self._setting} {self._path} has no {title}"
            )
        return found[1]


def _text(path: str, setting: str) -> str:
    try:
        text = Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BusUnavailable(f"cannot connect to NATS: {setting} {path} cannot be read: {reason}") from None
    if not text:
        raise BusUnavailable(f"cannot connect to NATS: {setting} {path} is empty")
    return text
