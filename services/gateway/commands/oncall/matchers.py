"""Matchers of silences and mutes: what of them is taken, and as events and the API have them."""

from __future__ import annotations

from collections.abc import Sequence

from services.alertlog.matchers import Matcher, matcher
from services.gateway.operations.operation_error import OperationError
from services.store.folds.event_data import Plain


def check_matchers(given: Sequence[Plain]) -> list[Plain]:
    """As events have them. Raises OperationError where nobody could tell what they are for."""
    read = list[Matcher]()
    for at, one in enumerate(given):
        try:
            read.append(matcher(**one))
        except ValueError as error:
            raise OperationError(400, f"matchers.{at}: {error}") from error
    if all(one.fits("") for one in read):
        raise OperationError(400, "matchers: at least one must not fit an empty value")
    return list(map(worded, given))


def worded(one: Plain) -> Plain:
    """A matcher as events and the API have it."""
    return {"name": one["name"], "value": one["value"], "is-regex": one["is_regex"], "is-equal": one["is_equal"]}
