"""kapacitor-unit's files as they are: its tests made into ours.

What it does against a server is done here by simulated time: lines of a stream come one after another, or as `clock`
says; those of a batch test are in InfluxDB, the script's queries are asked every second, for three seconds. What its
`expects` counts are the events that alert nodes have raised, by level.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemas.rule_tests.shapes import UnitTestsSchema
from services.lineprotocol import reference_parser
from services.lineprotocol.reference_parser import multiplier
from services.testing.errors import BadTestFile
from services.testing.format.document import Located, read_documents
from services.testing.format.model import Expectation, Reads, RuleTest, Section, Step
from services.testing.input.times import DEFAULT_START, parse_length

SHAPE = UnitTestsSchema

_OWN = {"task_name", "task_id", "expects", "recording_id", "recordind_id"}
_EVERY = re.compile(r"every\((.*?)\)")
_DBRP = re.compile(r'(?m:^dbrp "\w+"\."\w+"$)')
_APART = 10**6  # ns between lines that come one after another
_PRECISIONS = {"": "ns", "n": "ns", "u": "us"}
_BATCH_WAIT = "+3s"


def is_unit_tests(plain: Any) -> bool:
    """Whether a document is one of kapacitor-unit's: by the keys of its tests."""
    tests = plain.get("tests") if isinstance(plain, dict) else None
    return isinstance(tests, list) and any(isinstance(test, dict) and not _OWN.isdisjoint(test) for test in tests)


def is_unit_test(test: RuleTest) -> bool:
    """Whether a test was made of one of kapacitor-unit's, whose names need not differ."""
    return test.where.keys is not None and "expects" in test.where.keys


def read(document: Located, path: Path, scripts: Path | None, reads: Reads) -> Iterator[RuleTest]:
    """The tests of a document that has the shape SHAPE. scripts: where their scripts lie. Raises BadTestFile."""
    for i, test in enumerate(SHAPE().load(document.plain)["tests"]):
        yield _test(test, document.at(["tests", i]), path, scripts, reads)


def _test(test: dict[str, Any], where: Located, path: Path, scripts: Path | None, reads: Reads) -> RuleTest:
    def wrong(text: str, key: str) -> BadTestFile:
        return BadTestFile(str(path), text, *where.place([key]))

    name = test.get("task_name") or test.get("task_id")
    if not name:
        raise wrong("no script: give its file's name as task_name", "name")
    places = [scripts] if scripts is not None else [path.parent, path.parent.parent / "tick_scripts"]
    reads.update(dict.fromkeys(place / name for place in places))
    script_path = next((place / name for place in places if (place / name).is_file()), None)
    if script_path is None:
        raise wrong(
            f"there is no script {name} in {scripts or path.parent}: name its directory with --dir", "task_name"
        )
    for key in ("recording_id", "recordind_id"):
        if test[key]:
            raise wrong(f"the recording {test[key]} lies on a server: write its lines as `data`", key)
    if "expects" not in (where.keys or {}):
        raise wrong("nothing is expected: there is no `expects`", "name")
    try:
        script = script_path.read_text("utf-8", "replace")
    except OSError as error:
        raise wrong(f"{script_path} cannot be read: {error.strerror or error}", "task_name") from None
    batch = test["type"] == "batch"
    if test["data_path"]:
        test = {**test, "data": _data(path.parent / test["data_path"], where, path, reads)}
    steps = [Step(where, lines=(line,), at=at) for at, line in _lines(test, batch, wrong)]
    if batch:
        script = _EVERY.sub("every(1s)", script)
        steps.append(Step(where, at=_BATCH_WAIT))
    entry = (where.keys or {})["expects"]
    expects = replace(entry.value, plain={"ok": 0, "warn": 0, "crit": 0, **entry.value.plain})
    return RuleTest(
        file=path,
        where=where,
        name=test.get("name", name),
        script=script,
        source=str(script_path),
        task=name,
        vars={},
        dbrps=() if _DBRP.search(script) else ((test["db"], test["rp"] or "autogen"),),
        start="",
        precision=_PRECISIONS.get(test["precision"], test["precision"]),
        steps=tuple(steps),
        expect=Expectation(expects, (Section("expects", "", expects, entry.column - 1),)),
        apart=0 if batch else _APART,
    )


def _data(file: Path, where: Located, path: Path, reads: Reads) -> list[str]:
    """The lines of a file that has them as a list of YAML. Raises BadTestFile."""
    reads[file] = None
    try:
        text = file.read_text("utf-8", "replace")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadTestFile(str(path), f"{file} cannot be read: {reason}", *where.place(["data_path"])) from None
    documents = read_documents(text, str(file))
    lines = documents[0].plain if documents else None
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise BadTestFile(str(file), "must be a list of lines")
    return lines


def _lines(test: dict[str, Any], batch: bool, wrong: Any) -> Iterator[tuple[str, str]]:
    """When each line comes, "" for after the one before, and the line."""
    lines = [raw.decode() for text in test["data"] for raw in reference_parser.lines(text.encode())]
    for line in lines:
        parts = line.split(" ")
        offset = test["clock"] == "offset" and not batch
        if not offset and not (test["shift"] and batch):
            yield "", line
            continue
        try:
            after = _duration(parts[2] + test["offset_unit"])
            if offset:
                yield f"{after}ns", line
            else:
                unit = multiplier(test["precision"] or "n")
                parts[2] = str((DEFAULT_START + _duration(test["shift"]) + after) // unit)
                yield "", " ".join(parts)
        except (IndexError, ValueError) as error:
            raise wrong(f"{line!r} has no time as {'clock' if offset else 'shift'} needs it: {error}", "data") from None


def _duration(text: str) -> int:
    return -parse_length(text[1:]) if text.startswith("-") else parse_length(text)
