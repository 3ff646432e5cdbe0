"""Bodies that come zipped."""

from __future__ import annotations

import zlib

from services.gateway.http.rejection import RequestRejected

_STEP = 16 << 10  # behind each member's end the rest of a step is copied
_MOST_MEMBERS = 10_000


def gunzip(body: bytes, limit: int) -> bytes:
    """The text of a gzip file of one or more members, up to 10,000.

    Raises RequestRejected: 400, worded as the reference's, and 413 where it is more than `limit` bytes.
    """
    chunks: list[bytes] = []
    size, at = 0, 0
    for _ in range(_MOST_MEMBERS):
        unzip = zlib.decompressobj(wbits=31)
        while not unzip.eof:
            step = body[at : at + _STEP]
            if not step:
                raise RequestRejected(400, "unexpected EOF" if body else "EOF")
            try:
                chunk = unzip.decompress(step, limit + 1 - size)
            except zlib.error as error:
                raise RequestRejected(400, _wording(body, str(error))) from error
            at += len(step) - len(unzip.unused_data) - len(unzip.unconsumed_tail)
            size += len(chunk)
            if size > limit:
                raise RequestRejected(413, f"body too large: over {limit} bytes when ungzipped")
            chunks.append(chunk)
        if at == len(body):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    raise RequestRejected(400, f"gzip: more than {_MOST_MEMBERS} members")


def _wording(body: bytes, text: str) -> str:
    if len(body) < 10 and not body.startswith(b"\x1f\x8b"):
        return "unexpected EOF"
    if "incorrect header check" in text or "unknown compression" in text:
        return "gzip: invalid header"
    return "gzip: invalid checksum" if "incorrect" in text else f"gzip: {text.rpartition(': ')[2]}"
