"""Keys of any length over LMDB, whose keys end at 511 bytes.

A key of up to 500 bytes is stored as `k` and the key. A longer one is stored as `l`, its first 400 bytes and its
SHA-256, and its value is preceded by the key's length (4 bytes, big-endian) and the whole key.
"""

from __future__ import annotations

import hashlib

_LONGEST = 500
_HEAD = 400
SHORT, LONG = b"k", b"l"


def to_bytes(key: str | bytes) -> bytes:
    """A key as bytes, text in UTF-8."""
    return key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key


def stored_key(key: bytes) -> bytes:
    """Under which LMDB key it stands."""
    return SHORT + key if len(key) <= _LONGEST else LONG + key[:_HEAD] + hashlib.sha256(key).digest()


def stored_value(key: bytes, value: bytes) -> bytes:
    """What stands there."""
    return value if len(key) <= _LONGEST else len(key).to_bytes(4, "big") + key + value


def value_of(key: bytes, stored: bytes) -> bytes:
    """The value in what stands under a key."""
    return stored if len(key) <= _LONGEST else stored[4 + len(key) :]


def item_of(stored_key: bytes, stored: bytes) -> tuple[bytes, bytes]:
    """Key and value of a stored pair."""
    if stored_key[:1] == SHORT:
        return stored_key[1:], stored
    size = int.from_bytes(stored[:4], "big")
    return stored[4 : 4 + size], stored[4 + size :]


def scan_starts(prefix: bytes) -> tuple[bytes, bytes]:
    """Where the stored keys begin that may belong to keys with this prefix: the short and the long ones."""
    return SHORT + prefix, LONG + prefix[:_HEAD]
