"""How far something is, as it is shown."""

from __future__ import annotations

import pytest

from services.recorder.progress import EVERY_SECONDS, Progress


def test_it_moves_only_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    progress = Progress()
    assert progress.reported(0.5) == 0
    now += EVERY_SECONDS - 0.1
    assert progress.reported(0.6) == 0
    now += 0.1
    assert progress.reported(0.7) == 0.7
    now += EVERY_SECONDS / 2
    assert progress.reported(0.9) == 0.7
    now += EVERY_SECONDS / 2
    assert progress.reported(1.1) == 1
