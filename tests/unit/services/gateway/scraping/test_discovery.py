"""Files of targets: what is read of them, and when."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from schemas.config import Config
from schemas.config.inputs.scraping import FileDiscovery, StaticDiscovery
from services.gateway.scraping.discovery import Files, discoverer, read_groups
from services.gateway.scraping.targets import Group

JSON = '[{"targets": ["a:1", "b:2"], "labels": {"dc": "x"}}, {"targets": ["c:3"]}]'
YAML = "- targets: ['d:4']\n  labels:\n    dc: y\n"


def test_files_are_read_and_read_again_when_they_change(tmp_path: Path) -> None:
    json, yaml = tmp_path / "one.json", tmp_path / "two.yml"
    json.write_text(JSON)
    yaml.write_text(YAML)
    files = Files(FileDiscovery(id="f", files=(str(tmp_path / "*.json"), str(yaml), str(tmp_path / "none.yaml"))))
    assert list(files()) == [
        Group(f"{json}:0", ("a:1", "b:2"), {"dc": "x"}),
        Group(f"{json}:1", ("c:3",), {}),
        Group(f"{yaml}:0", ("d:4",), {"dc": "y"}),
    ]
    yaml.write_text("- targets: [e:5]\n")
    os.utime(yaml, ns=(1, 1))
    assert files()[-1] == Group(f"{yaml}:0", ("e:5",), {})
    json.unlink()
    assert [group.targets for group in files()] == [("e:5",)]


def test_of_a_file_that_becomes_unreadable_what_it_held_stays(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(JSON)
    files = Files(FileDiscovery(id="f", files=(str(path),)))
    before = list(files())
    path.write_text(JSON[:-1])
    assert list(files()) == before
    path.write_text("[]")
    assert list(files()) == []


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "one.json").write_text(JSON)
    files = Files(FileDiscovery(id="f", files=(str(tmp_path / "*.json"),)))
    assert [group.targets for group in files()] == [("a:1", "b:2"), ("c:3",)]


@pytest.mark.parametrize(
    ("name", "text", "mistake"),
    [
        ("a.json", "[{]", "line 1 column 3"),
        ("a.json", "{}", "it holds no list"),
        ("a.json", "[1]", "0: it is no group of targets"),
        ("a.json", '[{"targets": [1]}]', "`targets` is no list of strings"),
        ("a.json", '[{"labels": {"a": 1}}]', "`labels` is no table of strings"),
        ("a.json", '[{"labels": {"a-b": "1"}}]', "'a-b' is not a valid label name"),
        ("a.yml", "- target: []", "unknown: target"),
        ("a.yaml", "- a: [", "line 1, column 7"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, name: str, text: str, mistake: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=mistake):
        read_groups(path)


def test_a_discoverer_is_found_by_section_and_id() -> None:
    config = Config(
        static_discovery=(StaticDiscovery(enabled=True, id="x", targets=("a:1",)), StaticDiscovery(id="off")),
        file_discovery=(FileDiscovery(enabled=True, id="x", refresh_interval=7.0),),
    )
    found = discoverer(config, "static-discovery", "x")
    assert found is not None and list(found[0]()) == [Group("x", ("a:1",), {})]
    found = discoverer(config, "file-discovery", "x")
    assert found is not None and found[1] == 7.0
    assert discoverer(config, "static-discovery", "off") is None
    assert discoverer(config, "consul", "x") is None
