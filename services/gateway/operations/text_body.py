"""Answers that are no JSON: over HTTP as they are, over the bus as a JSON string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TextBody:
    """A body. headers: further ones, over HTTP."""

    content_type: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
