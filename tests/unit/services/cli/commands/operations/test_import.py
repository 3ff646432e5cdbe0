"""`tickbus import`: how it is called. What it does stands in tests/crash/test_import.py."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from email.message import Message
from typing import Any

import pytest

from services.cli.main import main
from tests.support.old_kapacitor import answering


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["x", "--only", "tasks,users"], 2, "there is no kind users; there are config, templates,"),
        ([], 2, "missing argument 'URL'"),
        (["nowhere"], 2, "tickbus import: 'nowhere' is no URL of a server: http://HOST:PORT is expected\n"),
        (["ftp://root:sesame@h:9092"], 2, "tickbus import: 'ftp://h:9092' is no URL of a server"),
        (["http://root:ses/ame@h:9092"], 2, "tickbus import: 'http://h:9092' is no URL of a server"),
        (["http://127.0.0.1:1"], 1, "tickbus import: http://127.0.0.1:1 does not answer: Connection refused\n"),
    ],
)
def test_what_is_wrong_with_a_call(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, error: str
) -> None:
    try:
        assert main(["import", *arguments]) == code
    except SystemExit as exit:
        assert exit.code == code
    assert error in capsys.readouterr().err


def test_who_is_not_let_in_hears_whether_it_is_for_want_of_credentials(capsys: pytest.CaptureFixture[str]) -> None:
    def closed(path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        return 401, {"error": "authorization failed"}

    with answering(closed) as there:
        assert main(["import", there]) == 1
        said = f"tickbus import: {there} needs a user and password, in its URL or in the environment (`tickbus import "
        assert capsys.readouterr().err == f"{said}--help`): authorization failed\n"
        assert main(["import", there.replace("//", "//root:sesame@")]) == 1
        said = f"tickbus import: {there} does not take this user and password: authorization failed\n"
        assert capsys.readouterr().err == said


def test_who_may_not_read_something_hears_what(capsys: pytest.CaptureFixture[str]) -> None:
    def closed(path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        return 403, {"error": "user bob cannot read /tasks"}

    with answering(closed) as there:
        assert main(["import", "--only", "tasks", there, "--to", there]) == 1
        said = "tickbus import: tasks cannot be copied: user bob cannot read /tasks\n"
        assert capsys.readouterr().err == said


def test_a_dry_run_tells_which_handlers_would_be_refused(capsys: pytest.CaptureFixture[str]) -> None:
    def one_handler(path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if path.endswith("/topics"):
            return 200, {"topics": [{"id": "t"}]}
        return 200, {"handlers": [{"id": "h", "kind": "pigeon", "options": {}, "match": ""}]}

    with answering(one_handler) as there, answering(lambda path, query: (404, {"error": "none"})) as here:
        assert main(["import", "--only", "handlers", "--dry-run", there, "--to", here]) == 0
        assert 'handlers t/h: would be refused: unsupported action kind "pigeon"' in capsys.readouterr().out


def test_a_topic_that_the_old_server_lists_but_does_not_find(capsys: pytest.CaptureFixture[str]) -> None:
    def listed_alone(path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if path.endswith("/topics"):
            return 200, {"topics": [{"id": "disk/root"}]}
        return (200, {"tasks": []}) if path.endswith("/tasks") else (404, {"error": 'unknown topic: "disk"'})

    with answering(listed_alone) as there:
        assert main(["import", "--only", "handlers,states", there, "--to", there]) == 1
        said = 'disk/root: not taken: unknown topic: "disk" (its API finds no topic that has / in its name)'
        assert capsys.readouterr().out.count(said) == 2


def test_credentials_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("FROM_USER", "a"), ("FROM_PASSWORD", "b"), ("TO_USER", "c"), ("TO_PASSWORD", "d")):
        monkeypatch.setenv(f"TICKBUS_{name}", value)
    old: list[Message] = []
    new: list[Message] = []

    with answering(_empty, old) as there, answering(_empty, new) as here:
        assert main(["import", there, "--to", here]) == 0
    assert {one["Authorization"] for one in old} == {"Basic YTpi"}
    assert {one["Authorization"] for one in new} == {"Basic Yzpk"}
    assert "tasks       nothing" in capsys.readouterr().out


def test_both_servers_are_asked_before_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(lambda path, query: (404, b"<html>")) as other:
        assert main(["import", other]) == 1
        said = capsys.readouterr()
        reason = f"{other} is no Kapacitor: it answers /kapacitor/v1/ping with 404 and a page"
        assert (said.out, said.err) == ("", f"tickbus import: {reason}\n")
    with answering(_empty) as there:
        assert main(["import", there, "--to", "http://127.0.0.1:1"]) == 1
    assert capsys.readouterr() == ("", "tickbus import: http://127.0.0.1:1 does not answer: Connection refused\n")


def test_a_list_that_is_refused_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(lambda path, query: (500, {"error": "the index is broken"})) as there:
        assert main(["import", there, "--to", there, "--only", "templates"]) == 1
    assert capsys.readouterr().err == "tickbus import: templates cannot be copied: the index is broken\n"


def test_a_bar_shows_on_a_terminal_how_far_it_is() -> None:
    with answering(_empty) as there:
        command = [sys.executable, "-m", "services.cli", "import", there, "--to", there]
        here, terminal = pty.openpty()
        with subprocess.Popen(command, stdout=terminal, stderr=terminal, env={**os.environ, "TERM": "xterm"}) as run:
            os.close(terminal)
            shown = _all_of(here)
        assert run.returncode == 0 and "tasks       nothing" in shown and "\x1b[" in shown and "0/" in shown
        piped = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "\x1b" not in piped.stdout and piped.stderr == ""


def _empty(path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
    key = path.rpartition("/")[2]
    return 200, {key: {} if key == "sections" else [], "sections": {}}


def _all_of(terminal: int) -> str:
    """What comes over a terminal until nobody writes there any more."""
    found = b""
    with contextlib.suppress(OSError):  # as which the end is told
        while piece := os.read(terminal, 1 << 16):
            found += piece
    os.close(terminal)
    return found.decode()
