"""The JSON schema of files of tests takes what is run, and refuses what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from schemas.rule_tests.json_schema import json_schema
from services.testing.format.document import read_documents

ROOT = Path(__file__).resolve().parents[4]
FILES = sorted((ROOT / "tests" / "examples").glob("*/test.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def documents(text: str) -> list[Any]:
    return [document.plain for document in read_documents(text, "f")]


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert all(
        "description" in field for shape in json_schema()["$defs"].values() for field in shape["properties"].values()
    )


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parent.name)
def test_it_takes_the_examples(file: Path) -> None:
    for document in documents(file.read_text("utf-8")):
        VALIDATOR.validate(document)


@pytest.mark.parametrize(
    "text",
    [
        "expct: nothing",
        "tests: []",
        "tests: [{expect: {alerts: [{lvel: OK}]}}]",
        "expect: {alerts: {some: [], sum: 3}}",
        "expect: {counts: {warning: 3}}",
        "input: [{answers: [{tags: {a: b}}]}]",
        "input: 3",
    ],
)
def test_it_refuses_what_is_refused(text: str) -> None:
    (document,) = documents(text)
    assert not VALIDATOR.is_valid(document)
