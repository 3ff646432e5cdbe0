"""Reading the configuration: defaults, then the file, then the environment, then the command line.

The file is TOML with Kapacitor's sections and keys. Every setting can be given by an environment variable,
``KAPACITOR_SECTION_KEY`` with dashes as underscores (``KAPACITOR_HTTP_BIND_ADDRESS``), in a section that is a list
``KAPACITOR_SECTION_0_KEY``, one element of a list by ``…_KEY_0``, one entry of a table by ``…_KEY_ENTRY``. A text may
also stand in a file that ``…_KEY_FILE`` names: a password that an orchestrator mounts, say. A variable that is empty
counts as not set. Whatever is unknown or of a wrong type is an error that names it.
"""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from marshmallow import Schema, ValidationError, fields

from schemas.config.among import duplicates, rules_of
from schemas.config.clusters import Ec2, Kubernetes, Swarm
from schemas.config.fields import Text, Texts
from schemas.config.influxdb import InfluxDB
from schemas.config.section import schema_of
from schemas.config.sections import (
    Alert,
    Auth,
    Config,
    ConfigOverride,
    Engine,
    Http,
    Load,
    Logging,
    Nats,
    Replay,
    Storage,
    Tls,
    Udf,
)

Sections = Mapping[str, Schema]

_OWN: dict[str, type[Any]] = {
    "http": Http,
    "auth": Auth,
    "tls": Tls,
    "logging": Logging,
    "storage": Storage,
    "nats": Nats,
    "engine": Engine,
    "alert": Alert,
    "replay": Replay,
    "load": Load,
    "udf": Udf,
    "config-override": ConfigOverride,
}
_LISTS: dict[str, type[Any]] = {"influxdb": InfluxDB, "kubernetes": Kubernetes, "swarm": Swarm, "ec2": Ec2}
_NUMBERLESS = ("kubernetes",)
"""Of the list sections those whose variables may leave out the number where there is one element at most."""

_TRUE = {"1", "t", "T", "TRUE", "true", "True"}
_FALSE = {"0", "f", "F", "FALSE", "false", "False"}

_OF_FILE = "_FILE"


class ConfigError(Exception):
    """The configuration cannot be used; one line for each mistake, each naming the file, the section or the key."""


def load_config(
    path: Path | None = None,
    *,
    environment: Mapping[str, str] = MappingProxyType({}),
    overrides: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    extra: Sections = MappingProxyType({}),
) -> Config:
    """The checked configuration, or a ConfigError that names every mistake.

    ``overrides`` are the command line's, section -> key -> value, "" being the settings outside any section.
    ``extra`` are sections that others bring, name -> marshmallow schema; a schema made with many=True is a list
    section (``[[name]]``), and a single ``[name]`` then counts as a list of one. What they load to stands in
    ``Config.sections``; a section that the file leaves out is loaded from its defaults, a list section is empty.
    Without ``[[influxdb]]`` there is one cluster with the defaults.
    """
    raw = _read(path)
    schemas = own_sections() | dict(extra)
    _apply_environment(raw, schemas, environment)
    for section, values in overrides.items():
        _table(raw, section, -1, "").update(values)
    return _check(raw, schemas)


def own_sections() -> dict[str, Schema]:
    """The schemas of the sections that tickbus itself knows, by name."""
    single = {name: schema_of(section)() for name, section in _OWN.items()}
    return single | own_lists()


def own_lists() -> dict[str, Schema]:
    """The schemas of those that may stand repeatedly, by name."""
    return {name: schema_of(section)(many=True) for name, section in _LISTS.items()}


def root_schema() -> Schema:
    """The schema of the settings outside any section."""
    return schema_of(Config)()


def keys_of(schema: Schema) -> dict[str, fields.Field[Any]]:
    """A section's settings by their name in the file."""
    return {declared.data_key or name: declared for name, declared in schema.fields.items()}


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"config: {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"config: {path}: {error}") from None


def _check(raw: Mapping[str, Any], schemas: Mapping[str, Schema]) -> Config:
    mistakes: list[str] = []
    loaded: dict[str, Any] = {}
    root = root_schema()
    outside = {key: value for key, value in raw.items() if key not in schemas}
    for key in [key for key in outside if key not in keys_of(root)]:
        value = outside.pop(key)
        table = isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict))
        mistakes.append(f"config: [{key}]: unknown section" if table else _unknown("", key, root))
    settings = _load(root, outside, "", mistakes)
    for name, schema in schemas.items():
        loaded[name] = _load_section(name, schema, raw.get(name), mistakes)
    for name, schema in schemas.items() if not mistakes else ():
        if schema.many:
            loaded[name] = tuple(rules_of(schema).settled(loaded[name]))
            mistakes += [f"config: [[{name}]]: {mistake}" for mistake in _mistakes_among(schema, loaded[name])]
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    names = (*_OWN, *_LISTS)
    own = {name.replace("-", "_"): section for name in names if (section := loaded.pop(name)) or name in raw}
    return Config(**_settings(settings), **own, sections=MappingProxyType(loaded))


def _mistakes_among(schema: Schema, elements: Sequence[Any]) -> Iterator[str]:
    yield from rules_of(schema).in_file(elements)
    yield from (f'duplicate elements: "{name}"' for name in duplicates(schema, elements))


def _settings(root: Config) -> dict[str, Any]:
    return {name: getattr(root, name) for name in root_schema().fields}


def _load_section(name: str, schema: Schema, value: Any, mistakes: list[str]) -> Any:
    if not schema.many:
        if value is not None and not isinstance(value, dict):
            mistakes.append(f"config: [{name}]: must be a section")
            return None
        return _load(schema, value or {}, f"[{name}] ", mistakes)
    elements = [value] if isinstance(value, dict) else value or []
    if not isinstance(elements, list) or not all(isinstance(element, dict) for element in elements):
        mistakes.append(f"config: [[{name}]]: must be a list of sections")
        return None
    return tuple(_load(schema, element, f"[[{name}]] {number}: ", mistakes) for number, element in enumerate(elements))


def _load(schema: Schema, value: dict[str, Any], where: str, mistakes: list[str]) -> Any:
    try:
        return schema.load(value, many=False)
    except ValidationError as error:
        known = keys_of(schema)
        for key, problem in _by_key(error.messages).items():
            if key in known:
                mistakes.extend(f"config: {where}{place}: {text}" for place, text in _messages(key, problem))
            elif key in value:
                mistakes.append(_unknown(where, key, schema))
            else:
                mistakes.extend(f"config: {where.rstrip(' :')}: {text}" for _, text in _messages(key, problem))
        return None


def _by_key(messages: Any) -> dict[str, Any]:
    return messages if isinstance(messages, dict) else {"_schema": messages}


def _messages(place: str, problem: Any) -> Iterator[tuple[str, str]]:
    """Marshmallow's messages, which nest as lists and nested schemas do, as (place, text)."""
    if isinstance(problem, dict):
        for key, inner in problem.items():
            yield from _messages(f"{place}[{key}]" if isinstance(key, int) else f"{place}.{key}", inner)
    else:
        for text in problem if isinstance(problem, list) else [problem]:
            yield place, str(text).rstrip(".")


def _unknown(where: str, key: str, schema: Schema) -> str:
    close = difflib.get_close_matches(key, keys_of(schema), 1, 0.7)
    return f"config: {where}{key}: unknown option" + (f" (did you mean {close[0]}?)" if close else "")


def _apply_environment(raw: dict[str, Any], schemas: Mapping[str, Schema], environment: Mapping[str, str]) -> None:
    for section, schema in {"": root_schema(), **schemas}.items():
        prefix = f"KAPACITOR_{_shout(section)}_" if section else "KAPACITOR_"
        # What is set to nothing is not set, as in the reference: compose files say so of variables that they pass on.
        found = [name.removeprefix(prefix) for name, text in environment.items() if name.startswith(prefix) and text]
        for rest in sorted(found, key=_numbered):
            index, name = _numbered(rest) if schema.many else (-1, rest)
            if schema.many and index < 0:
                if section not in _NUMBERLESS or len(_elements(raw, section)) > 1:
                    raise ConfigError(f"config: {prefix}{rest}: [[{section}]] needs a number, as in {prefix}0_{rest}")
                index = 0
            _apply_variable(raw, section, schema, index, name, prefix + rest, environment[prefix + rest])


def _apply_variable(
    raw: dict[str, Any], section: str, schema: Schema, index: int, name: str, variable: str, text: str
) -> None:
    """Set what a variable names. index: of the element in a list section, else -1. name: what stands behind it."""
    settings = {_shout(key): (key, declared) for key, declared in keys_of(schema).items()}
    if name in settings:
        key, declared = settings[name]
        table = _table(raw, section, index, variable)
        table[key] = _from_text(variable, text, declared)
    elif name.endswith(_OF_FILE) and isinstance(settings.get(name.removesuffix(_OF_FILE), (None, None))[1], Text):
        _table(raw, section, index, variable)[settings[name.removesuffix(_OF_FILE)][0]] = _text_of(variable, text)
    elif isinstance(settings.get(name.rpartition("_")[0], (None, None))[1], Texts):
        _set_element(_table(raw, section, index, variable), settings, name, variable, text)
    elif (entry := _entry_of(settings, name)) is not None:
        _set_entry(_table(raw, section, index, variable), *entry, text)
    elif section:
        raise ConfigError(f"config: {variable}: [{section}] has no such option")


def _text_of(variable: str, path: str) -> str:
    """What stands in a file, but for the line's end."""
    try:
        return Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"config: {variable}: {path} cannot be read: {reason}") from None


def _entry_of(
    settings: Mapping[str, tuple[str, fields.Field[Any]]], name: str
) -> tuple[str, str, Iterable[str]] | None:
    """Of HEADERS_Accept the setting, which is a table, the entry in it, and the entries that such a table has."""
    for shouted, (key, declared) in settings.items():
        entry = name.removeprefix(f"{shouted}_")
        if not entry or entry == name:
            continue
        if isinstance(declared, fields.Nested):
            return key, entry, keys_of(declared.schema)
        if isinstance(declared, fields.Dict):
            return key, entry, ()
    return None


def _set_entry(table: dict[str, Any], key: str, entry: str, known: Iterable[str], text: str) -> None:
    """Set one entry of a table, as KAPACITOR_HTTPPOST_0_HEADERS_Accept does; the case of one that there is stays."""
    there = table.get(key)
    entries = dict(there) if isinstance(there, dict) else {}
    name = next((one for one in (*entries, *known) if _shout(one) == _shout(entry)), entry)
    table[key] = {**entries, name: text}


def _set_element(
    table: dict[str, Any],
    settings: Mapping[str, tuple[str, fields.Field[Any]]],
    name: str,
    variable: str,
    text: str,
) -> None:
    """Set one element of a list, as KAPACITOR_INFLUXDB_0_URLS_0 does."""
    setting, _, number = name.rpartition("_")
    key, declared = settings[setting]
    elements = list(table.get(key, declared.load_default) or ())
    if not (number.isascii() and number.isdigit() and int(number) <= len(elements)):
        raise ConfigError(f"config: {variable}: {key} has only {len(elements)} elements")
    elements[int(number) : int(number) + 1] = [text]
    table[key] = elements


def _shout(name: str) -> str:
    return name.upper().replace("-", "_")


def _numbered(name: str) -> tuple[int, str]:
    """The index and the rest of ``0_URL``; -1 where there is no index."""
    number, _, rest = name.partition("_")
    return (int(number), rest) if number.isascii() and number.isdigit() else (-1, name)


def _table(raw: dict[str, Any], section: str, index: int, variable: str) -> dict[str, Any]:
    """The table of the raw configuration that a variable sets a key of, made where it is missing."""
    if not section:
        return raw
    if index < 0:
        table = raw.setdefault(section, {})
        # What is no table is reported by the check, which sees the same value.
        return table if isinstance(table, dict) else {}
    if isinstance(raw.get(section), dict):
        raw[section] = [raw[section]]
    elements = raw.setdefault(section, [])
    if index == len(elements):
        elements.append({})
    if index > len(elements):
        raise ConfigError(f"config: {variable}: [[{section}]] has only {len(elements)} elements")
    return elements[index]  # type: ignore[no-any-return]


def _elements(raw: Mapping[str, Any], section: str) -> Sequence[Any]:
    found = raw.get(section)
    return found if isinstance(found, list) else [] if found is None else [found]


def _from_text(name: str, text: str, declared: fields.Field[Any]) -> Any:
    """An environment variable's text as the TOML value that its field expects."""
    if isinstance(declared, fields.Boolean):
        if text not in _TRUE | _FALSE:
            raise ConfigError(f"config: {name}: must be true or false")
        return text in _TRUE
    if isinstance(declared, fields.String):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
