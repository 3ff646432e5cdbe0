"""What folds read of an event: its data, as the schema of its kind says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from marshmallow import Schema, ValidationError

from services.bus.events import Event

Plain = dict[str, Any]
"""Plain data, as events and stores hold it."""

K = TypeVar("K")


def schemas_of(classes: Mapping[K, type[Schema]]) -> dict[K, Schema]:
    """A schema of each of these classes, made once for all events."""
    return {key: schema() for key, schema in classes.items()}


def data_of(event: Event, schema: Schema | None) -> Plain:
    """The data of an event, with what it left out.

    schema: of its kind and `what`. ValueError where there is none (None), or the data are not as it says.
    """
    if schema is None:
        raise ValueError(f"no such event: {event.kind} {event.id} {event.what}")
    try:
        data: Plain = schema.load(event.data)
        return data
    except ValidationError as error:
        raise ValueError(f"{event.kind} {event.what} #{event.seq}: {error}") from error
