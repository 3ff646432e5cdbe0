"""Bodies that come zipped."""

from __future__ import annotations

from typing import cast

from isal import igzip_lib, isal_zlib

from services.gateway.http.rejection import RequestRejected

_FIRST_STEP, _STEP = 1 << 20, 16 << 10  # behind each member's end the rest of a step is copied
_MOST_MEMBERS = 10_000
_DAMAGED = cast("type[Exception]", igzip_lib.IsalError)


def gunzip(body: bytes, limit: int) -> bytes:
    """The text of a gzip file of one or more members, up to 10,000.

    Raises RequestRejected: 400, worded as the reference's, and 413 where it is more than `limit` bytes.
    """
    chunks: list[bytes] = []
    size, at = 0, 0
    for member in range(_MOST_MEMBERS):
        unzip = isal_zlib.decompressobj(wbits=31)
        while not unzip.eof:
            step = body[at : at + (_STEP if member else _FIRST_STEP)]
            if not step:
                raise RequestRejected(400, "unexpected EOF" if body else "EOF")
            try:
                chunk = unzip.decompress(step, limit + 1 - size)
            except _DAMAGED as error:
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
    if "wrapper" in text:
        return "gzip: invalid header"
    return "gzip: invalid checksum" if "checksum" in text else f"gzip: {text.partition(' Invalid ')[2] or text}"
