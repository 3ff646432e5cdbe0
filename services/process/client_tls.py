"""TLS of clients: whom they trust, and what they show of themselves."""

from __future__ import annotations

import ssl


def client_context(ca: str | None, cert: str | None, key: str | None, verify: bool = True) -> ssl.SSLContext:
    """ca: the file of whom to trust, without one: whom the system does. cert, key: files of the client's own.

    Raises OSError where a file cannot be used.
    """
    context = ssl.create_default_context(cafile=ca or None)
    if cert:
        context.load_cert_chain(cert, key or None)
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
