"""How connections are encrypted, as the sections of the configuration say."""

from __future__ import annotations

import functools
import ssl
from dataclasses import dataclass
from typing import Any

from services.process.client_tls import client_context


@dataclass(frozen=True, slots=True)
class Tls:
    """How a connection is encrypted: whether the server's certificate is checked, and against which authorities.

    ca, cert, key: PEM files; empty: the authorities that the system trusts, no certificate of our own.
    """

    verify: bool = True
    ca: str = ""
    cert: str = ""
    key: str = ""


def tls_of(section: Any) -> Tls:
    """What a section says, as far as it has settings for that."""
    said = vars(section).get
    return _tls(not said("insecure_skip_verify", False), said("ssl_ca", ""), said("ssl_cert", ""), said("ssl_key", ""))


# one for all connections that are encrypted alike: it is asked for with each event
_tls = functools.lru_cache(maxsize=256)(Tls)


def context_of(tls: Tls) -> ssl.SSLContext:
    """The same for the ssl module. OSError where a file cannot be read."""
    return client_context(tls.ca, tls.cert, tls.key, tls.verify)
