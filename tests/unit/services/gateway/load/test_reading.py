"""Reading a directory: what it declares, and every complaint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from services.gateway.load.declarations import DirectoryContents
from services.gateway.load.files import LARGEST, Unreadable
from services.gateway.load.reading import read_directory

TASK = "dbrp \"db\".\"rp\"\nstream|from().measurement('cpu')|httpOut('out')\n"


def put(directory: Path, **files: str | bytes) -> None:
    """Files by path, in which __ stands for a slash and the last _ for a dot."""
    for name, content in files.items():
        path = directory / ".".join(name.replace("__", "/").rsplit("_", 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def read(directory: Path, **files: str | bytes) -> DirectoryContents:
    put(directory, **files)
    return read_directory(directory)


def told(reading: DirectoryContents) -> list[tuple[str, str, int, int, str]]:
    return [(c.file, c.text, c.line, c.column, c.effect) for c in reading.complaints]


def test_scripts_and_documents_declare_templates_tasks_and_handlers(tmp_path: Path) -> None:
    template = "var m string\nstream|from().measurement(m)"
    document = """
        template-id: base
        dbrps: [{db: db, rp: rp}]
        vars:
          m: {type: string, value: cpu}
          window: {type: duration, value: 1m, description: how long}
          groups: {type: list, value: [{type: string, value: host}]}
          star: {type: star}
    """
    handler = "topic: cpu/x\nid: slack\nkind: slack\nmatch: changed() == TRUE\noptions: {channel: '#alerts', n: 1}"
    reading = read(
        tmp_path,
        templates__base_tick=template,
        tasks__b_tick=b"\xef\xbb\xbf" + TASK.encode(),
        tasks__a_tick=TASK,
        tasks__yaml_yaml=document,
        tasks__yml_yml="template-id: base",
        tasks__json_json='{"template-id": "base", "vars": null, "dbrps": [{"db": "d", "rp": ""}]}',
        handlers__any_yml=handler,
        handlers__other_json='{"topic": "t", "id": "log", "kind": "log", "options": {"path": "/x"}}',
    )
    assert reading.complaints == ()
    found = {one.key: one for one in reading.declarations}
    assert [one.file for one in reading.declarations] == [
        "templates/base.tick",
        *("tasks/a.tick", "tasks/b.tick", "tasks/yaml.yaml", "tasks/yml.yml", "tasks/json.json"),
        *("handlers/any.yml", "handlers/other.json"),
    ]
    assert found["template", "base"].body == {"id": "base", "script": template}
    assert found["task", "b"].body == {"id": "b", "script": TASK, "status": "enabled"}
    of_template = found["task", "yaml"].body
    assert {key: of_template[key] for key in ("id", "status", "template-id", "dbrps")} == {
        "id": "yaml",
        "status": "enabled",
        "template-id": "base",
        "dbrps": [{"db": "db", "rp": "rp"}],
    }
    assert of_template["vars"]["window"] == {"type": "duration", "value": "1m", "description": "how long"}
    assert found["task", "json"].body["vars"] == {}
    assert found["handler", "cpu/x/slack"].body == {
        "topic": "cpu/x",
        "id": "slack",
        "kind": "slack",
        "match": "changed() == TRUE",
        "options": {"channel": "#alerts", "n": 1},
    }


def test_files_of_other_names_and_places_are_left_aside(tmp_path: Path) -> None:
    put(
        tmp_path,
        tasks__README_md="x",
        tasks__deeper__x_tick=TASK,
        handlers__x_tick="x",
        templates__x_yaml="x",
        other__x_tick=TASK,
    )
    (tmp_path / "tasks" / ".x.tick").write_text("an editor's")
    (tmp_path / "tasks" / ".#x.tick").symlink_to("nowhere")
    (tmp_path / "tasks" / "X.TICK").write_text(TASK)
    reading = read_directory(tmp_path)
    assert (reading.declarations, reading.complaints, reading.unread) == ((), (), frozenset())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", ("empty", 0, 0)),
        (b" \n\t\n", ("empty", 0, 0)),
        (b"ok\nna\xefve", ("not UTF-8: byte 0xef", 2, 3)),
        (b"x" * (LARGEST + 1), (f"larger than {LARGEST} bytes", 0, 0)),
    ],
)
@pytest.mark.parametrize("name", ["templates__x_tick", "tasks__x_tick", "tasks__x_yaml", "handlers__x_json"])
def test_a_file_without_a_readable_text_is_refused_and_the_rest_is_read(
    tmp_path: Path, name: str, content: bytes, complaint: tuple[str, int, int]
) -> None:
    reading = read(tmp_path, **{name: content, "tasks__fine_tick": TASK})
    assert [one[1:4] for one in told(reading)] == [complaint]
    assert [one.name for one in reading.declarations] == ["fine"]


def test_what_is_no_regular_file_is_refused_and_links_are_followed(tmp_path: Path) -> None:
    put(tmp_path, tasks__fine_tick=TASK, tasks__secret_tick=TASK)
    tasks = tmp_path / "tasks"
    (tasks / "directory.tick").mkdir()
    (tasks / "link.tick").symlink_to(tmp_path / "nowhere")
    (tasks / "loop.tick").symlink_to("loop.tick")
    (tasks / "good-link.tick").symlink_to("fine.tick")
    os.mkfifo(tasks / "pipe.tick")
    (tasks / "secret.tick").chmod(0)
    with open(os.fsencode(tasks) + b"/\xff.tick", "w") as file:
        file.write(TASK)
    reading = read_directory(tmp_path)
    found = {file: text for file, text, *_ in told(reading)}
    if os.geteuid() != 0:
        assert found.pop("tasks/secret.tick") == "permission denied"
    assert found == {
        "tasks/directory.tick": "a directory, not a file",
        "tasks/link.tick": "a link that leads nowhere",
        "tasks/loop.tick": "too many levels of symbolic links",
        "tasks/pipe.tick": "not a regular file",
        "tasks/\ufffd.tick": "its name is not UTF-8",
    }
    assert {"fine", "good-link"} <= {one.name for one in reading.declarations}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("null", "empty"),
        ("[]", "must be a mapping"),
        ("vars: {}", "template-id: is missing"),
        ("template-id: ''", "template-id: must not be empty"),
        ("template-id: [5]", "template-id: must be a string"),
        ("template-id: t\ndbrps: x", "dbrps: must be a list"),
        ("template-id: t\ndbrps: [{db: x}]", "dbrps[0].rp: is missing"),
        (
            "template-id: t\ndbrps: [{db: [1], rp: x}, x]",
            "dbrps[0].db: must be a string; dbrps[1]: must be a db and an rp",
        ),
        ("template-id: t\nvars: [x]", "vars: must be a mapping"),
        ("template-id: t\nvars: {x: 1}", "vars.x: must be a type and a value"),
    ],
)
def test_a_task_of_a_wrong_shape_is_refused_by_the_key_that_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    reading = read(tmp_path, tasks__x_yaml=text, tasks__fine_tick=TASK)
    assert told(reading) == [("tasks/x.yaml", complaint, 0, 0, "refused")]
    assert [one.name for one in reading.declarations] == ["fine"]


def test_text_needs_no_quotes_in_yaml_as_it_needs_none_in_the_reference(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        tasks__x_yaml="template-id: 1.10\ndbrps: [{db: 5, rp: yes}]",
        handlers__h_yaml="topic: 1e6\nid: 0x10\nkind: log\noptions: {path: /x}",
        handlers__h_json='{"topic": 5, "id": "x", "kind": "log"}',
    )
    task, handler = reading.declarations
    assert task.body["template-id"] == "1.1"
    assert task.body["dbrps"] == [{"db": "5", "rp": "true"}]
    assert (handler.body["topic"], handler.body["id"]) == ("1e+06", "16")
    assert told(reading) == [("handlers/h.json", "topic: must be a string", 0, 0, "refused")]


def test_broken_yaml_and_json_are_refused_with_line_and_column(tmp_path: Path) -> None:
    reading = read(tmp_path, tasks__x_yaml="template-id: [", tasks__y_json="{\n1}")
    text = "while parsing a flow node, did not find expected node content"
    assert told(reading) == [
        ("tasks/x.yaml", text, 2, 1, "refused"),
        ("tasks/y.json", "Expecting property name enclosed in double quotes", 2, 1, "refused"),
    ]


@pytest.mark.parametrize(
    ("var", "complaint"),
    [
        (
            "{type: number, value: 1}",
            "vars.x.type: must be one of bool, int, float, string, regex, duration, lambda, list, star",
        ),
        ("{type: int, value: 1.5}", "invalid var x: 1.5 is no value of type int"),
        ("{type: duration, value: 1y}", "invalid var x: '1y' is no value of type duration"),
        ("{type: string, value: 1}", "invalid var x: mismatched type and value: 1 is no string"),
        ("{type: string}", "invalid var x: a value must be given"),
    ],
)
def test_a_var_that_does_not_fit_its_type_is_named(tmp_path: Path, var: str, complaint: str) -> None:
    reading = read(tmp_path, tasks__x_yaml=f"template-id: t\nvars: {{x: {var}}}")
    assert told(reading) == [("tasks/x.yaml", complaint, 0, 0, "refused")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id: x\nkind: log", "topic: is missing"),
        ("topic: t\nid: ''\nkind: [1]", "id: must not be empty; kind: must be a string"),
        ("topic: t\nid: x\nkind: log\noptions: [1]", "options: must be a mapping"),
        ("topic: t\nid: x\nkind: log\nmatch: [true]", "match: must be a string"),
    ],
)
def test_a_handler_of_a_wrong_shape_is_refused_by_the_key_that_is_wrong(
    tmp_path: Path, text: str, complaint: str
) -> None:
    assert told(read(tmp_path, handlers__x_yaml=text)) == [("handlers/x.yaml", complaint, 0, 0, "refused")]


def test_keys_that_count_for_nothing_are_noted(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        tasks__x_yaml="id: x\ntemplate-id: t\nstatus: disabled\nvar: {}",
        handlers__x_yaml="topic: t\nid: x\nkind: log\noption: {}",
    )
    assert told(reading) == [
        ("tasks/x.yaml", "status counts for nothing here", 0, 0, "noted"),
        ("tasks/x.yaml", "var counts for nothing here (did you mean vars?)", 0, 0, "noted"),
        ("handlers/x.yaml", "option counts for nothing here (did you mean options?)", 0, 0, "noted"),
    ]
    assert len(reading.declarations) == 2


def test_of_two_files_that_declare_the_same_the_first_counts(tmp_path: Path) -> None:
    handler = "topic: t\nid: x\nkind: log"
    reading = read(
        tmp_path,
        tasks__x_json='{"template-id": "json"}',
        tasks__x_yaml="template-id: yaml",
        tasks__x_tick=TASK,
        templates__x_tick="stream|from()",
        handlers__b_yaml=handler,
        handlers__a_yaml=handler,
    )
    assert [one.file for one in reading.declarations] == ["templates/x.tick", "tasks/x.tick", "handlers/a.yaml"]
    assert [(file, text) for file, text, *_ in told(reading)] == [
        ("tasks/x.yaml", "task x is declared by tasks/x.tick already"),
        ("tasks/x.json", "task x is declared by tasks/x.tick already"),
        ("handlers/b.yaml", "handler t/x is declared by handlers/a.yaml already"),
    ]


def test_a_directory_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    for path, text in [
        (tmp_path / "none", "no such file or directory"),
        (tmp_path / "file", "not a directory"),
        (tmp_path / "empty", "has no tasks, templates or handlers in it"),
    ]:
        if path.name == "file":
            path.write_text("")
        elif path.name == "empty":
            path.mkdir()
        with pytest.raises(Unreadable, match=text):
            read_directory(path)


def test_what_is_gone_is_what_is_neither_declared_nor_unclear(tmp_path: Path) -> None:
    def record(kind: str, name: str, file: str) -> dict[str, Any]:
        return {"kind": kind, "name": name, "file": file}

    put(tmp_path, tasks__there_tick=TASK, tasks__broken_yaml="[", handlers__broken_yaml="[")
    (tmp_path / "templates").symlink_to(tmp_path / "unmounted")
    reading = read_directory(tmp_path)
    assert reading.unread == {"template"}
    assert told(reading)[0] == ("templates", "a link that leads nowhere", 0, 0, "refused")
    gone = [record("task", "gone", "tasks/gone.tick"), record("handler", "t/gone", "handlers/gone.yaml")]
    stays = [
        record("template", "base", "templates/base.tick"),
        record("task", "there", "tasks/there.yaml"),
        record("task", "broken", "tasks/broken.tick"),
        record("handler", "t/x", "handlers/broken.yaml"),
    ]
    assert reading.gone([*stays, *gone]) == gone


def test_a_folder_that_is_not_there_declares_nothing(tmp_path: Path) -> None:
    reading = read(tmp_path, templates__x_tick="stream|from()")
    assert (reading.unread, reading.complaints) == (frozenset(), ())
    record = {"kind": "task", "name": "x", "file": "tasks/x.tick"}
    assert reading.gone([record]) == [record]


def test_a_folder_that_is_a_file_is_refused_and_takes_nothing_away(tmp_path: Path) -> None:
    put(tmp_path, templates__x_tick="stream|from()")
    (tmp_path / "tasks").write_text("")
    reading = read_directory(tmp_path)
    assert told(reading) == [("tasks", "not a directory", 0, 0, "refused")]
    assert reading.unread == {"task"}
