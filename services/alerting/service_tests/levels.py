"""Levels as tests of services are given them."""

from __future__ import annotations

from services.alertlog.info import LEVELS


def level_of(name: str) -> int:
    """A level by its name, 0 (OK) to 3 (CRITICAL). ValueError for another word."""
    if name not in LEVELS:
        raise ValueError(f"unknown alert level '{name}'")
    return LEVELS.index(name)
