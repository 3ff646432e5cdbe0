"""What programs of users are not told."""

from __future__ import annotations

import pytest

from services.child_environment import child_environment


def test_settings_of_tickbus_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAPACITOR_NATS_URL", "nats://tickbus:secret@127.0.0.1:4222")
    monkeypatch.setenv("KAPACITOR_SMTP_PASSWORD", "secret")
    monkeypatch.setenv("KAPACITOR_URL", "http://127.0.0.1:9092")
    monkeypatch.setenv("PAGER", "less")
    environment = child_environment()
    assert "secret" not in str(environment)
    assert (environment["KAPACITOR_URL"], environment["PAGER"]) == ("http://127.0.0.1:9092", "less")
    assert environment["PATH"]
