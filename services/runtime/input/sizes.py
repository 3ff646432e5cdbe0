"""How much there is to do about messages of the log: by their text, whether they are packed or not."""

from __future__ import annotations

from services.lineprotocol.packing import messages
from services.runtime.input.line_protocol_decoder import LogMessage


def text_bytes(message: LogMessage) -> int:
    """How many bytes of line protocol a message stands for."""
    return messages.text_bytes(message.data, message.headers)


def line_count(message: LogMessage) -> int:
    """How many lines it has, roughly."""
    return messages.line_count(message.data, message.headers)
