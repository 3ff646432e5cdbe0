"""Keys in any case and durations without a unit, as Go reads them: the first are known, the second are mistakes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from marshmallow import Schema, fields

from schemas.config.fields import Duration, Nanoseconds
from schemas.config.section import Table, keys_of

Raw = dict[str, Any]


def respell(file: Raw, root: Schema, schemas: Mapping[str, Schema], unused: Mapping[str, Collection[str]]) -> list[str]:
    """Give sections and settings the names by which they are known; the mistakes that were found.

    unused: by section what is accepted beside the settings of its schema. Names that nobody knows stay as they are.
    """
    mistakes = list(_respell(file, {**dict.fromkeys([*schemas, *unused]), **keys_of(root)}, ""))
    for section in {*schemas, *unused} & file.keys():
        schema = schemas.get(section)
        known: dict[str, fields.Field[Any] | None] = dict.fromkeys(unused.get(section, ()))
        known |= keys_of(schema) if schema is not None else {}
        found = file[section]
        if isinstance(found, dict):
            mistakes += _respell(found, known, f"[{section}] ")
        for number, element in enumerate(found if isinstance(found, list) else ()):
            if isinstance(element, dict):
                mistakes += _respell(element, known, f"[[{section}]] {number}: ")
    return mistakes


def unitless(value: Any) -> str:
    """What is wrong with a duration that is a number: Go knows no unit for it. "" where nothing is."""
    bare = isinstance(value, int | float) and not isinstance(value, bool) and (value != 0 or isinstance(value, float))
    if bare or (isinstance(value, str) and value.isascii() and value.isdigit() and int(value)):
        return f'needs a unit, as in "{value}s" or "{value}ms"'
    return ""


def _respell(table: Raw, known: Mapping[str, fields.Field[Any] | None], where: str) -> Iterator[str]:
    by_lower = {key.lower(): key for key in known}
    for given in list(table):
        name = given if given in known else by_lower.get(given.lower(), given)
        if name != given and name in table:
            del table[given]
            yield f"config: {where}{given}: is there twice, as {name} too"
        elif name != given:
            table[name] = table.pop(given)
    for name in known.keys() & table.keys():
        yield from _respell_value(table, name, known[name], where)


def _respell_value(table: Raw, name: str, declared: fields.Field[Any] | None, where: str) -> Iterator[str]:
    value = table[name]
    if isinstance(declared, Duration | Nanoseconds):
        if value == "":
            del table[name]
        elif problem := unitless(value):
            yield f"config: {where}{name}: {problem}"
            del table[name]
    elif isinstance(declared, fields.Nested) and isinstance(value, dict):
        yield from _respell(value, keys_of(declared.schema), f"{where}{name}.")
    elif isinstance(declared, Table) and isinstance(value, dict):
        for one, section in value.items():
            if isinstance(section, dict):
                yield from _respell(section, keys_of(declared.schema), f"{where}{name}.{one}.")
