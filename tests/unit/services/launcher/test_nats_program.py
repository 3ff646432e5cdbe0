"""The program of our own NATS: what environment it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.config import Config
from services.launcher.nats_server import nats_program


def test_it_collects_garbage_early_unless_who_starts_us_wants_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(data_dir=tmp_path)
    monkeypatch.delenv("GOGC", raising=False)
    assert nats_program(config)[0].environment == {"GOGC": "40"}
    monkeypatch.setenv("GOGC", "200")
    assert nats_program(config)[0].environment == {"GOGC": "200"}
