"""The table of `tickbus top` on a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from services.cli.output.task_rates import live_table
from services.cli.server.task_rates import Rate


def test_as_many_as_the_screen_has_room_for_and_nothing_that_a_terminal_would_obey() -> None:
    found = [Rate(f"task{i}\x1b[2J", 12.5, 0.25, 0.0, 3, None, "", "enabled") for i in range(10)]
    console = Console(file=io.StringIO(), width=100)
    console.print(live_table(found, 8))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 7 and lines[-1].strip() == "5 more"
    assert lines[1].split() == ["task0\N{REPLACEMENT CHARACTER}[2J", "12", "25.0%", "0", "3", "-", "-", "enabled"]
