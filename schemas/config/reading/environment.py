"""Settings from environment variables.

Every setting can be given, ``KAPACITOR_SECTION_KEY`` with dashes as underscores (``KAPACITOR_HTTP_BIND_ADDRESS``), in a
section that is a list ``KAPACITOR_SECTION_0_KEY``, one element of a list by ``…_KEY_0``, one entry of a table by
``…_KEY_ENTRY``. A number that is one past the end adds an element. A text may also stand in a file that ``…_KEY_FILE``
names: a password that an orchestrator mounts, say. A variable that is empty counts as not set.

Others have variables that begin so, Kubernetes for one where a service is called kapacitor: what names no setting is
left alone, and said where it nearly does.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from marshmallow import Schema, fields

from grammar.golang.numbers import parse_bool
from schemas.config.errors import ConfigError
from schemas.config.fields import CountMap, Duration, Nanoseconds, Text, TextMap, Texts, TextsMap
from schemas.config.reading.spelling import unitless
from schemas.config.section import Table, keys_of

Raw = dict[str, Any]
Known = Mapping[str, fields.Field[Any] | None]
"""Settings by their names; None: one that is accepted and not used."""

_PREFIX = "KAPACITOR_"
_OF_FILE = "FILE"
_NUMBERLESS = ("kubernetes",)
"""Of the list sections those whose variables may leave out the number where there is one element at most."""

_KUBERNETES = re.compile(r"(.*_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
_KUBERNETES_PORT = re.compile(r"(tcp|udp|sctp)://\S+")
_NUMBER = re.compile(r"[0-9]{1,6}")
_NEAR = 0.85


def apply_environment(
    raw: Raw,
    root: Schema,
    schemas: Mapping[str, Schema],
    unused: Mapping[str, Collection[str]],
    environment: Mapping[str, str],
) -> list[str]:
    """Set what variables name; which of the others were probably meant to. Raises ConfigError for a value that does
    not fit its setting."""
    reader = _Reader(raw, root, schemas, unused)
    ours = [name for name, text in environment.items() if name.startswith(_PREFIX) and text]
    unknown = [name for name in sorted(ours, key=_in_order) if not reader.take(name, environment[name])]
    return [text for name in unknown if (text := reader.meant(name))]


class _Reader:
    """The raw configuration, and what variables may set in it."""

    def __init__(
        self, raw: Raw, root: Schema, schemas: Mapping[str, Schema], unused: Mapping[str, Collection[str]]
    ) -> None:
        self._raw = raw
        self._root = keys_of(root)
        self._schemas = schemas
        self._known: dict[str, Known] = {
            name: {**dict.fromkeys(unused.get(name, ())), **(keys_of(schemas[name]) if name in schemas else {})}
            for name in sorted({*schemas, *unused}, key=len, reverse=True)
        }

    def take(self, variable: str, text: str) -> bool:
        """Set what a variable names; False where it names nothing, as far as it is for us to say."""
        name = variable.removeprefix(_PREFIX)
        if name.endswith("PORT") and _KUBERNETES_PORT.fullmatch(text):
            return True
        if _set(self._raw, self._root, name, variable, text):
            return True
        for section, known in self._known.items():
            rest = name.removeprefix(f"{_shout(section)}_")
            if rest != name and self._take_in(section, known, rest, variable, text):
                return True
        return False

    def meant(self, variable: str) -> str:
        """What to say of a variable that nearly names a setting, "" of others."""
        name = variable.removeprefix(_PREFIX)
        if _KUBERNETES.fullmatch(name):
            return ""
        number = next((part for part in name.split("_") if _index(part) >= 0), "0")
        candidates = [_shout(key) for key in self._root]
        for section, known in self._known.items():
            many = section in self._schemas and self._schemas[section].many
            prefix = f"{_shout(section)}_{number}_" if many else f"{_shout(section)}_"
            candidates += [prefix + _shout(key) for key in known]
            if many and name.startswith(prefix) and _index(number) > len(self._elements(section)):
                return f"{variable} sets nothing: [[{section}]] has only {len(self._elements(section))} elements"
        close = difflib.get_close_matches(name, candidates, 1, _NEAR)
        return f"{variable} sets nothing (did you mean {_PREFIX}{close[0]}?)" if close else ""

    def _take_in(self, section: str, known: Known, rest: str, variable: str, text: str) -> bool:
        schema = self._schemas.get(section)
        number, _, inner = rest.partition("_")
        index = _index(number)
        if not (index >= 0 if schema is None else schema.many):
            table = self._raw.get(section, {})
            taken = isinstance(table, dict) and _set(table, known, rest, variable, text)
            return taken and _keep(self._raw, section, table)
        elements = [*self._elements(section)]
        if index < 0 and section in _NUMBERLESS and len(elements) <= 1:
            index, inner = 0, rest
        if not 0 <= index <= len(elements):
            return False
        if index == len(elements):
            elements.append({})
        taken = isinstance(elements[index], dict) and _set(elements[index], known, inner, variable, text)
        return taken and _keep(self._raw, section, elements)

    def _elements(self, section: str) -> Sequence[Any]:
        found = self._raw.get(section)
        return found if isinstance(found, list) else [] if found is None else [found]


def _set(table: Raw, known: Known, name: str, variable: str, text: str) -> bool:
    """Set the setting of a table that `name` begins with, or what it names inside of it; False where there is none."""
    for key in sorted(known, key=len, reverse=True):
        inner = name.removeprefix(_shout(key))
        if inner == name or (inner and not inner.startswith("_")):
            continue
        declared = known[key]
        if not inner and not _reads_a_secret(key, known):
            table[key] = _loose(text) if declared is None else _from_text(variable, text, declared)
            return True
        if inner and (declared is None or _set_inside(table, key, declared, inner[1:], variable, text)):
            return True
    return False


def _reads_a_secret(key: str, known: Known) -> bool:
    """Whether a setting names the file of another, which is a secret: its variable is read as those of all secrets,
    so that a file that cannot be read is told at the start."""
    secret = known.get(key.removesuffix("-file")) if key.endswith("-file") else None
    return secret is not None and bool(secret.metadata.get("secret"))


def _set_inside(table: Raw, key: str, declared: fields.Field[Any], name: str, variable: str, text: str) -> bool:
    """Set an element of a list or an entry of a table."""
    if isinstance(declared, Text) and name == _OF_FILE:
        table[key] = _text_of(variable, text)
        return True
    if isinstance(declared, Texts):
        return _set_element(table, key, declared.load_default, name, text)
    if isinstance(declared, fields.Nested):
        inner = _own_table(table, key)
        return _set(inner, keys_of(declared.schema), name, variable, text) and _keep(table, key, inner)
    if isinstance(declared, Table):
        return _set_in_section(table, key, keys_of(declared.schema), name, variable, text)
    if isinstance(declared, TextsMap):
        return _set_list(table, key, declared, name, text)
    if isinstance(declared, CountMap):
        counts = _own_table(table, key)
        counts[_spelled(name, counts)] = int(text) if text.isdecimal() else text
        return _keep(table, key, counts)
    if isinstance(declared, fields.Dict | TextMap):
        entries = _own_table(table, key)
        entries[_spelled(name, entries)] = text
        return _keep(table, key, entries)
    return False


def _set_element(table: Raw, key: str, default: Any, number: str, text: str) -> bool:
    """Set one element of a list, as KAPACITOR_INFLUXDB_0_URLS_0 does."""
    found = table.get(key, default) or ()
    elements, index = list(found) if isinstance(found, list | tuple) else [], _index(number)
    if not 0 <= index <= len(elements):
        return False
    elements[index : index + 1] = [text]
    return _keep(table, key, elements)


def _set_list(table: Raw, key: str, declared: fields.Field[Any], name: str, text: str) -> bool:
    """Set one list of a table of such, or an element of it: KAPACITOR_INFLUXDB_0_SUBSCRIPTIONS_telegraf_0."""
    lists = _own_table(table, key) or {entry: list(texts) for entry, texts in (declared.load_default or {}).items()}
    whole = _loose(text)
    if isinstance(whole, list):
        lists[_spelled(name, lists)] = whole
        return _keep(table, key, lists)
    entry, _, number = name.rpartition("_")
    return bool(entry) and _set_element(lists, _spelled(entry, lists), (), number, text) and _keep(table, key, lists)


def _set_in_section(table: Raw, key: str, known: Known, name: str, variable: str, text: str) -> bool:
    """Set a setting of one section of a table of such: KAPACITOR_UDF_FUNCTIONS_mean_PROG."""
    sections = _own_table(table, key)
    cuts = [place for place, character in enumerate(name) if character == "_"]
    for cut in cuts:
        section = _spelled(name[:cut], sections)
        inner = dict(sections[section]) if isinstance(sections.get(section), dict) else {}
        if section and _set(inner, known, name[cut + 1 :], variable, text):
            return _keep(table, key, {**sections, section: inner})
    return False


def _keep(table: Raw, key: str, value: Any) -> bool:
    table[key] = value
    return True


def _own_table(table: Raw, key: str) -> Raw:
    found = table.get(key)
    return dict(found) if isinstance(found, dict) else {}


def _spelled(name: str, entries: Collection[str]) -> str:
    """The entry that there is, where case and dashes alone tell them apart."""
    return next((entry for entry in entries if _shout(entry) == _shout(name)), name)


def _shout(name: str) -> str:
    return name.upper().replace("-", "_")


def _in_order(name: str) -> list[tuple[int, str]]:
    """Numbers by their size, so that elements are added one after the other."""
    return [(_index(part), "" if _index(part) >= 0 else part) for part in name.split("_")]


def _index(text: str) -> int:
    """The number of an element, -1 for what is none."""
    return int(text) if _NUMBER.fullmatch(text) else -1


def _text_of(variable: str, path: str) -> str:
    """What stands in a file, but for the line's end."""
    try:
        return Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"config: {variable}: {path} cannot be read: {reason}") from None


def _from_text(variable: str, text: str, declared: fields.Field[Any]) -> Any:
    """A variable's text as the TOML value that its field expects."""
    if isinstance(declared, fields.Boolean):
        try:
            return parse_bool(text)
        except ValueError:
            raise ConfigError(f"config: {variable}: must be true or false") from None
    if isinstance(declared, Duration | Nanoseconds) and (problem := unitless(text)):
        raise ConfigError(f"config: {variable}: {problem}")
    return text if isinstance(declared, fields.String | Duration | Nanoseconds) else _loose(text)


def _loose(text: str) -> Any:
    """A text as TOML has it, where it has it."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
