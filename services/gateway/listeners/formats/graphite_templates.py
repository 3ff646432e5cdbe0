"""Graphite's names: which template is for one, and what it makes of its parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from schemas.config.inputs.graphite import split_template


class NotOfTemplate(ValueError):
    """A template cannot be for a name."""


@dataclass(frozen=True, slots=True)
class Name:
    """What a name stands for. measurement, field: "" where the template has none for it."""

    measurement: str
    tags: dict[str, str]
    field: str


@dataclass(frozen=True, slots=True)
class _Template:
    parts: list[str]
    tags: dict[str, str]
    separator: str

    @classmethod
    def of(cls, pattern: str, tags: str, separator: str) -> Self:
        pairs = (one.partition("=") for one in tags.split(",")) if tags else ()
        return cls(pattern.split("."), {tag: value for tag, _, value in pairs}, separator)

    def apply(self, name: str) -> Name:
        if "field*" in self.parts and "measurement*" in self.parts:
            text = self.separator.join(self.parts)
            raise NotOfTemplate(f"either 'field*' or 'measurement*' can be used in each template: {text}")
        words = name.split(".")
        measurement: list[str] = []
        tags = {tag: [value] for tag, value in self.tags.items()}
        found = ""
        for position, (part, word) in enumerate(zip(self.parts, words, strict=False)):
            if part == "measurement":
                measurement.append(word)
            elif part == "field":
                if found:
                    raise NotOfTemplate(f"'field' can only be used once in each template: {name}")
                found = word
            elif part == "field*":
                found = self.separator.join(words[position:])
                break
            elif part == "measurement*":
                measurement += words[position:]
                break
            elif part:
                tags.setdefault(part, []).append(word)
        joined = {tag: self.separator.join(values) for tag, values in tags.items()}
        return Name(self.separator.join(measurement), joined, found)


@dataclass(slots=True)
class _Node:
    """A part of filters that begin alike."""

    template: _Template | None = None
    children: dict[str, _Node] = field(default_factory=dict)

    def insert(self, parts: list[str], template: _Template) -> None:
        if not parts:
            self.template = template
            return
        child = self.children.get(parts[0])
        if child is None:
            # as in the reference: what stands under `*` later is for it too, until it has a template of its own
            child = self.children[parts[0]] = _Node(self.template if parts[0] == "*" else None)
        child.insert(parts[1:], template)

    def find(self, words: list[str]) -> _Template | None:
        if not words or not self.children:
            return self.template
        child = self.children.get(words[0]) or self.children.get("*")
        return child.find(words[1:]) if child else self.template


class Templates:
    """Those of one input."""

    def __init__(self, templates: Iterable[str], separator: str) -> None:
        self._default = _Template.of("measurement*", "", ".")
        self._root = _Node()
        for text in templates:
            filter, pattern, tags = split_template(text)
            template = _Template.of(pattern, tags, separator)
            if filter:
                self._root.insert(filter.split("."), template)
            else:
                self._default = template

    def apply(self, name: str) -> Name:
        """What a name stands for. Raises NotOfTemplate."""
        return (self._root.find(name.split(".")) or self._default).apply(name)
