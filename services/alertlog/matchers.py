"""Matchers: which alerts a silence is for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from grammar.regex import RegexError, compile_regex

RESERVED = ("topic", "id", "task", "level", "name")
"""What an alert has besides tags, by the names under which matchers ask for it; `name` is the measurement."""

_TAG = "tag:"


@dataclass(frozen=True, slots=True)
class Labels:
    """What matchers ask of an alert. level: OK, INFO, WARNING or CRITICAL."""

    topic: str
    id: str
    task: str
    level: str
    name: str
    tags: Mapping[str, str]

    def of(self, name: str) -> str:
        """A value, "" where there is none. Raises nothing."""
        if name in RESERVED:
            value: str = getattr(self, name)
            return value
        return self.tags.get(name.removeprefix(_TAG)) or ""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition. fits: whether a value is as it should be."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool
    fits: Callable[[str], bool]


def matcher(name: str, value: str, is_regex: bool, is_equal: bool) -> Matcher:
    """A condition, ready to be asked. A regular expression is of the whole value, as in Alertmanager.

    Raises ValueError where it is none that RE2 takes.
    """
    if not is_regex:
        return Matcher(name, value, False, is_equal, lambda given: (given == value) is is_equal)
    try:
        compile_regex(value)  # by itself: it must not close what stands around it
        pattern = compile_regex(rf"\A(?:{value})\z")
    except RegexError as error:
        raise ValueError(f"invalid matcher for {name}: {error}") from error
    return Matcher(name, value, True, is_equal, lambda given: pattern.matches(given) is is_equal)


def all_fit(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Whether an alert fits all of them."""
    return all(one.fits(labels.of(one.name)) for one in matchers)
