"""What a lease is worth to whoever holds it. The field calls acting on it fencing."""

from __future__ import annotations

from enum import Enum, auto


class LeaseStatus(Enum):
    """Whether what is done under a lease may leave: it is held; another may have it by now; another has it."""

    HELD = auto()
    UNCERTAIN = auto()
    LOST = auto()
