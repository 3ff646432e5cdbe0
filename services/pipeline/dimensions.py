"""What may stand together among the dimensions of a groupBy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.pipeline.spec import STAR


def check_dimensions(dimensions: Sequence[Any], exclude: Sequence[str] = ()) -> None:
    """Raise ValueError, in the reference's words: an empty name, a star beside names, `exclude` without a star."""
    if "" in dimensions:
        raise ValueError("dimensions cannot not be the empty string")
    if STAR in dimensions:
        if len(dimensions) > 1:
            raise ValueError("cannot group by both '*' and named dimensions.")
    elif exclude:
        raise ValueError("exclude requires '*'")
