"""Findings for programs: plain data, and SARIF 2.1.0."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from services.linting.finding import Finding
from services.linting.rules import RULES


def plain(finding: Finding) -> dict[str, Any]:
    """A finding as JSON has it."""
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "end": finding.end,
        "message": finding.message,
        "help": finding.help,
    }


def sarif(findings: Sequence[Finding], version: str) -> dict[str, Any]:
    """The findings as a log in SARIF 2.1.0; version: of tickbus."""
    rules = [
        {
            "id": rule.name,
            "shortDescription": {"text": rule.about},
            "fullDescription": {"text": rule.doc},
            "defaultConfiguration": {"level": rule.severity.value},
        }
        for rule in RULES.values()
    ]
    driver = {"name": "tickbus lint", "version": version, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in findings],
    }
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _result(finding: Finding) -> dict[str, Any]:
    text = f"{finding.message}; {finding.help}" if finding.help else finding.message
    region = {"startLine": finding.line, "startColumn": finding.column, "endColumn": finding.end}
    place = {"artifactLocation": {"uri": _uri(finding.file)}, "region": region}
    return {
        "ruleId": finding.rule,
        "ruleIndex": list(RULES).index(finding.rule),
        "level": finding.severity.value,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }


def _uri(file: str) -> str:
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
