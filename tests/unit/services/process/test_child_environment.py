"""What programs of users are not told, and not given."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.alerting.transports.command import run
from services.process.child_environment import child_environment, keep_open_files
from services.store.store import Store


def test_settings_of_tickbus_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAPACITOR_NATS_URL", "nats://tickbus:secret@127.0.0.1:4222")
    monkeypatch.setenv("KAPACITOR_SMTP_PASSWORD", "secret")
    monkeypatch.setenv("KAPACITOR_URL", "http://127.0.0.1:9092")
    monkeypatch.setenv("PAGER", "less")
    environment = child_environment()
    assert "secret" not in str(environment)
    assert (environment["KAPACITOR_URL"], environment["PAGER"]) == ("http://127.0.0.1:9092", "less")
    assert environment["PATH"]


async def test_a_command_inherits_no_file_that_is_open(tmp_path: Path) -> None:
    """uvloop closes nothing in its children, and LMDB leaves its file open for them."""
    with Store.open(tmp_path / "a.lmdb", "test", 1, durable=False):
        inherited = os.open(tmp_path / "other", os.O_CREAT | os.O_RDWR)
        os.set_inheritable(inherited, True)
        keep_open_files()
        try:
            ended = await run("/bin/sh", ["-c", "ls -l /proc/$$/fd"], b"", 10.0)
        finally:
            os.close(inherited)
    assert ended.status == 0 and "/dev/fd" not in ended.output
    assert str(tmp_path) not in ended.output
