"""What has come of tests for programs: JSON, and JUnit's XML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from services.testing.errors import BadTestFile
from services.testing.matching.sections import SectionResult
from services.testing.matching.values import ABSENT
from services.testing.reporting.text import lines_of
from services.testing.running.result import ERROR, FAILED, PASSED, TestResult

_NO_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)), "�")


def plain_of(result: TestResult) -> dict[str, Any]:
    """A test as JSON has it: file, line, name, status, seconds, problem, failures, notes."""
    problem = result.problem
    return {
        "file": str(result.test.file),
        "line": result.test.where.line,
        "name": result.test.name,
        "status": result.status,
        "seconds": round(result.seconds, 6),
        "problem": None if problem is None else {"text": problem.text, "line": problem.line, "column": problem.column},
        "failures": [_failure(section) for section in result.sections if not section.same],
        "notes": list(result.notes),
    }


def plain_of_bad(error: BadTestFile) -> dict[str, Any]:
    """A file that is mistaken as JSON has it: file, line, column (0 where there is none), text."""
    return {"file": error.file, "line": error.line, "column": error.column, "text": error.text}


def junit(results: Sequence[TestResult], mistaken: Sequence[BadTestFile] = ()) -> bytes:
    """A report as CI systems read it: a suite a file; one with an error for a file that is mistaken."""
    counts = _counts(results)
    counts |= {key: str(int(counts[key]) + len(mistaken)) for key in ("tests", "errors")}
    root = ElementTree.Element("testsuites", counts)
    files = dict.fromkeys(str(result.test.file) for result in results)
    for file in files:
        mine = [result for result in results if str(result.test.file) == file]
        suite = ElementTree.SubElement(root, "testsuite", {"name": file, **_counts(mine)})
        for result in mine:
            attributes = {"name": _clean(result.test.name), "classname": file, "time": f"{result.seconds:.6f}"}
            attributes |= {"file": file, "line": str(result.test.where.line)}
            case = ElementTree.SubElement(suite, "testcase", attributes)
            if result.status != PASSED:
                lines = [line.text for line in lines_of(result)]
                about = lines[1].strip() if len(lines) > 1 else "failed"
                kind = "failure" if result.status == FAILED else "error"
                told = ElementTree.SubElement(case, kind, {"message": _clean(about)})
                told.text = _clean("\n".join(lines))
    for error in mistaken:
        counts = {"tests": "1", "failures": "0", "errors": "1", "time": "0"}
        suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(error.file), **counts})
        case = ElementTree.SubElement(
            suite, "testcase", {"name": "the file", "classname": _clean(error.file), "time": "0"}
        )
        ElementTree.SubElement(case, "error", {"message": _clean(error.text)}).text = _clean(str(error))
    ElementTree.indent(root)
    found: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return found + b"\n"


def _counts(results: Sequence[TestResult]) -> dict[str, str]:
    return {
        "tests": str(len(results)),
        "failures": str(sum(result.status == FAILED for result in results)),
        "errors": str(sum(result.status == ERROR for result in results)),
        "time": f"{sum(result.seconds for result in results):.6f}",
    }


def _failure(result: SectionResult) -> dict[str, Any]:
    listed = result.listed
    found: dict[str, Any] = {
        "what": result.section.title,
        "line": result.section.where.line,
        "expected": result.section.where.plain,
        "got": None if result.got is ABSENT else result.got,
    }
    if listed is not None:
        found["missing"] = [row.expected for row in listed.rows if row.wrong and row.got is None]
        found["unexpected"] = [row.got for row in listed.rows if row.wrong and row.expected is None]
        found["different"] = [
            {"expected": row.expected, "got": row.got, "at": [list(one.path) for one in row.differences]}
            for row in listed.rows
            if row.differences
        ]
    else:
        found["different"] = [list(one.path) for one in result.differences]
    return found


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return text.translate(_NO_XML)
