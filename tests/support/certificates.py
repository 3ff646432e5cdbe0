"""Certificates for tests, made when they are needed: each is its own authority, for localhost and 127.0.0.1."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """A certificate file and the file of its key."""

    certificate: Path
    key: Path


def make_pair(directory: Path, name: str = "server", password: str = "") -> Pair:
    """A new pair of files. password: to encrypt the key with."""
    pair = Pair(directory / f"{name}.pem", directory / f"{name}.key")
    key = ec.generate_private_key(ec.SECP256R1())
    encryption: KeySerializationEncryption = NoEncryption()
    if password:
        encryption = BestAvailableEncryption(password.encode())
    pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    pair.certificate.write_bytes(_certificate(key, name).public_bytes(Encoding.PEM))
    return pair


def in_one(pair: Pair) -> Path:
    """One file that holds both."""
    file = pair.certificate.with_name(f"{pair.certificate.stem}-both.pem")
    file.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes())
    return file


def _certificate(key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    places = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
