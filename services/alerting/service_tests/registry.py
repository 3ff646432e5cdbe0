"""Tests of the services that alerts are sent with: of each handler that declares `test_options`, by the name of its
section of the configuration. InfluxDB and the clusters that tasks scale can be tested too."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from services.alerting.declarations.sections import Sections
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import Declaration, HandlerContext
from services.alerting.handlers import kinds
from services.alerting.service_tests.clusters import CLUSTER_TESTS
from services.alerting.service_tests.influxdb import InfluxDBTest
from services.process import log

_SECONDS = 30.0


class ServiceTest(Protocol):
    """The test of one service. options: what it is given, with what it is where it is left out.

    run: raises ValueError, Unsent or Rejected with why it failed.
    """

    def options(self, sections: Sections) -> dict[str, Any]: ...
    async def run(self, options: dict[str, Any], sections: Sections, context: HandlerContext) -> None: ...


@dataclass(frozen=True, slots=True)
class _HandlerTest:
    handler: Declaration[Any]

    def options(self, sections: Sections) -> dict[str, Any]:
        return self.handler.tested_with(sections)

    async def run(self, options: dict[str, Any], sections: Sections, context: HandlerContext) -> None:
        await self.handler.test(options, replace(context, sections=sections))


@functools.cache
def service_tests() -> Mapping[str, ServiceTest]:
    """All tests, by the names that the API has for them."""
    found: dict[str, ServiceTest] = {"influxdb": InfluxDBTest(), **CLUSTER_TESTS}
    return found | {name: _HandlerTest(kinds()[kind]) for name, kind in _handlers().items()}


async def run_service_test(name: str, options: dict[str, Any], context: HandlerContext) -> str:
    """Run a test; why it failed, "" where it did not. KeyError where there is none of this name."""
    test = service_tests()[name]
    try:
        context.guard.handler(_handlers().get(name, name))
        async with asyncio.timeout(_SECONDS):
            await test.run(options, context.sections, context)
    except (ValueError, Unsent, Rejected) as problem:
        return log.hidden(str(problem)) or type(problem).__name__
    except TimeoutError:
        return f"no answer within {_SECONDS:g} s"
    except Exception as error:
        # a user's endpoint may fail in ways nobody thought of; the service goes on
        return log.hidden(f"{type(error).__name__}: {error}")
    return ""


@functools.cache
def _handlers() -> Mapping[str, str]:
    """The kinds of handlers that can be tested, by the names of the tests."""
    return {
        handler.section.name: kind
        for kind, handler in kinds().items()
        if handler.test_options and handler.section is not None
    }
