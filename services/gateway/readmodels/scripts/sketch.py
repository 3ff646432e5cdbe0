"""What lists show of a definition beside its script."""

from __future__ import annotations

from typing import NamedTuple

from services.pipeline.outline import Outline
from services.pipeline.splitting import Splitting


class Sketch(NamedTuple):
    """Why a definition cannot run as it stands, or else its graph and by what that falls apart.

    splitting: see services.pipeline.splitting.
    """

    problem: str
    outline: Outline | None
    splitting: Splitting
