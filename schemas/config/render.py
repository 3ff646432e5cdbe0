"""The effective configuration as TOML, each setting under its documentation."""

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from marshmallow import Schema, fields

from schemas.config.kept import HIDDEN, shown
from schemas.config.load import Sections, own_sections, root_schema
from schemas.config.section import keys_of
from schemas.config.settings import Config


def render_config(config: Config, extra: Sections, *, reveal: bool = False) -> str:
    """TOML text that loads to the same configuration; secrets are starred out unless ``reveal``. Defaults are none.

    A list section without elements is printed as one commented element, so that its settings can be looked up.
    """
    lines = list(_settings(root_schema(), config, reveal))
    own = own_sections()
    for name, schema in (own | dict(extra)).items():
        value = getattr(config, name.replace("-", "_")) if name in own else config.sections[name]
        if not schema.many:
            lines += ["", f"[{name}]", *_settings(schema, value, reveal)]
        for element in value if schema.many else ():
            lines += ["", f"[[{name}]]", *_settings(schema, element, reveal)]
        if schema.many and not value:
            lines += ["", f"# [[{name}]]", *(f"# {line}".rstrip() for line in _settings(schema, None, reveal))]
    return "\n".join(lines).lstrip("\n") + "\n"


def _settings(schema: Schema, value: Any, reveal: bool) -> Iterator[str]:
    dumped = schema.dump(value if value is not None else schema.load({}, many=False), many=False)
    for key, declared in keys_of(schema).items():
        doc = declared.metadata.get("doc", "")
        yield from (f"# {line}" for line in textwrap.wrap(doc, 110))
        current = dumped.get(key)
        if current is None:
            yield f"# {key} is not set"
        else:
            yield f"{key} = {_toml(current if reveal else _without_secret(key, declared, current))}"


def _without_secret(name: str, declared: fields.Field[Any], value: Any) -> Any:
    if value and value != declared.load_default and declared.metadata.get("secret"):
        return HIDDEN
    return shown(name, declared, value)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    # A TOML basic string escapes as JSON does, DEL excepted, which JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
