"""Tests of the services that alerts are sent with: each handler's module may bring one along as ``TEST``.

TEST.options(sections) -> dict                    what the test is given, with what it is where it is left out
async TEST.run(options, sections, around) -> None runs it; raises ValueError, Unsent or Refused with why it failed

A test goes by the name of its module's section of the configuration, or of its ``TEST.name``. InfluxDB and the
clusters that tasks scale can be tested too.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from typing import Any, Protocol

from services.alerting.cluster_trials import CLUSTER_TRIALS
from services.alerting.handler import Around, Refused, Unsent
from services.alerting.handlers import kinds
from services.alerting.influxdb_trial import InfluxDBTrial

_SECONDS = 30.0


class Trial(Protocol):
    """What a module's TEST is."""

    def options(self, sections: Mapping[str, Any]) -> dict[str, Any]: ...
    async def run(self, options: dict[str, Any], sections: Mapping[str, Any], around: Around) -> None: ...


@functools.cache
def trials() -> Mapping[str, Trial]:
    """All tests, by the names that the API has for them."""
    found: dict[str, Trial] = {"influxdb": InfluxDBTrial(), **CLUSTER_TRIALS}
    for kind, module in kinds().items():
        trial = getattr(module, "TEST", None)
        if trial is not None:
            section = next(iter(getattr(module, "CONFIG_SECTIONS", {})), kind)
            found[getattr(trial, "name", "") or section] = trial
    return found


async def run_trial(name: str, options: dict[str, Any], around: Around) -> str:
    """Run a test; why it failed, "" where it did not. KeyError where there is none of this name."""
    trial = trials()[name]
    try:
        async with asyncio.timeout(_SECONDS):
            await trial.run(options, around.sections, around)
    except (ValueError, Unsent, Refused) as problem:
        return str(problem) or type(problem).__name__
    except TimeoutError:
        return f"no answer within {_SECONDS:g} s"
    except Exception as error:
        # a user's endpoint may fail in ways nobody thought of; the service goes on
        return f"{type(error).__name__}: {error}"
    return ""
