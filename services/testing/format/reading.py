"""Files of tests read: documents checked by their shapes, and made into tests."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError

from schemas.rule_tests.fields import UnknownKey
from schemas.rule_tests.shapes import ExpectSchema, RuleTestSchema, RuleTestsSchema, SeriesSchema, StepSchema
from services.testing.errors import BadTestFile
from services.testing.format import kapacitor_unit
from services.testing.format.document import Located, read_documents
from services.testing.format.model import Expectation, Reads, RuleTest, Section, Step, TestFile

_COMMON = ("script", "file", "template", "vars", "task", "dbrps", "start", "precision")
_SCRIPTS = ("script", "file", "template")
_BY_NAME = ("nodes", "httpOut")
_NEAR = 0.6


def read_tests(path: Path, scripts: Path | None = None) -> TestFile:
    """The tests of a file, whichever of the two formats it is in. scripts: where kapacitor-unit's scripts lie.

    Raises BadTestFile.
    """
    reads: Reads = {path: None}
    try:
        text = text_of(path, str(path))
        tests = list(_tests(path, text, scripts, reads))
    except BadTestFile as error:
        error.reads = tuple(reads)
        raise
    return TestFile(path, text, tuple(tests), tuple(reads))


def _tests(path: Path, text: str, scripts: Path | None, reads: Reads) -> list[RuleTest]:
    tests: list[RuleTest] = []
    for number, document in enumerate(read_documents(text, str(path))):
        if kapacitor_unit.is_unit_tests(document.plain):
            _checked(kapacitor_unit.SHAPE, document, str(path))
            tests += kapacitor_unit.read(document, path, scripts, reads)
        else:
            tests += _Document(path, document, number, reads).tests()
    if not tests:
        raise BadTestFile(str(path), "there are no tests in it")
    names: dict[str, RuleTest] = {}
    for test in tests:
        if test.name in names and not kapacitor_unit.is_unit_test(test):
            line = names[test.name].where.line
            raise BadTestFile(str(path), f"a test {test.name!r} stands at line {line} already", *_place(test.where))
        names[test.name] = test
    return tests


def text_of(path: Path, shown: str) -> str:
    """The text of a file. Raises BadTestFile."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except OSError as error:
        raise BadTestFile(shown, f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise BadTestFile(shown, f"cannot be read: byte {error.start} is no UTF-8") from None
    except ValueError as error:  # what cannot be a path
        raise BadTestFile(shown, f"cannot be read: {error}") from None


class _Document:
    """One document of a file: several tests, or one."""

    def __init__(self, path: Path, document: Located, number: int, reads: Reads) -> None:
        self._path, self._document, self._number, self._reads = path, document, number, reads

    def tests(self) -> Iterator[RuleTest]:
        if self._document.keys is None:
            raise self._wrong("must be a mapping with `tests`, or with one test's keys", self._document)
        several = "tests" in self._document.keys
        loaded = _checked(RuleTestsSchema if several else RuleTestSchema, self._document, str(self._path))
        if not several:
            yield self._test(loaded, {}, self._document, self._document)
            return
        common = {key: loaded[key] for key in _COMMON if key in loaded}
        for i, one in enumerate(loaded["tests"]):
            yield self._test(one, common, self._document.at(["tests", i]), self._document)

    def _test(self, own: Mapping[str, Any], common: Mapping[str, Any], where: Located, outer: Located) -> RuleTest:
        inherited = {k: v for k, v in common.items() if k not in _SCRIPTS or not any(s in own for s in _SCRIPTS)}
        test = {**inherited, **own}

        def place(key: str) -> Located:
            return where if where.keys is not None and key in where.keys else outer

        kind = next((key for key in _SCRIPTS if key in test), None)
        if kind is None:
            raise self._wrong("no script: give `script`, `file` or `template`", where)
        name = test.get("name") or (self._path.stem if not self._number else f"{self._path.stem} {self._number + 1}")
        if kind == "script":
            script, source, task = test["script"], f"{self._path.name}:{place('script').at(['script']).line}", "test"
        else:
            path = self._beside(test[kind])
            script = self._read(path, place(kind), kind)
            source, task = str(path), path.stem
        vars, more = self._vars(test.get("vars", {}), common.get("vars", {}), place("vars"))
        dbrps = [self._dbrp(one, place("dbrps"), "dbrps") for one in test.get("dbrps", [])] or more
        steps = tuple(self._steps(test.get("input", []), where))
        expect = _expectation(where) if "expect" in test else None
        return RuleTest(
            file=self._path,
            where=where,
            name=name,
            script=script,
            source=source,
            task=test.get("task") or task,
            vars=vars,
            dbrps=tuple(dbrps),
            start=test.get("start", ""),
            precision=test.get("precision", "ns"),
            steps=steps,
            expect=expect,
        )

    def _steps(self, loaded: Any, where: Located) -> Iterator[Step]:
        found = where.at(["input"])
        for i, step in enumerate(loaded):
            here = found.at([i]) if found.items is not None else found
            files = [self._beside(name) for name in step.get("file", [])]
            self._reads.update(dict.fromkeys(files))
            for file in files:
                if not file.is_file():
                    raise self._wrong(f"there is no file {file}", here, "file")
            yield Step(
                where=here,
                at=step.get("at", ""),
                lines=tuple(step.get("lines", ())),
                every=step.get("every", ""),
                until=step.get("until", ""),
                files=tuple(files),
                answers=step.get("answers"),
                dbrp=self._dbrp(step["dbrp"], here, "dbrp") if "dbrp" in step else None,
                expect=_expectation(here) if "expect" in step else None,
            )

    def _vars(self, given: Any, common: Any, where: Located) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Vars, those of the file's beginning among them, and the dbrps of a file of vars that has some."""
        found: dict[str, Any] = {}
        dbrps: list[tuple[str, str]] = []
        for one in (common, given) if given is not common else (given,):
            if isinstance(one, str):
                path = self._beside(one)
                plain = self._document_of(path, where)
                dbrps = [(pair["db"], pair["rp"]) for pair in plain.get("dbrps", []) if {"db", "rp"} <= set(pair)]
                inner = plain.get("vars")
                one = inner if isinstance(inner, dict) and "type" not in inner else plain
            found |= one
        return found, dbrps

    def _document_of(self, path: Path, where: Located) -> dict[str, Any]:
        documents = read_documents(self._read(path, where, "vars"), str(path))
        if len(documents) != 1 or not isinstance(documents[0].plain, dict):
            raise BadTestFile(str(path), "must be a mapping: vars by name")
        return documents[0].plain

    def _dbrp(self, text: str, where: Located, key: str) -> tuple[str, str]:
        database, dot, policy = text.replace('"', "").partition(".")
        if not (database and dot and policy):
            raise self._wrong(f"{text!r} must be a database and a retention policy, as telegraf.autogen", where, key)
        return database, policy

    def _beside(self, name: str) -> Path:
        return self._path.parent / name

    def _read(self, path: Path, where: Located, key: str) -> str:
        self._reads[path] = None
        try:
            return text_of(path, str(path))
        except BadTestFile as error:
            raise self._wrong(f"{path} {error.text}", where, key) from None

    def _wrong(self, text: str, where: Located, *path: str) -> BadTestFile:
        return BadTestFile(str(self._path), text, *where.place(path))


def _expectation(outer: Located) -> Expectation:
    """Of what has the key `expect`."""
    assert outer.keys is not None
    entry = outer.keys["expect"]
    where, indent = entry.value, entry.column - 1
    if where.keys is None:
        return Expectation(where, (), nothing=True, indent=indent)
    sections: list[Section] = []
    for kind, one in where.keys.items():
        if kind in _BY_NAME:
            inner = one.value.keys or {}
            sections += [Section(kind, name, below.value, below.column - 1) for name, below in inner.items()]
        else:
            sections.append(Section(kind, "", one.value, one.column - 1))
    return Expectation(where, tuple(sections), indent=indent)


def _checked(shape: type[Schema], document: Located, file: str) -> Any:
    try:
        return shape().load(document.plain)
    except ValidationError as error:
        path, text = _deepest(error.messages, shape())
        shown = ".".join(str(part) for part in path)
        line, column = document.place(path)
        raise BadTestFile(file, f"{shown}: {text}" if shown else text, line, column) from None


def _deepest(messages: Any, shape: Schema) -> tuple[list[str | int], str]:
    """The first complaint, and where it is."""
    path: list[str | int] = []
    while isinstance(messages, dict):
        key = next(iter(messages))
        messages = messages[key]
        if key != "_schema":
            path.append(key)
    text = messages[0] if isinstance(messages, list) else messages
    if text == "unknown key":
        text = UnknownKey(str(path[-1]), tuple(_known(shape, path[:-1])))
    if isinstance(text, UnknownKey):
        close = difflib.get_close_matches(str(path[-1]), text.known, 1, _NEAR)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(text.known)}"
        return path, f"{text}; {hint}"
    return path, str(text)


def _known(shape: Schema, path: list[str | int]) -> list[str]:
    """The keys of the mapping at a path, as far as its shape says."""
    names = [step for step in path if isinstance(step, str)]
    last = names[-1] if names else ""
    if last == "expect":
        shape = ExpectSchema()
    elif last == "input":
        shape = StepSchema()
    elif last == "answers" or "answers" in names:
        shape = SeriesSchema()
    elif last == "tests":
        nested = shape.fields["tests"].inner  # type: ignore[attr-defined]
        shape = nested.schema
    return [field.data_key or name for name, field in shape.fields.items()]


def _place(where: Located) -> tuple[int, int]:
    return where.line, where.column
