"""What a run wants done outside, gathered: lines of JSON, and what they come to all in all."""

from __future__ import annotations

