"""What HTTPS needs: the certificate with its key, and the versions of TLS that are spoken."""

from __future__ import annotations

import ssl
from pathlib import Path

from schemas.config import Http, Tls
from services.process import log as logs

_OLDEST = ssl.TLSVersion.TLSv1_2
_log = logs.get("http")


class Certificate:
    """The certificate of [http], and the context that servers use it with."""

    def __init__(self, http: Http, tls: Tls) -> None:
        """Raises OSError for files that cannot be used, saying which and why."""
        self._file = http.https_certificate
        self._key = http.https_private_key or self._file
        self.context = self._context()
        self.context.minimum_version = _version(tls.min_version or "tls1.2")
        self.context.maximum_version = _version(tls.max_version or "tls1.3")
        self.context.set_alpn_protocols(["http/1.1"])

    def reload(self) -> None:
        """Read the files again, for connections from now on; files that cannot be used change nothing."""
        try:
            self._context()
            self.context.load_cert_chain(self._file, self._key)
        except OSError as error:
            _log.error("the certificate cannot be read again, the old one stays", err=error)
        else:
            _log.info("certificate read again", file=self._file)

    def _context(self) -> ssl.SSLContext:
        """A context with what the files hold now."""
        for file, what, mark in (
            (self._file, "certificate", "BEGIN CERTIFICATE-"),
            (self._key, "private key", "PRIVATE KEY-"),
        ):
            if mark not in _text(file, what):
                raise OSError(f"HTTPS: there is no {what} in PEM form in {file}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self._file, self._key, self._no_password)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise OSError(
                    f"HTTPS: the key in {self._key} is not that of the certificate in {self._file}"
                ) from error
            raise OSError(f"HTTPS: {self._file} and {self._key} cannot be used: {error.reason or error}") from error
        return context

    def _no_password(self) -> str:
        raise OSError(f"HTTPS: the private key in {self._key} is encrypted; store it without a password")


def _version(name: str) -> ssl.TLSVersion:
    return ssl.TLSVersion.TLSv1_3 if name == "tls1.3" else _OLDEST


def _text(file: str, what: str) -> str:
    try:
        return Path(file).read_text("latin-1")
    except OSError as error:
        raise OSError(f"HTTPS: the {what} file cannot be read: {file}: {error.strerror}") from error
