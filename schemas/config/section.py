"""How a configuration section is written down: a frozen dataclass whose attributes are settings.

One line a setting holds its default, its kind and its documentation; the marshmallow schema is made from that, so
that what the loader accepts, what a service reads and what ``tickbus config`` prints cannot drift apart.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, cast

from marshmallow import Schema, ValidationError, fields, post_load

Check = Callable[[Any], Any]


def setting(
    default: Any,
    kind: type[fields.Field[Any]],
    doc: str,
    *,
    key: str = "",
    check: Check | None = None,
    secret: bool = False,
    webhook: bool = False,
    signs: bool = False,
    later: bool = False,
) -> Any:
    """One setting of a section, as a dataclass field.

    ``default`` is the value in its Python form, ``key`` the name in the file where that is not the attribute's name
    with dashes, ``check`` a marshmallow validator; a ``secret`` is starred out where the configuration is printed, of a
    ``webhook``, a URL, what lets one in. What ``signs`` is a flag by which a secret of another section logs in. A
    ``later`` one Kapacitor 1.5 does not have: the API shows it where it is set.
    Returns Any, so that the attribute's annotation is what counts.
    """
    metadata = {"default": default, "kind": kind, "doc": doc, "key": key, "check": check}
    metadata |= {"secret": secret, "webhook": webhook, "signs": signs, "later": later}
    # A factory, because dataclasses refuse defaults without a hash; these here are read-only.
    return dataclasses.field(default_factory=lambda: default, metadata=metadata)


def schema_of(section: type[Any]) -> type[Schema]:
    """The marshmallow schema of a section written with ``setting``; loading gives an instance of the section."""
    declared: dict[str, Any] = {}
    for attribute in dataclasses.fields(section):
        if "kind" in attribute.metadata:
            declared[attribute.name] = _field(attribute)
    return cast(type[Schema], type(f"{section.__name__}Schema", (_Section,), {"section": section, **declared}))


class Table(fields.Field[Any]):
    """A setting that is a table of sections, each under a name of the user's."""

    schema: ClassVar[Schema]

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("must be a table of sections")
        loaded: dict[str, Any] = {}
        mistakes: dict[str | int, Any] = {}
        for name, one in value.items():
            try:
                loaded[name] = self.schema.load(one)
            except ValidationError as error:
                messages = error.messages_dict
                mistakes[name] = messages.get("_schema") if set(messages) == {"_schema"} else messages
        if mistakes:
            raise ValidationError(mistakes)
        return loaded

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> dict[str, Any]:
        return {name: self.schema.dump(one) for name, one in value.items()}


def table_of(section: type[Any]) -> type[Table]:
    """The kind of a setting that is a table of these sections: [udf.functions.NAME]."""
    return cast(type[Table], type(f"{section.__name__}Table", (Table,), {"schema": schema_of(section)()}))


def keys_of(schema: Schema) -> dict[str, fields.Field[Any]]:
    """A section's settings by their name in the file."""
    return {declared.data_key or name: declared for name, declared in schema.fields.items()}


class _Section(Schema):
    section: ClassVar[type[Any]]

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Any:
        return self.section(**data)


def _field(attribute: "dataclasses.Field[Any]") -> fields.Field[Any]:
    metadata = attribute.metadata
    kind: type[fields.Field[Any]] = metadata["kind"]
    return kind(
        load_default=metadata["default"],
        data_key=metadata["key"] or attribute.name.replace("_", "-"),
        validate=metadata["check"],
        metadata={name: metadata[name] for name in ("doc", "secret", "webhook", "signs", "later")},
    )
