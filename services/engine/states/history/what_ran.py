"""What ran, as it is kept beside the states of a run: its definition, and how alerts stood when it started."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from services.runtime.progress.topic_levels import Levels, packed_levels, unpacked_levels
from services.store import codec
from services.store.folds.definition import TaskDefinition


def pack(definition: TaskDefinition, levels: Levels) -> bytes:
    """Both as bytes. levels may be of any size: do it in a thread."""
    return codec.pack([definition.to_plain(), packed_levels(levels) if any(levels.values()) else b""])


def unpack(data: bytes) -> tuple[TaskDefinition, Mapping[str, Any]]:
    """Both again. ValueError where they are damaged."""
    try:
        definition, levels = codec.unpack(data)
        return TaskDefinition.from_plain(definition), unpacked_levels(levels) if levels else {}
    except (TypeError, LookupError, zlib.error) as e:
        raise ValueError(f"damaged: {e}") from e
