"""Kinds of values in files of tests, each with what a JSON schema says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

ORDERED, UNORDERED, SOME, EXACT, COUNT = "in-order", "any-order", "some", "exactly", "count"
LISTS = (ORDERED, UNORDERED, SOME, EXACT)
"""How a list of what is expected is held against what came."""
NONE = "none"
NOTHING = "nothing"


class Texts(fields.Field[Any]):
    """A text, or a list of them; loads a list."""

    json_schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[str]:
        texts = value if isinstance(value, list) else [value]
        wrong = {i: ["must be a text"] for i, text in enumerate(texts) if not isinstance(text, str)}
        if wrong:
            raise ValidationError(wrong if isinstance(value, list) else "must be a text, or a list of texts")
        return texts


class AnyText(fields.Field[Any]):
    """A text; what YAML takes for a number is taken as it is written."""

    json_schema = {"type": ["string", "number", "boolean"]}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if isinstance(value, dict | list) or value is None:
            raise ValidationError("must be a text")
        return str(value)


class Items(fields.Field[Any]):
    """What is expected of a kind of things that come one after another: a list of mappings, `none`, or a mapping with
    one of `in-order`, `any-order`, `some` and `exactly`, or with `count`. Loads it as it is.

    known: the keys that an item may have; all where there are none.
    """

    def __init__(self, known: tuple[str, ...] = (), **more: Any) -> None:
        super().__init__(**more)
        self.known = known

    @property
    def json_schema(self) -> dict[str, Any]:
        """As a JSON schema has it."""
        item: dict[str, Any] = {"type": "object"}
        if self.known:
            item |= {"properties": {key: {} for key in self.known}, "additionalProperties": False}
        items = {"type": "array", "items": item}
        properties = {**dict.fromkeys(LISTS, items), COUNT: {"type": "integer", "minimum": 0}}
        whole = {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}
        return {"anyOf": [{"const": NONE}, items, whole]}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if value == NONE:
            return value
        if isinstance(value, list):
            self._check(value)
        elif isinstance(value, dict):
            self._check_whole(value)
        else:
            raise ValidationError(f"must be a list, {NONE}, or a mapping with one of {', '.join((*LISTS, COUNT))}")
        return value

    def _check_whole(self, value: dict[str, Any]) -> None:
        known = (*LISTS, COUNT)
        for key, part in value.items():
            if key not in known:
                raise ValidationError({key: [UnknownKey(key, known)]})
            if key == COUNT:
                if type(part) is not int or part < 0:
                    raise ValidationError({key: ["must be a number that is not negative"]})
            elif not isinstance(part, list):
                raise ValidationError({key: ["must be a list"]})
            else:
                try:
                    self._check(part)
                except ValidationError as error:
                    raise ValidationError({key: error.messages}) from None
        if sum(key in LISTS for key in value) > 1:
            raise ValidationError(f"has more than one of {', '.join(LISTS)}")
        if not value:
            raise ValidationError(f"must have one of {', '.join(known)}")

    def _check(self, items: list[Any]) -> None:
        wrong: dict[int, Any] = {}
        for i, item in enumerate(items):
            if not isinstance(item, dict):
                wrong[i] = ["must be a mapping"]
            elif self.known and (unknown := [key for key in item if key not in self.known]):
                wrong[i] = {key: [UnknownKey(key, self.known)] for key in unknown}
        if wrong:
            raise ValidationError(wrong)


class UnknownKey(str):
    """The complaint about a key that there is not. known: those that there are."""

    __slots__ = ("known",)
    known: tuple[str, ...]

    def __new__(cls, key: str, known: tuple[str, ...]) -> UnknownKey:
        made = super().__new__(cls, f"unknown key {key!r}")
        made.known = known
        return made
