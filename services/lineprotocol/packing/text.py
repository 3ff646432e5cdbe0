"""The text that a packed body stands for."""

from __future__ import annotations

from services.lineprotocol.packing.some_lines import PackedText


def text_of(body: bytes) -> bytes:
    """The lines of a packed body as they were written, without a last line break. ValueError where it is none."""
    return b"\n".join(PackedText(body).lines(None))
