"""[[graphite]]: Graphite's plaintext protocol, and the templates that say what the parts of a name are."""

from collections.abc import Iterator
from dataclasses import dataclass

from marshmallow import ValidationError

from schemas.config.checks import NOT_NEGATIVE
from schemas.config.fields import Flag, Text, Texts, Whole
from schemas.config.inputs.listening import (
    ADDRESS,
    CONSISTENCY,
    DATABASE,
    ENABLED,
    READ_BUFFER,
    RP,
    batch_pending,
    batch_size,
    batch_timeout,
    check_address,
)
from schemas.config.section import setting


@dataclass(frozen=True, kw_only=True)
class Graphite:
    """[[graphite]]: one address that takes `NAME VALUE [TIME]` lines."""

    enabled: bool = setting(False, Flag, ENABLED)
    bind_address: str = setting(":2003", Text, ADDRESS)
    database: str = setting("graphite", Text, DATABASE)
    retention_policy: str = setting("", Text, RP)
    protocol: str = setting("tcp", Text, "tcp or udp.")
    batch_size: int = batch_size(5000)
    batch_pending: int = batch_pending(10)
    batch_timeout: float = batch_timeout(1.0)
    consistency_level: str = setting("one", Text, CONSISTENCY)
    templates: tuple[str, ...] = setting(
        (),
        Texts,
        "What the parts of a name are, each `[FILTER] TEMPLATE [TAG=VALUE,…]`. A template's parts are `measurement`, "
        "`field`, a tag's name, or nothing for a part that is left out; `measurement*` and `field*` take the rest. A "
        "filter such as `servers.*` says for which names it is; the one without a filter is for the others, and where "
        "there is none the whole name is the measurement.",
    )
    tags: tuple[str, ...] = setting((), Texts, "Tags of points that do not have them, each `TAG=VALUE`.")
    separator: str = setting(".", Text, "What parts are joined by that mean the same.")
    udp_read_buffer: int = setting(0, Whole, READ_BUFFER, check=NOT_NEGATIVE)

    def __post_init__(self) -> None:
        for key, mistakes in (("templates", _mistakes(self.templates)), ("tags", map(_of_tag, self.tags))):
            if found := [mistake for mistake in mistakes if mistake]:
                raise ValidationError({key: found})
        if self.enabled:
            check_address(self.bind_address or ":2003")
            if self.protocol.lower() not in ("", "tcp", "udp"):
                raise ValidationError({"protocol": [f"must be tcp or udp, not {self.protocol}"]})


def split_template(text: str) -> tuple[str, str, str]:
    """Filter, template and tags of `[FILTER] TEMPLATE [TAG=VALUE,…]`, "" for what it does not have."""
    parts = text.split()
    if len(parts) >= 2 and "=" in parts[1]:
        return "", parts[0], parts[-1]
    if len(parts) >= 2:
        return parts[0], parts[1], parts[2] if len(parts) > 2 else ""
    return "", parts[0] if parts else "", ""


def _mistakes(templates: tuple[str, ...]) -> Iterator[str]:
    filters = set()
    for position, text in enumerate(templates):
        filter, template, tags = split_template(text)
        if not template:
            yield f"missing template at position: {position}"
            continue
        if len(text.split()) > 3:
            yield f"invalid template format: '{text}'"
        if not {"measurement", "measurement*"} & set(template.split(".")):
            yield f"no measurement in template `{template}`"
        if filter in filters:
            yield f"duplicate filter '{filter}' found at position: {position}"
        filters.add(filter)
        if filter and not all(filter.split(".")):
            yield f"filter contains blank section: {filter}"
        if any("*" in part and part != "*" for part in filter.split(".")):
            yield f"invalid filter wildcard section: {filter}"
        yield from map(_of_tag, tags.split(",") if tags else ())


def _of_tag(text: str) -> str:
    """What is wrong with TAG=VALUE, "" where nothing is."""
    tag, _, value = text.partition("=")
    return "" if tag and value and "=" not in value else f"invalid template tags: '{text}'"
