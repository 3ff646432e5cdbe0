"""Values as Kapacitor's command line writes them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from services.cli.output.go_texts import databases, moment, size, var_value


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """This machine's zone, to be set by TZ."""
    with monkeypatch.context() as patch:
        yield patch
    time.tzset()


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (9, "9 B"),
        (10, "10 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1049, "1.0 kB"),
        (1050, "1.1 kB"),
        (12_345, "12 kB"),
        (999_999, "1000 kB"),
        (1_000_000, "1.0 MB"),
        (2**63 - 1, "9.2 EB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_databases_are_quoted() -> None:
    assert databases([{"db": 'a"b', "rp": ""}, {"db": "c", "rp": "d"}]) == '["a\\"b"."" "c"."d"]'
    assert databases(None) == databases([]) == "[]"


@pytest.mark.parametrize(
    ("tz", "text", "of_itself", "here"),
    [
        ("UTC", "2026-11-30T17:51:02.123456789Z", "30 Nov 26 17:51 UTC", "30 Nov 26 17:51 UTC"),
        ("Europe/Berlin", "2026-07-01T17:51:02Z", "01 Jul 26 17:51 UTC", "01 Jul 26 19:51 CEST"),
        ("Europe/Berlin", "2026-07-01T17:51:02+02:00", "01 Jul 26 17:51 CEST", "01 Jul 26 17:51 CEST"),
        ("Europe/Berlin", "2026-07-01T17:51:02-05:30", "01 Jul 26 17:51 -0530", "02 Jul 26 01:21 CEST"),
        ("America/New_York", "0001-01-01T00:00:00Z", "01 Jan 01 00:00 UTC", "01 Jan 01 00:00 UTC"),
    ],
)
def test_times(zone: pytest.MonkeyPatch, tz: str, text: str, of_itself: str, here: str) -> None:
    zone.setenv("TZ", tz)
    time.tzset()
    assert (moment(text), moment(text, local=True)) == (of_itself, here)


@pytest.mark.parametrize(
    ("var", "text"),
    [
        ({"type": "duration", "value": 90_000_000_000}, "1m30s"),
        ({"type": "float", "value": 3}, "3"),
        ({"type": "float", "value": 1_000_000.0}, "1e+06"),
        ({"type": "int", "value": 1_000_000}, "1000000"),
        ({"type": "bool", "value": True}, "true"),
        ({"type": "string", "value": "a b"}, "a b"),
        ({"type": "lambda", "value": '"v" > 1'}, '"v" > 1'),
        ({"type": "list", "value": [{"type": "string", "value": "a"}, {"type": "star", "value": None}]}, "[a, *]"),
        ({"type": "string", "value": None}, "<nil>"),
    ],
)
def test_vars(var: dict[str, Any], text: str) -> None:
    assert var_value(var) == text
