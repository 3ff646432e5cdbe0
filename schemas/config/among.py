"""What elements of a section that may stand repeatedly have to do with each other: their names, and which one is meant
where none is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from marshmallow import Schema

from schemas.config.section import keys_of

_KEYS = ("workspace", "name", "id", "endpoint")

Mistakes = Callable[[Sequence[Any]], Iterable[str]]


def _none(elements: Sequence[Any]) -> Iterable[str]:
    return ()


def _as_they_are(in_file: Sequence[Any], now: Sequence[Any]) -> Sequence[Any]:
    return now


@dataclass(frozen=True, slots=True)
class Rules:
    """Of one section; a section's class has them as `RULES`. Each is given the elements, each right by itself.

    in_file: what is wrong with them as the file and the environment have them. live: what is wrong with them once
    overrides have been made; less, because elements change one after the other, and what is meant may move from one to
    another. settled: the elements as they count where the file has them. overridden: as they count with overrides, by
    those of the file and by those that the overrides have made.
    """

    in_file: Mistakes = _none
    live: Mistakes = _none
    settled: Callable[[Sequence[Any]], Sequence[Any]] = tuple
    overridden: Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]] = _as_they_are


def rules_of(schema: Schema) -> Rules:
    """A section's rules; none where it has no others than that names differ."""
    found: Rules = getattr(getattr(schema, "section", None), "RULES", Rules())
    return found


def element_key(schema: Schema) -> str:
    """The setting that elements of a list section are named by, "" for a section that stands once."""
    known = keys_of(schema) if schema.many else {}
    return next((key for key in _KEYS if key in known), "")


def duplicates(schema: Schema, elements: Iterable[Any]) -> Iterator[str]:
    """Names that several elements have."""
    key = element_key(schema) if hasattr(schema, "section") else ""
    names = [getattr(element, key) for element in elements] if key else []
    yield from sorted({name for name in names if names.count(name) > 1})


class Workspace(Protocol):
    """An element that is known by its workspace."""

    @property
    def enabled(self) -> bool: ...
    @property
    def default(self) -> bool: ...
    @property
    def workspace(self) -> str: ...


W = TypeVar("W", bound=Workspace)


def default_workspace(elements: Sequence[W]) -> W:
    """The one that is meant where none is named: of those with a name and `default` the last by name, else the one
    without a name, else the first."""
    named = [element for element in elements if element.default and element.workspace]
    if named:
        return max(named, key=lambda element: element.workspace)
    return next((element for element in elements if not element.workspace), elements[0])


def workspace_rules(service: str) -> Rules:
    """Those of sections whose elements have `workspace`, `default`, `global_` and `state_changes_only`."""

    def in_file(elements: Sequence[Any]) -> Iterator[str]:
        if len(elements) > 1 and not all(element.workspace for element in elements):
            yield "id must not be empty"
        if any(element.global_ and not element.default for element in elements):
            yield "only the default config may be assigned as global"
        if any(element.state_changes_only and not (element.default and element.global_) for element in elements):
            yield "stateChangesOnly may only be assigned when the config is both default and global"
        if elements and not any(element.default for element in elements):
            yield f"at least one {service} config must be set as default"

    def settled(elements: Sequence[Any]) -> Sequence[Any]:
        """One alone is the default one."""
        return tuple(replace(element, default=True) for element in elements) if len(elements) == 1 else tuple(elements)

    def overridden(in_file: Sequence[Any], now: Sequence[Any]) -> Sequence[Any]:
        """The default one of the file stays so where no override says which is."""
        if any(element.default or not element.workspace for element in now):
            return now
        meant = {element.workspace for element in in_file if element.default}
        return tuple(replace(element, default=element.workspace in meant) for element in now)

    return Rules(in_file, settled=settled, overridden=overridden)
