"""One resource of the API: what a file of services/gateway/resources gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quart import Blueprint

from services.gateway.http.over_http import blueprint
from services.gateway.operations.operation import Operation


@dataclass(frozen=True, slots=True)
class Resource:
    """Its operations, over HTTP and the bus, and its routes whose bodies are no JSON, which are there over HTTP alone.

    name: that of its file.
    """

    name: str
    operations: Sequence[Operation] = ()
    routes: Blueprint | None = None

    def blueprints(self) -> list[Blueprint]:
        """All its routes, for the app."""
        found = [blueprint(self.name, self.operations)] if self.operations else []
        return found if self.routes is None else [*found, self.routes]
