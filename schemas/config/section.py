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
) -> Any:
    """One setting of a section, as a dataclass field.

    ``default`` is the value in its Python form, ``key`` the name in the file where that is not the attribute's name
    with dashes, ``check`` a marshmallow validator; a ``secret`` is starred out where the configuration is printed.
    Returns Any, so that the attribute's annotation is what counts.
    """
    metadata = {"default": default, "kind": kind, "doc": doc, "key": key, "check": check, "secret": secret}
    # A factory, because dataclasses refuse defaults without a hash; these here are read-only.
    return dataclasses.field(default_factory=lambda: default, metadata=metadata)


def schema_of(section: type[Any]) -> type[Schema]:
    """The marshmallow schema of a section written with ``setting``; loading gives an instance of the section."""
    declared: dict[str, Any] = {}
    for attribute in dataclasses.fields(section):
        if "kind" in attribute.metadata:
            declared[attribute.name] = _field(attribute)
    return cast(type[Schema], type(f"{section.__name__}Schema", (_Section,), {"section": section, **declared}))


def table_of(section: type[Any]) -> type[fields.Field[Any]]:
    """The kind of a setting that is a table of sections, each under a name of the user's: [udf.functions.NAME]."""
    schema = schema_of(section)()

    class Table(fields.Field[Any]):
        def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
            if not isinstance(value, dict):
                raise ValidationError("must be a table of sections")
            loaded: dict[str, Any] = {}
            mistakes: dict[str | int, Any] = {}
            for name, one in value.items():
                try:
                    loaded[name] = schema.load(one)
                except ValidationError as error:
                    messages = error.messages_dict
                    mistakes[name] = messages.get("_schema") if set(messages) == {"_schema"} else messages
            if mistakes:
                raise ValidationError(mistakes)
            return loaded

        def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> dict[str, Any]:
            return {name: schema.dump(one) for name, one in value.items()}

    return Table


def only(value: Any, why: str) -> Check:
    """A validator for settings of Kapacitor's that tickbus knows and cannot serve: only ``value`` is accepted.

    Accepting and ignoring ``auth-enabled = true``, say, would leave open what its user believes to be closed.
    """

    def check(given: Any) -> None:
        if given != value:
            raise ValidationError(why)

    return check


class _Section(Schema):
    section: ClassVar[type[Any]]

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Any:
        return self.section(**data)


def _field(attribute: "dataclasses.Field[Any]") -> fields.Field[Any]:
    metadata = attribute.metadata
    return metadata["kind"](  # type: ignore[no-any-return]
        load_default=metadata["default"],
        data_key=metadata["key"] or attribute.name.replace("_", "-"),
        validate=metadata["check"],
        metadata={"doc": metadata["doc"], "secret": metadata["secret"]},
    )
