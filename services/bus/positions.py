"""The three kinds of place in a log, so that mypy sees where one is taken for another.

Each is a sequence of JetStream's in one stream (the field says offset), 1 for its first message; 0 is before all of
them. Sequences of different streams say nothing of each other. Arrays of them are plain int64.
"""

from __future__ import annotations

from typing import NewType

EventsSeq = NewType("EventsSeq", int)
"""A sequence in EVENTS: of what was defined, changed, begun and ended."""
WritesSeq = NewType("WritesSeq", int)
"""A sequence in WRITES: of the data."""
AlertsSeq = NewType("AlertsSeq", int)
"""A sequence in ALERTS: of what alert nodes have said."""

PartOf = tuple[int, int]
"""A part of a task that several workers run: the layout (sequence of the event that made it so), and which part."""
