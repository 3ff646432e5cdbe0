"""A recorder that is to stop does, whatever comes in the same turn of the event loop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from schemas.config import Config
from services.bus.connection import Bus
from services.bus.streams import EVENTS
from services.recorder.record.archive import BUCKET as ARCHIVE
from services.recorder.results import Results
from services.recorder.service import CLAIMS, Recorder
from services.store.live_config import LiveConfig
from services.store.store import Store


async def test_a_change_does_not_hold_up_the_end(bus: Bus, config: Config, tmp_path: Path) -> None:
    claims = await bus.bucket(CLAIMS)
    nothing_to_do: Any = SimpleNamespace(objects=await bus.objects(ARCHIVE, 1))
    results = await Results.open(bus)
    with Store.open(tmp_path / "recorder.lmdb", "recorder") as store:
        async with (
            asyncio.timeout(10),
            Recorder(bus, store, claims, *3 * [nothing_to_do], results, "one", LiveConfig(config)) as recorder,
        ):
            await bus.last_sequence(EVENTS)  # by then it waits
            recorder._changed([])
