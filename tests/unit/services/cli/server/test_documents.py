"""Files that the command line names: what is said of those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli.errors import CommandFailed
from services.cli.server.documents import document, text_of


def test_yaml_and_json_are_read_by_their_names(tmp_path: Path) -> None:
    for name, text in {"a.yaml": "id: a\nn: 1", "a.yml": "{id: a, n: 1}", "a.json": '{"id": "a", "n": 1}'}.items():
        (tmp_path / name).write_text(text)
        assert document(tmp_path / name) == {"id": "a", "n": 1}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "x", "is neither YAML nor JSON by its name"),
        ("a.yaml", "a: [1,\nb: 2", "is no YAML: line 3, column 1"),
        ("a.json", "{", "is no JSON: Expecting property name"),
        ("a.json", "[]", "does not describe a task"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.yaml", "", "does not describe a task"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(CommandFailed, match=message):
        document(tmp_path / name)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"nothing cannot be read: No such file"):
        text_of(tmp_path / "nothing")
    (tmp_path / "latin").write_bytes(b"ab\xff")
    with pytest.raises(CommandFailed, match=r"latin cannot be read: byte 2 is no UTF-8"):
        text_of(tmp_path / "latin")
