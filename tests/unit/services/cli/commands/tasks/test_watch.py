"""Following the log of a task on the command line."""

from __future__ import annotations

import pytest

from services.cli.commands.tasks import watch
from tests.unit.services.cli.commands.conftest import Tickbus


async def test_a_task_that_is_not_there_is_told_and_waited_for(
    tickbus: Tickbus, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[object] = []
    monkeypatch.setattr(watch, "follow", lambda client, tags, json: followed.append(tags))  # it would last for ever
    assert await tickbus("watch", "typo", "node=log5") == (0, "", "there is no task typo yet\n")
    assert followed == [{"task": "typo", "node": "log5"}]
