"""Reading the configuration: defaults, then the file, then the environment, then the command line.

The file is TOML with Kapacitor's sections and keys, which may be written in any case. What Kapacitor has and tickbus
has no use for is accepted; where somebody loses by that, ``Config.warnings`` says so. Whatever else is unknown, or of a
wrong type, is an error that names it.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from marshmallow import Schema, ValidationError

from schemas.config.among import duplicates, rules_of
from schemas.config.clusters import Ec2, Kubernetes, Swarm
from schemas.config.errors import ConfigError
from schemas.config.http import Auth, Http, Tls
from schemas.config.influxdb import InfluxDB
from schemas.config.inputs import Collectd, FileDiscovery, Graphite, OpenTsdb, Scraper, StaticDiscovery, Udp
from schemas.config.nats import Nats
from schemas.config.reading.environment import apply_environment
from schemas.config.reading.spelling import respell
from schemas.config.reading.toml import read_toml
from schemas.config.reading.unused import losses, unused_keys
from schemas.config.section import keys_of, schema_of
from schemas.config.security import Security
from schemas.config.settings import (
    Alert,
    Config,
    ConfigOverride,
    Deadman,
    Engine,
    Load,
    Logging,
    Replay,
    Service,
    Storage,
    Udf,
)

Sections = Mapping[str, Schema]

_OWN: dict[str, type[Any]] = {
    "http": Http,
    "auth": Auth,
    "tls": Tls,
    "security": Security,
    "logging": Logging,
    "storage": Storage,
    "nats": Nats,
    "service": Service,
    "engine": Engine,
    "alert": Alert,
    "replay": Replay,
    "load": Load,
    "udf": Udf,
    "deadman": Deadman,
    "config-override": ConfigOverride,
    "collectd": Collectd,
    "opentsdb": OpenTsdb,
}
_LISTS: dict[str, type[Any]] = {"influxdb": InfluxDB, "kubernetes": Kubernetes, "swarm": Swarm, "ec2": Ec2}
_INPUT_LISTS: dict[str, type[Any]] = {
    "udp": Udp,
    "graphite": Graphite,
    "scraper": Scraper,
    "static-discovery": StaticDiscovery,
    "file-discovery": FileDiscovery,
}
"""Those of the list sections that cannot be overridden over the API."""

Unused = Mapping[str, frozenset[str]]
"""By section what is accepted and not used."""


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
    Without ``[[influxdb]]`` there is one cluster with the defaults, in which no subscriptions are made.
    """
    raw = {} if path is None else read_toml(path)
    schemas, unused = own_sections() | dict(extra), unused_keys()
    mistakes = respell(raw, root_schema(), schemas, unused)
    warnings = apply_environment(raw, root_schema(), schemas, unused, environment)
    for section, values in overrides.items():
        table = raw.setdefault(section, {}) if section else raw
        if isinstance(table, dict):
            table.update(values)
    warnings += losses(raw, schemas)
    return _check(raw, schemas, unused, mistakes, tuple(warnings))


def own_sections() -> dict[str, Schema]:
    """The schemas of the sections that tickbus itself knows, by name."""
    single = {name: schema_of(section)() for name, section in _OWN.items()}
    inputs = {name: schema_of(section)(many=True) for name, section in _INPUT_LISTS.items()}
    return single | inputs | own_lists()


def own_lists() -> dict[str, Schema]:
    """The schemas of those that may stand repeatedly and be overridden, by name."""
    return {name: schema_of(section)(many=True) for name, section in _LISTS.items()}


def root_schema() -> Schema:
    """The schema of the settings outside any section."""
    return schema_of(Config)()


def _check(
    raw: Mapping[str, Any],
    schemas: Mapping[str, Schema],
    unused: Unused,
    mistakes: list[str],
    warnings: tuple[str, ...],
) -> Config:
    loaded: dict[str, Any] = {}
    root = root_schema()
    outside = {key: value for key, value in raw.items() if key not in schemas and key not in unused}
    for key in [key for key in outside if key not in keys_of(root)]:
        value = outside.pop(key)
        table = isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict))
        hint = _nearest(key, [*schemas, *unused])
        mistakes.append(f"config: [{key}]: unknown section{hint}" if table else _unknown("", key, keys_of(root)))
    settings = _load(root, outside, "", mistakes)
    for name in unused.keys() - schemas.keys():
        mistakes += _unknown_among(name, unused[name], raw.get(name))
    for name, schema in schemas.items():
        loaded[name] = _load_section(
            name, schema, _used(raw.get(name), schema, unused.get(name, frozenset())), mistakes
        )
    for name, schema in schemas.items() if not mistakes else ():
        if schema.many:
            loaded[name] = tuple(rules_of(schema).settled(loaded[name]))
            mistakes += [f"config: [[{name}]]: {mistake}" for mistake in _mistakes_among(schema, loaded[name])]
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    names = (*_OWN, *_INPUT_LISTS, *_LISTS)
    own = {name.replace("-", "_"): section for name in names if (section := loaded.pop(name)) or name in raw}
    return Config(**_settings(settings), **own, sections=MappingProxyType(loaded), warnings=warnings)


def _unknown_among(section: str, known: Collection[str], found: Any) -> Iterator[str]:
    """The settings of a section that is not used which nobody has."""
    for element in found if isinstance(found, list) else [found or {}]:
        if not isinstance(element, dict):
            yield f"config: [{section}]: must be a section"
        else:
            yield from (_unknown(f"[{section}] ", key, known) for key in element if key not in known)


def _used(found: Any, schema: Schema, unused: frozenset[str]) -> Any:
    """A section, or the elements of one, without what is accepted and not used."""
    if isinstance(found, list):
        return [_used(element, schema, unused) for element in found]
    if not isinstance(found, dict):
        return found
    left_out = unused - keys_of(schema).keys()
    return {key: value for key, value in found.items() if key not in left_out}


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
                mistakes.append(_unknown(where, key, known))
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


def _unknown(where: str, key: str, known: Collection[str]) -> str:
    return f"config: {where}{key}: unknown option{_nearest(key, known)}"


def _nearest(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.7)
    return f" (did you mean {close[0]}?)" if close else ""
