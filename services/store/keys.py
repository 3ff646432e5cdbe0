"""How keys and values of any length stand in LMDB, whose keys end at 511 bytes.

A key of up to 500 bytes is stored as `k` and the key; a longer one as `l`, its first 400 bytes and its SHA-256. A
stored value begins with a CRC-32 over all that follows and the stored key; with a long key, the key's length (4 bytes,
big-endian) and the whole key come next; then the value.
"""

from __future__ import annotations

import hashlib
import zlib

_LONGEST = 500
_HEAD = 400
_CRC = 4
SHORT, LONG = b"k", b"l"


def to_bytes(key: str | bytes) -> bytes:
    """A key as bytes, text in UTF-8."""
    return key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key


def stored_key(key: bytes) -> bytes:
    """Under which LMDB key it stands."""
    return SHORT + key if len(key) <= _LONGEST else LONG + key[:_HEAD] + hashlib.sha256(key).digest()


def stored_pair(key: bytes, value: bytes) -> tuple[bytes, bytes]:
    """What LMDB keeps for a key and its value."""
    under = stored_key(key)
    head = b"" if len(key) <= _LONGEST else len(key).to_bytes(4, "big") + key
    crc = zlib.crc32(value, zlib.crc32(head, zlib.crc32(under)))
    return under, b"".join([crc.to_bytes(_CRC, "big"), head, value])


def value_of(key: bytes, stored: bytes) -> bytes:
    """The value in what stands under a key."""
    return stored[_CRC:] if len(key) <= _LONGEST else stored[_CRC + 4 + len(key) :]


def item_of(stored_key: bytes, stored: bytes) -> tuple[bytes, bytes]:
    """Key and value of a stored pair."""
    if stored_key[:1] == SHORT:
        return stored_key[1:], stored[_CRC:]
    start = _CRC + 4
    end = start + int.from_bytes(stored[_CRC:start], "big")
    return stored[start:end], stored[end:]


def is_whole(stored_key: bytes | memoryview, stored: bytes | memoryview) -> bool:
    """Whether a stored pair is as it was written."""
    return zlib.crc32(stored[_CRC:], zlib.crc32(stored_key)) == int.from_bytes(stored[:_CRC], "big")


def scan_starts(prefix: bytes) -> tuple[bytes, bytes]:
    """Where the stored keys begin that may belong to keys with this prefix: the short and the long ones."""
    return SHORT + prefix, LONG + prefix[:_HEAD]
