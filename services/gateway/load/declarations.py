"""What the files of a load directory say: what shall be, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("template", "task", "handler")
FOLDERS: Mapping[str, str] = {"template": "templates", "task": "tasks", "handler": "handlers"}
"""Where in the directory the files of each kind lie."""


@dataclass(frozen=True, slots=True)
class DeclaredResource:
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
    """What is wrong with a file, "" for the directory. line, column: from 1, 0 where it is wrong as a whole.

    effect: `refused`, it counts for nothing; `failed`, it was taken, but what it declares does not run; `noted`, it was
    taken, but not all that it says counts.
    """

    file: str
    text: str
    line: int = 0
    column: int = 0
    effect: str = "refused"


@dataclass(frozen=True, slots=True)
class DirectoryContents:
    """A directory that was read. unread: the kinds whose folder could not be."""

    declarations: tuple[DeclaredResource, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    unread: frozenset[str] = field(default_factory=frozenset)

    def declared(self) -> frozenset[tuple[str, str]]:
        """The keys of all declarations."""
        return frozenset(declaration.key for declaration in self.declarations)

    def gone(self, remembered: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """What of that which files declared before ({"kind", "name", "file"}) is to be deleted.

        What was loaded from a file or folder that cannot be read at present is not: nobody has taken it away.
        """
        declared = self.declared()
        refused = {complaint.file for complaint in self.complaints if complaint.effect == "refused"}
        ids = {(file.partition("/")[0], stem(file)) for file in refused}

        def stays(record: Mapping[str, Any]) -> bool:
            kind, name = record["kind"], record["name"]
            unclear = kind in self.unread or record["file"] in refused or (FOLDERS[kind], name) in ids
            return (kind, name) in declared or unclear

        return [record for record in remembered if not stays(record)]


def stem(file: str) -> str:
    """A file's name without its folder and its ending: what a template or task is called."""
    return file.rpartition("/")[2].rpartition(".")[0]
