"""marshmallow schemas as the JSON schemas of a document's components."""

from __future__ import annotations

import inspect
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

JSON = "application/json"

Document = dict[str, Any]


class Shapes:
    """Collects what is referred to. The spec that it works on holds the paths of an OpenAPI document, too."""

    def __init__(self, title: str, version: str, **options: Any) -> None:
        """options: further parts of the document, by key."""
        self._plugin = MarshmallowPlugin(schema_name_resolver=_name)
        self.spec = APISpec(title, version, "3.1.0", plugins=[self._plugin], **options)
        converter: Any = self._plugin.converter  # it has types, but not for what is called here
        self._converter = converter
        self._converter.add_attribute_function(_described)
        self._converter.add_parameter_attribute_function(_described)

    def ref(self, schema: type[Schema] | list[type[Schema]]) -> Document:
        """A reference to a schema, which is then among the components; of a list, an array of such."""
        if isinstance(schema, list):
            return {"type": "array", "items": self.ref(schema[0])}
        reference: Document = self._converter.resolve_nested_schema(schema())
        return reference

    def parameters(self, schema: type[Schema]) -> list[Document]:
        """A schema's fields as parameters of the query."""
        found: list[Document] = self._converter.schema2parameters(schema, location="query")
        return found

    def document(self) -> Document:
        """The whole, with each schema's docstring as its description."""
        document: Document = self.spec.to_dict()
        schemas = document.get("components", {}).get("schemas", {})
        for key, name in self._converter.refs.items():
            schemas[name]["description"] = inspect.cleandoc(key[0].__doc__ or "")
        return document


def _name(schema: type[Schema] | Schema) -> str:
    """Unique: shapes of the API go by their own name, facts by their kind as well (`task.Defined`)."""
    cls = schema if isinstance(schema, type) else type(schema)
    name, module = cls.__name__.removesuffix("Schema"), cls.__module__
    if module.startswith("schemas.api."):
        return name
    return f"{module.rpartition('.')[2]}.{name}"


def _described(converter: Any, field: Any, ret: Document, **kwargs: Any) -> Document:
    """What the field's metadata say of it. An empty default only says that it may be left out, and fits no enum."""
    if not ret.get("default", True):
        del ret["default"]
    doc = field.metadata.get("doc")
    return {"description": doc} if doc else {}
