"""What all bodies of requests have in common: they are read as Go reads JSON, for clients that count on it."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, pre_load


class RequestSchema(Schema):
    """A body, or a part of one.

    Unknown keys are ignored, known ones may be in any case, and null counts as left out; a body that is null is an
    empty one.
    """

    class Meta:
        unknown = EXCLUDE

    @pre_load
    def as_go_reads(self, data: Any, **kwargs: Any) -> Any:
        """The keys as the fields have them, without nulls."""
        if data is None:
            return {}
        if not isinstance(data, dict):
            return data
        known = {(field.data_key or name).casefold(): field.data_key or name for name, field in self.fields.items()}
        return {known.get(key.casefold(), key): value for key, value in data.items() if value is not None}
