"""Testing the services that alerts are sent with: alerting knows and runs the tests."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from grammar.golang.quoting import quote
from schemas.api.config import ServiceTestOptionsSchema
from schemas.requests.alerting import LEVELS
from services.gateway.clients.alerting import AlertingClient
from services.gateway.operations.operation_error import OperationError, invalid_json
from services.gateway.operations.paths import BASE

_PATH = f"{BASE}/service-tests"

View = dict[str, Any]


class ServiceTests:
    """What can be asked of them. All raise OperationError."""

    def __init__(self, alerting: AlertingClient) -> None:
        self._alerting = alerting

    async def all(self) -> list[View]:
        """All services that can be tested, by name."""
        return [_view(name, options) for name, options in sorted((await self._alerting.tests()).items())]

    async def one(self, name: str) -> View:
        """One of them."""
        return _view(name, await self._options(name))

    async def run(self, name: str, given: Any) -> View:
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
            raise OperationError(400, "must provide service name")
        found: dict[str, Any] | None = (await self._alerting.tests()).get(name)
        if found is None:
            raise OperationError(404, f"service {quote(name)} not found")
        return found


def _view(name: str, options: Any) -> View:
    name = name.rstrip("/")
    return {"link": {"rel": "self", "href": f"{_PATH}/{name}"}, "name": name, "options": options}


def _merged(options: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """A test's options with those that are given. Raises OperationError where one is not of its type."""
    merged = dict(options)
    for name, value in given.items():
        if name not in options or value is None:
            continue
        if not _fits(options[name], value):
            raise OperationError(400, f"failed to decode JSON body: {name}: must be {_kind(options[name])}")
        if name == "level" and value not in LEVELS:
            raise OperationError(400, f"failed to decode JSON body: {name}: must be one of {', '.join(LEVELS)}")
        both = isinstance(value, dict) and isinstance(options[name], dict)
        merged[name] = {**options[name], **value} if both else value
    return merged


def _fits(default: Any, value: Any) -> bool:
    """Whether a value is of the type that an option has. Those that are null are lists of strings or objects."""
    if default is None:
        return isinstance(value, dict) or (isinstance(value, list) and all(isinstance(one, str) for one in value))
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, int | float):
        return isinstance(value, int) or (isinstance(default, float) and isinstance(value, float))
    if isinstance(default, list):
        return isinstance(value, list) and all(not default or _fits(default[0], one) for one in value)
    return isinstance(value, type(default))


def _kind(default: Any) -> str:
    """What a value has to be, in words."""
    kinds = (
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "a string"),
        (dict, "an object"),
    )
    return next((text for kind, text in kinds if isinstance(default, kind)), "a list of strings")
