"""The clock of a machine is set while everything runs: by libfaketime, for all services but NATS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.crash.load import Sink
from tests.crash.processes import Api, Services, eventually
from tests.crash.test_clocks import Hosts, define, levels

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")

DEADMAN = """stream|from().measurement('up').groupBy('host')
    |deadman(0.0, 1s).id('{{ index .Tags "host" }}').stateChangesOnly().post('SINK/dead')
"""


@pytest.mark.skipif(not LIBRARY.exists(), reason="needs libfaketime (apt install faketime)")
async def test_ten_minutes_back_and_forth_wake_nobody_and_silence_nobody(tmp_path: Path) -> None:
    set_by = tmp_path / "set"

    def set_clock(by: str) -> None:
        other = tmp_path / "other"
        other.write_text(by)
        other.rename(set_by)

    set_clock("+0")
    environment = {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(set_by),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "PATH": os.environ["PATH"],
    }
    async with Services(tmp_path, environment) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one")
        async with Api(services) as api:
            await define(api, "dead", DEADMAN, sink)
            async with Hosts(api, ["a"]).writing(0.2):
                async with Hosts(api, ["b"]).writing(0.2):
                    await api.until_at_least("dead", "from1", collected=20)
                    set_clock("-600")
                    await api.until_at_least("dead", "from1", collected=40)
                # nothing of b comes any more, and then nothing at all
                await eventually(lambda: levels(sink, "b") == ["CRITICAL"], "b is dead")
                async with Hosts(api, ["b"]).writing(0.2):
                    await eventually(lambda: levels(sink, "b") == ["CRITICAL", "OK"], "b is alive")
                    set_clock("+0")
                    before = await api.stats("dead", "from1")
                    await api.until_at_least("dead", "from1", collected=before["collected"] + 20)
                    assert levels(sink, "a") == [] and levels(sink, "b") == ["CRITICAL", "OK"]
                    set_clock("-600")
                    before = await api.stats("dead", "from1")
                    await api.until_at_least("dead", "from1", collected=before["collected"] + 8)
            await eventually(lambda: levels(sink, "a") == ["CRITICAL"], "a is dead: there are no messages any more")
            assert services["one"].logged("the clock of this machine was set")
