"""Why and why-not as pages: long lists cut, lines that fit the terminal, nothing that a terminal takes for orders."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

from services.cli.output import printing
from services.cli.output.explanations import print_why, print_why_not

POINTS = [
    {"point": "m", "time": f"2026-01-01T00:00:0{i}Z", "tags": {"host": "a"}, "fields": {"x": i}, "seq": i, "row": 0}
    for i in range(9)
]
STEP: dict[str, Any] = {
    "node": "window2",
    "kind": "window",
    "in": [POINTS[8]],
    "groups": [{"group": "host=a", "before": {"due at": "T"}, "after": {"due at": "U", "points": POINTS}}],
    "lambdas": [{"time": "T", "tags": {}, "lambda": "where", "text": '"x" is missing', "value": None, "error": "why"}],
    "out": [{"batch": "m", "group": "host=a", "time": "T", "tags": {"host": "a"}, "points": POINTS, "left-out": 5}],
    "errors": ["it broke"],
    "silence": "",
}
EVENT = {"level": "CRITICAL", "previous": "", "time": "T", "stored": "U", "message": "bad\x1b[2J", "node": "alert3"}
WHY: dict[str, Any] = {
    "topic": "t",
    "id": "m:host=a",
    "event": {**EVENT, "task": "cpu"},
    "via": ["first", "t"],
    "cause": {"kind": "clock", "time": "T"},
    "path": [STEP],
    "others": [{"tick": "T"}, {"left-out": 3}, {"seq": 1, "row": 0}],
    "notes": ["something is not known"],
}
WHY_NOT: dict[str, Any] = {
    "task": "cpu",
    "tags": {},
    "first": "T",
    "last": "U",
    "points": [],
    "ticks": [{"time": "T", "path": [STEP], "ends": [{"node": "window2", "why": "it is not due"}]}],
    "left-out": 2,
    "elsewhere": [],
    "nearest": [{"seq": 4, "row": 1, "line": "m x=1"}],
    "notes": [],
}


def test_pages_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    print_why(WHY)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "m:host=a in t: unknown -> CRITICAL"
    assert "   by way of the topics first -> t" in lines and "note: something is not known" in lines
    assert "      after points: 9 points" in lines and "      error: it broke" in lines
    assert "      out batch m,host=a at T: 14 points" in lines
    assert lines.count("            … 3 more") == 2
    assert '      where: "x" is missing: why' in lines
    assert lines[lines.index("Other points that took part") + 1 :][:3] == [
        "   the clock at T",
        "   … 3 more",
        "   #1/0  not in the log any more",
    ]
    print_why_not(WHY_NOT)
    out = capsys.readouterr().out
    assert "   ended at window2: it is not due\n2 more points of that time are not shown\n" in out
    assert "Nearest points\n   #4/1  m x=1\n" in out


def test_a_terminal_of_forty_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "on_terminal", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((40, 24)))
    monkeypatch.setenv("NO_COLOR", "1")
    print_why(WHY)
    print_why_not(WHY_NOT)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 40 and "\x1b" not in out
