"""The section of the configuration that a handler reads, and the settings that many of them share."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from marshmallow import Schema, ValidationError

from schemas.config.among import default_workspace
from schemas.config.fields import Flag, Text
from schemas.config.section import schema_of, setting
from services.alerting.errors import Rejected

S = TypeVar("S")

Sections = Mapping[str, Any]
"""The configuration: by a section's name what it holds, of one that may stand repeatedly a sequence."""


@dataclass(frozen=True)
class Section(Generic[S]):
    """A section by its name; kind: the class of what it holds, made of settings.

    many: it may stand repeatedly. defaults: what counts where such a one is not configured.
    schema_class: its schema, where that checks more than `schema_of` the class.
    """

    name: str
    kind: type[S]
    many: bool = False
    defaults: tuple[S, ...] = ()
    schema_class: type[Schema] | None = None

    @functools.cached_property
    def schema(self) -> Schema:
        """What loads it, an element of it where it may stand repeatedly."""
        return (self.schema_class or schema_of(self.kind))(many=self.many)

    def of(self, sections: Sections) -> S:
        """The section as it is configured, its defaults where it is not; of workspaces the one that is meant where none
        is named, of others that may stand repeatedly the first."""
        if self.many:
            first = self.elements(sections)[0]
            return self.workspace(sections, "") if hasattr(first, "workspace") else first
        found: S | None = sections.get(self.name)
        return self.kind() if found is None else found

    def elements(self, sections: Sections) -> Sequence[S]:
        """All of them, of a section that may stand repeatedly."""
        return sections.get(self.name) or (self.kind(),)

    def workspace(self, sections: Sections, name: str) -> S:
        """One of several: by its name, or for "" the default one. Rejected where there is none."""
        workspaces: Sequence[Any] = self.elements(sections)
        named = (one for one in workspaces if one.workspace == name)
        found: S | None = next(named, None) if name else default_workspace(workspaces)
        if found is None:
            raise Rejected("workspace id not found")
        return found

    def enabled(self, sections: Sections, workspace: str = "") -> S:
        """The section, or the workspace. Rejected where it is switched off."""
        found = self.workspace(sections, workspace) if self.many else self.of(sections)
        switch: Any = found
        if not switch.enabled:
            raise Rejected("service is not enabled")
        return found


def enabled(doc: str = "Whether alerts may be sent to it.") -> Any:
    """The setting `enabled`."""
    return setting(False, Flag, doc)


def every_alert(handler: str, doc: str = "Whether every alert without {} handler is sent to it.") -> Any:
    """The setting `global`; handler: with its article."""
    return setting(False, Flag, doc.format(handler), key="global")


def state_changes_only() -> Any:
    """The setting of that name, which counts beside `global`."""
    return setting(False, Flag, "With global: whether all alerts are only sent as they change.")


def ssl_ca() -> Any:
    """The setting of that name, as the two that follow a file."""
    return setting("", Text, "A file of certificates to trust, PEM; empty: those that the system trusts.")


def ssl_cert() -> Any:
    """The client's certificate."""
    return setting("", Text, "The client's certificate file, PEM.")


def ssl_key() -> Any:
    """The client's key."""
    return setting("", Text, "The client's key file, PEM.")


def insecure_skip_verify() -> Any:
    """The setting of that name."""
    return setting(False, Flag, "Take any certificate. Insecure.")


def check_url(url: str) -> None:
    """For sections: ValidationError where it is no URL. An empty one is taken."""
    try:
        urlsplit(url).port  # noqa: B018 - what it raises counts
    except ValueError as error:
        raise ValidationError(f"invalid url {json.dumps(url)}: {error}") from None


def must(section: Any, **named: str) -> None:
    """ValidationError with this text where a setting of an enabled section is empty; the first that is."""
    for attribute, problem in named.items():
        if section.enabled and not getattr(section, attribute):
            raise ValidationError(problem)
