"""Testing the services that alerts are sent with: alerting knows and runs the tests."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from grammar.gotemplate.strconv import quote
from schemas.api.config import ServiceTestOptionsSchema
from schemas.events.alerts import LEVELS
from services.gateway.alerting import Alerting
from services.gateway.answers import BASE
from services.gateway.commands.refusal import Refusal, invalid_json

_PATH = f"{BASE}/service-tests"

Shown = dict[str, Any]


class ServiceTests:
    """What can be asked of them. All raise Refusal."""

    def __init__(self, alerting: Alerting) -> None:
        self._alerting = alerting

    async def all(self) -> list[Shown]:
        """All services that can be tested, by name."""
        return [_shown(name, options) for name, options in sorted((await self._alerting.tests()).items())]

    async def one(self, name: str) -> Shown:
        """One of them."""
        return _shown(name, await self._options(name))

    async def run(self, name: str, given: Any) -> Shown:
        """Run a test; a service that fails it is no error."""
        try:
            wanted = ServiceTestOptionsSchema().load({} if given is None else given)
        except ValidationError as error:
            raise invalid_json() from error
        options = await self._options(name)
        message = await self._alerting.test(name.rstrip("/"), _merged(options, wanted))
        return {"success": not message, "message": message}

    async def _options(self, name: str) -> dict[str, Any]:
        name = name.rstrip("/")
        if not name:
            raise Refusal(400, "must provide service name")
        found: dict[str, Any] | None = (await self._alerting.tests()).get(name)
        if found is None:
            raise Refusal(404, f"service {quote(name)} not found")
        return found


def _shown(name: str, options: Any) -> Shown:
    name = name.rstrip("/")
    return {"link": {"rel": "self", "href": f"{_PATH}/{name}"}, "name": name, "options": options}


def _merged(options: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """A test's options with those that are given. Raises Refusal where one is not of its type."""
    merged = dict(options)
    for name, value in given.items():
        if name not in options or value is None:
            continue
        if not _fits(options[name], value) or (name == "level" and value not in LEVELS):
            raise Refusal(400, f"failed to decode JSON body: {name}: {type(value).__name__} is not what it is of")
        both = isinstance(value, dict) and isinstance(options[name], dict)
        merged[name] = {**options[name], **value} if both else value
    return merged


def _fits(usual: Any, value: Any) -> bool:
    """Whether a value is of the type that an option has."""
    if usual is None:
        return True
    if isinstance(usual, bool) or isinstance(value, bool):
        return isinstance(usual, bool) and isinstance(value, bool)
    if isinstance(usual, int | float):
        return isinstance(value, int) or (isinstance(usual, float) and isinstance(value, float))
    if isinstance(usual, list):
        return isinstance(value, list) and all(not usual or _fits(usual[0], one) for one in value)
    return isinstance(value, type(usual))
