"""Deciding what is overridden of the configuration, and showing it. HTTP and the bus both come here."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from grammar.golang.quoting import quote
from schemas.api.config import UpdateConfigSchema
from schemas.config.overriding import Override, OverrideConflict, OverrideError
from services.bus.connection import Bus
from services.bus.subjects import escape
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.decisions import Decisions
from services.gateway.operations.operation_error import OperationError, invalid_json
from services.gateway.operations.paths import BASE
from services.gateway.readmodels.config import ConfigReadModel
from services.process import log as logs
from services.store.folds.overrides import id_of

_SECTION = re.compile(r"[-\w+]+", re.ASCII)
_ELEMENT = re.compile(r"[-.\w+]+")
_INVALID = "failed to apply update: invalid update action:"
_CONFIG = f"{BASE}/config"

_log = logs.get("gateway")


@dataclass(frozen=True, slots=True)
class Place:
    """What a path means: SECTION (whole: it names no element), SECTION/ (the one without a name) or SECTION/ELEMENT."""

    section: str
    element: str
    whole: bool

    @classmethod
    def of(cls, path: str) -> Place:
        """A path of more than two parts means nothing."""
        section, slash, element = path.partition("/")
        return cls("", "", True) if "/" in element else cls(section, element, not slash)


class ConfigCommands:
    """Each command is decided on the read model, and decided anew where somebody else was first."""

    def __init__(self, bus: Bus, state: ConfigReadModel, alerting: AlertingClient, disk: NatsDisk) -> None:
        self._state, self._alerting = state, alerting
        self._overridable = state.overridable
        self._decisions = Decisions(bus, state, "config", disk)

    def sections(self) -> dict[str, Any]:
        """GET /config. This and the others raise OperationError."""
        self._check_enabled()
        sections = {name: self._section(name) for name in self._overridable.names}
        return {"link": _link(_CONFIG), "sections": sections}

    def get(self, path: str) -> dict[str, Any]:
        """GET /config/PATH: a section, or an element."""
        self._check_enabled()
        place = Place.of(path)
        if not place.section:
            raise OperationError(400, "section not specified, do you have an extra trailing '/'?")
        key = self._overridable.element_key(place.section)
        if key is None:
            raise OperationError(404, f"unknown section: {place.section}")
        view = self._section(place.section)
        if place.whole:
            return view
        for element in view["elements"]:
            if (element["options"][key] if key else "") == place.element:
                found: dict[str, Any] = element
                return found
        raise OperationError(404, f"unknown section/element: {place.section}/{place.element}")

    async def update(self, path: str, body: Any) -> None:
        """POST /config/PATH: set and delete options of an element, or add or remove elements of a section."""
        self._check_enabled()
        place = Place.of(path)
        try:
            given: dict[str, Any] = UpdateConfigSchema().load({} if body is None else body)
        except ValidationError as error:
            raise invalid_json() from error
        _check_action(place, given)
        if given["remove"]:
            await self._remove(place.section, given["remove"])
        elif given["add"]:
            await self._add(place.section, given["add"])
        else:
            await self._set(place, given["set_"], given["delete"])

    async def _add(self, section: str, options: dict[str, Any]) -> None:
        key = self._overridable.element_key(section)
        if key is None:
            raise OperationError(400, f"failed to apply update: unknown section {quote(section)}")
        if not key:
            text = f"section {quote(section)} is not a list, cannot add new element"
            raise OperationError(400, f"failed to apply update: {text}")
        if key not in options:
            raise OperationError(400, f'failed to apply update: missing key {quote(key)} in "add" map')
        name = options[key]
        if not isinstance(name, str):
            text = f"expected {quote(key)} key to be a string, got {type(name).__name__}"
            raise OperationError(400, f"failed to apply update: {text}")
        if name:
            _check_element(name)

        def added(old: Override | None) -> Override:
            if old is not None and old.create:
                text = f"cannot add new override, override already exists for {section}/{name}"
                raise OperationError(400, f"failed to apply update: {text}")
            return Override(section, name, True, options)

        await self._change(section, name, added, options, "")

    async def _set(self, place: Place, options: dict[str, Any], delete: list[str]) -> None:
        def changed(old: Override | None) -> Override:
            kept = {**old.options, **options} if old is not None else options
            left = {name: value for name, value in kept.items() if name not in delete}
            return Override(place.section, place.element, old is not None and old.create, left)

        await self._change(place.section, place.element, changed, options, place.element)

    async def _remove(self, section: str, elements: list[str]) -> None:
        if self._overridable.element_key(section) is None:
            raise OperationError(400, f"failed to apply update: unknown section {quote(section)}")
        async with self._decisions.alone(section):
            before = self._state.overrides()
            after = [o for o in before if (o.section, o.element) not in {(section, one) for one in elements}]
            self._check(section, after, None)
            self._check_kept(section, before, after, {}, "")
            done = [await self._decisions.decide(id_of(section, one), self._reset(section, one)) for one in elements]
            if any(done):
                await self._counts(section)

    def _reset(self, section: str, element: str) -> Callable[[int], Awaitable[int]]:
        id = id_of(section, element)

        async def reset(expected_version: int) -> int:
            there = any((o.section, o.element) == (section, element) for o in self._state.overrides())
            return await self._decisions.publish(id, "reset", {}, expected_version) if there else 0

        return reset

    async def _change(
        self,
        section: str,
        element: str,
        change: Callable[[Override | None], Override],
        given: dict[str, Any],
        asked: str,
    ) -> None:
        """Put another override in the place of an element's. given: what the request sets; asked: the element that its
        path names."""
        id = id_of(section, element)

        async def publish(expected_version: int) -> int:
            there = self._state.overrides()
            old = next((o for o in there if (o.section, o.element) == (section, element)), None)
            new = change(old)
            changed = [*(o for o in there if o is not old), new]
            self._check(section, changed, new, asked)
            self._check_kept(section, there, changed, given, asked)
            if new == old or (old is None and not new.options):
                return 0
            data = {"create": new.create, "options": dict(new.options)}
            return await self._decisions.publish(id, "overridden", data, expected_version)

        async with self._decisions.alone(section):
            if await self._decisions.decide(id, publish):
                await self._counts(id)

    def _check(self, section: str, overrides: list[Override], changed: Override | None, asked: str = "") -> None:
        try:
            self._overridable.check(section, overrides, changed, asked)
        except OverrideConflict as error:
            raise OperationError(500, str(error)) from error
        except OverrideError as error:
            raise OperationError(400, str(error)) from error

    def _check_kept(
        self, section: str, before: list[Override], after: list[Override], given: dict[str, Any], asked: str
    ) -> None:
        try:
            self._overridable.check_kept(section, before, after, given, asked)
        except OverrideError as error:
            raise OperationError(400, str(error)) from error

    async def _counts(self, id: str) -> None:
        """Wait until alerting has it: what is written after the answer is handled so."""
        try:
            await self._alerting.folded(0)
        except OperationError as error:
            _log.warn("alerting does not say that a change of the configuration counts", id=id, err=error)

    def _section(self, name: str) -> dict[str, Any]:
        elements = [
            {
                "link": _link(f"{_CONFIG}/{name}/{element}"),
                "options": options,
                "redacted": redacted or None,
            }
            for element, options, redacted in self._overridable.shown(name, self._state.overrides())
        ]
        return {"link": _link(f"{_CONFIG}/{name}"), "elements": elements}

    def _check_enabled(self) -> None:
        if not self._overridable.base.config_override.enabled:
            raise OperationError(403, "config override service is not enabled")


def _check_action(place: Place, given: dict[str, Any]) -> None:
    """Raises OperationError for what is no change, in the order in which Kapacitor 1.5.7 looks."""
    if not place.section:
        raise OperationError(400, f"{_INVALID} must provide section name")
    if not _SECTION.fullmatch(place.section):
        raise OperationError(400, f"{_INVALID} invalid section name {quote(place.section)}")
    if place.element:
        _check_element(place.element)
    if (given["set_"] or given["delete"]) and (given["add"] or given["remove"]):
        raise OperationError(
            400, f"{_INVALID} cannot provide both set/delete and add/remove actions in the same update"
        )
    if given["add"] and given["remove"]:
        raise OperationError(400, f"{_INVALID} cannot provide both add and remove actions in the same update")
    if given["add"] and place.element:
        raise OperationError(400, f"{_INVALID} must not provide an element name when adding an a new override")
    if given["remove"] and place.element:
        raise OperationError(400, f"{_INVALID} must not provide element when removing an override")
    if not given["add"] and not given["remove"] and place.whole:
        raise OperationError(400, f"{_INVALID} element not specified, are you missing a trailing '/'?")


def _check_element(name: str) -> None:
    if not _ELEMENT.fullmatch(name) or name in (".", ".."):
        raise OperationError(400, f"{_INVALID} invalid element name {quote(name)}")
    try:
        escape(name)
    except ValueError as error:
        raise OperationError(400, f"{_INVALID} element name is too long: {error}") from error


def _link(href: str) -> dict[str, str]:
    return {"rel": "self", "href": href}
