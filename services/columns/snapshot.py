"""What a part of a running graph saves of itself: plain data, which services.store.codec writes and reads."""

from __future__ import annotations

from typing import Any

State = dict[str, Any]
"""A node's state as plain data: None, bool, int, float, str, bytes, list, tuple, dict, numpy arrays."""
