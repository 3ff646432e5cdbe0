"""Certificates for tests, made when they are needed: each is its own authority, for localhost and 127.0.0.1."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """A certificate file and the file of its key."""

    certificate: Path
    key: Path


def make_pair(directory: Path, name: str = "server", password: str = "") -> Pair:
    """A new pair of files. password: to encrypt the key with."""
    pair = Pair(directory / f"{name}.pem", directory / f"{name}.key")
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"),
        *("-keyout", str(pair.key), "-out", str(pair.certificate), "-subj", f"/CN={name}"),
        *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        *(("-passout", f"pass:{password}") if password else ("-nodes",)),
    )
    return pair


def in_one(pair: Pair) -> Path:
    """One file that holds both."""
    file = pair.certificate.with_name(f"{pair.certificate.stem}-both.pem")
    file.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes())
    return file


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
