"""Handlers of topics on the command line: defined, shown, listed and deleted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.services.cli.commands.conftest import Tickbus

HANDLER = "topic: cpu\nid: log\nkind: log\nmatch: changed() == TRUE\noptions:\n  path: /tmp/a<b.log\n"


async def test_a_handler_from_its_file_to_its_end(tickbus: Tickbus, tmp_path: Path) -> None:
    (tmp_path / "h.yaml").write_text(HANDLER)
    (tmp_path / "h.json").write_text('{"topic": "cpu", "id": "log", "kind": "log", "options": {"path": "/tmp/c.log"}}')
    assert await tickbus("define-topic-handler", "h.yaml") == (0, "", "")
    assert await tickbus("show-topic-handler", "cpu", "log") == (
        0,
        'ID: log\nTopic: cpu\nKind: log\nMatch: changed() == TRUE\nOptions: {"path":"/tmp/a\\u003cb.log"}\n',
        "",
    )
    assert await tickbus("define-topic-handler", "h.json") == (0, "", "")
    shown = json.loads((await tickbus("show-topic-handler", "cpu", "log", "--json"))[1])
    assert (shown["match"], shown["options"]["path"]) == ("", "/tmp/c.log")
    assert await tickbus("delete", "topic-handlers", "cpu", "l*") == (0, "", "")
    assert await tickbus("delete", "topic-handlers", "cpu", "log") == (0, "", "no handlers of cpu match log\n")
    code, _, said = await tickbus("delete", "topic-handlers", "cpu")
    assert code == 2 and "which handlers of the topic cpu?" in said


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("h.yaml", "topic: cpu\nkind: log\n", "h.yaml lacks id: a handler has a topic, an id and a kind"),
        (
            "h.yaml",
            "topic: cpu\nid: n\nkind: log\n",
            "h.yaml: id is read as a truth value and must be text: put it in quotes",
        ),
        ("h.yaml", "- a", "h.yaml does not describe a handler: it must be an object with keys"),
        ("h.txt", HANDLER, "h.txt is neither YAML nor JSON by its name: it must end with .yaml, .yml or .json"),
        ("h.json", '{"topic": "a", "id": "b", "kind": "nothing"}', 'unsupported action kind "nothing"'),
    ],
)
async def test_a_file_that_defines_none(tickbus: Tickbus, tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    code, out, said = await tickbus("define-topic-handler", name)
    assert (code, out) == (1, "") and said.startswith("tickbus define-topic-handler: ") and message in said
