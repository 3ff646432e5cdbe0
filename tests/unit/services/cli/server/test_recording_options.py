"""Options of commands that record and replay, and what they come to."""

from __future__ import annotations

from typing import Any

import click
import pytest

from services.cli.go_flags import Command
from services.cli.server.recording_options import replay_options, span_options

SPAN = ["-start", "1970-01-01T00:00:01Z", "-stop", "1970-01-01T00:00:02Z"]


@pytest.mark.parametrize(
    ("arguments", "replay"),
    [
        ([], {"recording-time": False, "clock": "fast"}),
        (["-real-clock"], {"recording-time": False, "clock": "real"}),
        (["-no-side-effects"], {"recording-time": False, "clock": "fast", "side-effects": False}),
        (["-rec-time", "-replay-id", "one"], {"recording-time": True, "clock": "fast", "id": "one"}),
    ],
)
def test_a_command_gets_what_is_asked_for(arguments: list[str], replay: dict[str, Any]) -> None:
    got: list[dict[str, Any]] = []

    @click.command(cls=Command)
    @span_options
    @replay_options
    def command(**parameters: Any) -> int:
        got.append(parameters)
        return 0

    assert command.main([*SPAN, *arguments], "x", standalone_mode=False) == 0
    assert got == [{"span": {"start": "1970-01-01T00:00:01Z", "stop": "1970-01-01T00:00:02Z"}, "replay": replay}]
    with pytest.raises(click.UsageError, match="give one of"):
        command.main(arguments, "x", standalone_mode=False)
