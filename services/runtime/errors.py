"""What ends a task."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class TaskFailed(Exception):
    """Ends the task: executing false, and str() is its error."""


@contextlib.contextmanager
def no_name_too_long(what: str) -> Iterator[None]:
    """For making subjects of the bus: a name that is too long for one ends the task. what: whose name it is."""
    try:
        yield
    except ValueError as e:
        raise TaskFailed(f"{what} {e}") from e
