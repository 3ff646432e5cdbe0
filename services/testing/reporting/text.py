"""What has come of a test as lines for people: what was expected beside what came, the differences marked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from schemas.rule_tests.fields import SOME
from services.testing.input.times import format_time
from services.testing.matching.lists import ListComparison, Row
from services.testing.matching.sections import SectionResult
from services.testing.matching.values import ABSENT, Difference
from services.testing.reporting.yaml_text import item_of, time_text, yaml_text
from services.testing.running.result import FAILED, PASSED, TestResult

GOOD, BAD, MISSING, EXTRA, FAINT = "good", "bad", "missing", "extra", "faint"
_AROUND = 2  # rows that are as expected, shown beside one that is not
_WIDEST = 200
_MOST_ROWS = 30  # that are not as expected, shown of a kind
_MOST_NOTES = 5
_MOST_COUNTED = 10  # of things of which there were too many or too few, shown


class TextLine(NamedTuple):
    """style: GOOD, BAD, MISSING (expected), EXTRA (came), FAINT, or "" ."""

    text: str
    style: str = ""


def lines_of(result: TestResult) -> Iterator[TextLine]:
    """A line for a test that has passed; for others all that is wrong."""
    test, status = result.test, result.status
    head = f"{test.file}:{test.where.line}  {test.name}"
    if status == PASSED:
        yield TextLine(f"ok      {head}", GOOD)
        return
    yield TextLine(f"{'FAILED' if status == FAILED else 'ERROR '}  {head}", BAD)
    if result.problem is not None:
        problem = result.problem
        yield TextLine(f"    {test.file}:{problem.line}:{problem.column}: {problem.text}", BAD)
    for section in result.sections:
        if not section.same:
            yield from _section(section, str(test.file))
    for note in list(result.notes)[:_MOST_NOTES]:
        yield TextLine(f"    note: {note}", FAINT)


def _section(result: SectionResult, file: str) -> Iterator[TextLine]:
    where = result.section.where
    moment = format_time(result.at, result.start)
    place = f"{file}:{where.line}"
    if result.listed is None:
        yield TextLine(f"  {result.section.title} at {moment} are not as expected  ({place})")
        for one in result.differences:
            yield from _difference(one, result.start, "    ")
        return
    listed = result.listed
    came = len(result.got)
    expected = sum(row.expected is not None for row in listed.rows)
    told = f"{expected} expected{' among them' if listed.mode == SOME else ''}, {came} came"
    if listed.count is not None:
        told = f"{listed.count[0]} expected, {came} came"
    yield TextLine(f"  {result.section.title} at {moment}: {told}  ({place})")
    if any(row.wrong for row in listed.rows):
        yield from _rows(result, listed)
        return
    for item in result.got[:_MOST_COUNTED]:
        yield TextLine(f"      {_shown(yaml_text(item_of(result.section.kind, item, result.start)))}", FAINT)
    if came > _MOST_COUNTED:
        yield TextLine(f"      … {came - _MOST_COUNTED} more", FAINT)


def _rows(result: SectionResult, listed: ListComparison) -> Iterator[TextLine]:
    rows = listed.rows
    near = {j for i, row in enumerate(rows) if row.wrong for j in range(i - _AROUND, i + _AROUND + 1)}
    left_out = 0
    wrong = 0
    for i, row in enumerate(rows):
        wrong += row.wrong
        if wrong > _MOST_ROWS:
            yield TextLine(f"    … {sum(one.wrong for one in rows[i:])} more that are not as expected", BAD)
            return
        if i not in near:
            left_out += 1
            continue
        if left_out:
            yield TextLine(f"      … {left_out} as expected", FAINT)
            left_out = 0
        yield from _row(result, listed, row)
    if left_out and any(row.wrong for row in rows):
        yield TextLine(f"      … {left_out} {'more' if listed.mode == SOME else 'as expected'}", FAINT)


def _row(result: SectionResult, listed: ListComparison, row: Row) -> Iterator[TextLine]:
    kind, start = result.section.kind, result.start
    items = result.section.where.at(listed.path)
    if row.expected is None:
        assert row.got is not None
        text = _shown(yaml_text(item_of(kind, result.got[row.got], start)))
        if row.wrong:
            yield TextLine(f"    + {text}    came, and is not expected", EXTRA)
        else:
            yield TextLine(f"      {text}", FAINT)
        return
    expected = items.at([row.expected])
    text = _shown(yaml_text(expected.plain))
    if row.got is None:
        yield TextLine(f"    - {text}    did not come (line {expected.line})", MISSING)
    elif not row.differences:
        yield TextLine(f"      {text}", FAINT)
    else:
        yield TextLine(f"    ! {text}    came otherwise (line {expected.line})")
        for one in row.differences:
            yield from _difference(one, start, "        ")


def _difference(one: Difference, start: int, indent: str) -> Iterator[TextLine]:
    name = ".".join(map(str, one.path))
    label = f"{indent}{name}: " if name else indent
    yield TextLine(f"{label}expected {_value(one, one.expected, start)}", MISSING)
    yield TextLine(f"{' ' * len(label)}came     {_value(one, one.got, start)}", EXTRA)


def _value(one: Difference, value: Any, start: int) -> str:
    if value is ABSENT:
        return "nothing"
    shown = time_text(value, start) if one.path and one.path[-1] == "time" else value
    return _shown(yaml_text(shown))


def _shown(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}…"
