"""What the files of a load directory say: what shall be, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("template", "task", "handler")
FOLDERS: Mapping[str, str] = {"template": "templates", "task": "tasks", "handler": "handlers"}
"""Where in the directory the files of each kind lie."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One thing that shall be. body: as a request to create it has it.

    name: the id, of a handler TOPIC/ID. file: below the directory, with slashes.
    """

    kind: str
    name: str
    file: str
    body: dict[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """What it declares: no two files may declare the same."""
        return self.kind, self.name


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a file. line, column: from 1, 0 where it is wrong as a whole.

    refused: whether the file counts for nothing; otherwise it is taken as it is.
    """

    file: str
    text: str
    line: int = 0
    column: int = 0
    refused: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """A directory that was read. unread: the kinds whose folder could not be."""

    declarations: tuple[Declaration, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    unread: frozenset[str] = field(default_factory=frozenset)

    def declared(self) -> frozenset[tuple[str, str]]:
        """The keys of all declarations."""
        return frozenset(declaration.key for declaration in self.declarations)

    def leaves_alone(self, kind: str, name: str, file: str) -> bool:
        """Whether what was loaded from a file must stay though it is not declared: that cannot be read at present."""
        refused = {complaint.file for complaint in self.complaints if complaint.refused}
        of_its_name = {stem(one) for one in refused if one.startswith(f"{FOLDERS[kind]}/")} if kind != "handler" else ()
        return kind in self.unread or file in refused or name in of_its_name


def stem(file: str) -> str:
    """A file's name without its folder and its ending: what a template or task is called."""
    return file.rpartition("/")[2].rpartition(".")[0]
