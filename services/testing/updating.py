"""`--update`: what came written into a file of tests where it is not what was expected, the rest of it as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from schemas.rule_tests.fields import COUNT, EXACT
from services.testing.format.document import Located
from services.testing.format.model import Expectation
from services.testing.matching.lists import ListComparison, Row
from services.testing.matching.sections import SectionResult
from services.testing.matching.values import ABSENT, Difference
from services.testing.reporting.yaml_text import expected_text, item_of, time_text, yaml_text
from services.testing.running.result import TestResult


class Edit(NamedTuple):
    """What stands from one place to another, offsets in characters, becomes a text."""

    begin: int
    end: int
    text: str


def updated(text: str, results: Iterable[TestResult]) -> str:
    """The text of a file with what came of its tests as what is expected."""
    groups = [group for result in results for group in _Updater(text, result).edits()]
    edits = dict.fromkeys(edit for group in groups for edit in _together(group))  # an alias makes the same ones again
    done = len(text)
    in_order = sorted(edits, key=lambda one: (one.begin, one.end))  # insertions in one place stay as they came
    for edit in reversed(in_order):
        if edit.end <= done:  # of two that overlap, by an alias, the later one counts
            text = text[: edit.begin] + edit.text + text[edit.end :]
            done = edit.begin
    return text


def _together(group: Iterable[Edit]) -> Iterator[Edit]:
    """Edits of one list, with one for all that is inserted in a place: things that came may be alike."""
    found: dict[tuple[int, int], str] = {}
    for begin, end, text in group:
        before = found.get((begin, end), "") if begin == end else ""
        found[begin, end] = before + text
    return (Edit(begin, end, text) for (begin, end), text in found.items())


class _Updater:
    def __init__(self, text: str, result: TestResult) -> None:
        self._text, self._result = text, result
        self._end = "\r\n" if "\r\n" in text else "\n"

    def edits(self) -> Iterator[list[Edit]]:
        """Those of each thing that was expected together."""
        result = self._result
        if result.problem is not None:
            if not self._expects():
                yield list(self._first())
            return
        nothings: dict[int, list[SectionResult]] = {one.where.begin: [] for one in self._expects() if one.nothing}
        for section in result.sections:
            if section.section.where.begin in nothings:
                nothings[section.section.where.begin].append(section)
            elif not section.same:
                yield list(self._section(section))
        for found in nothings.values():
            wrong = [section for section in found if not section.same]
            if wrong:
                yield [self._instead_of_nothing(wrong)]

    def _expects(self) -> list[Expectation]:
        test = self._result.test
        return [one for one in (*(step.expect for step in test.steps), test.expect) if one is not None]

    def _first(self) -> Iterator[Edit]:
        """An `expect` for a test that has none: its alerts."""
        where = self._result.test.where
        if where.keys is None or where.flow or self._result.start == 0:
            return
        pad = " " * (min(entry.column for entry in where.keys.values()) - 1)
        items = [expected_text(item_of("alerts", dict(one), self._result.start)) for one in self._result.alerts]
        lines = [f"{pad}expect:", *self._listed("alerts", items, len(pad) + 2)]
        yield self._insertion(where.end, lines)

    def _instead_of_nothing(self, wrong: list[SectionResult]) -> Edit:
        where, indent = wrong[0].section.where, wrong[0].section.indent
        items = {
            one.section.kind: [expected_text(item_of(one.section.kind, item, one.start)) for item in one.got]
            for one in wrong
        }
        if where.within:
            lists = ", ".join(f"{kind}: [{', '.join(some)}]" for kind, some in items.items())
            return Edit(where.begin, where.end, f"{{{lists}}}")
        lines = [line for kind, some in items.items() for line in self._listed(kind, some, indent + 2)]
        return self._block(where, lines)

    def _listed(self, kind: str, items: list[str], indent: int) -> list[str]:
        pad = " " * indent
        return [f"{pad}{kind}:", *(f"{pad}  - {item}" for item in items)] if items else [f"{pad}{kind}: none"]

    def _section(self, result: SectionResult) -> Iterator[Edit]:
        if result.listed is not None:
            yield from self._list(result, result.listed)
            return
        where = result.section.where
        edits = [self._leaf(where, one, result.start) for one in result.differences]
        found = [edit for edit in edits if edit is not None]
        if len(found) == len(edits):
            yield from found
        else:
            yield self._instead(where, _whole(where.plain, result.got, where.style))

    def _list(self, result: SectionResult, listed: ListComparison) -> Iterator[Edit]:
        where = result.section.where
        if listed.count is not None and listed.count[0] != listed.count[1]:
            count = where.at([COUNT])
            yield Edit(count.begin, count.end, str(listed.count[1]))
        if not any(row.wrong for row in listed.rows):
            return
        items = where.at(listed.path)
        wrong = [row for row in listed.rows if row.wrong]
        if items.items is not None and all(row.differences for row in wrong):
            for row in wrong:
                assert row.expected is not None
                yield from self._changed(result, listed, row, items.items[row.expected])
            return
        stays = [row for row in listed.rows if row.got is not None and (row.expected is not None or row.wrong)]
        if items.items is None or items.flow or items.within or not items.items or not stays:
            yield self._anew(result, listed, items, stays)
        else:
            yield from self._item_by_item(result, listed, items)

    def _anew(self, result: SectionResult, listed: ListComparison, items: Located, stays: list[Row]) -> Edit:
        """The whole list, where it is not one of lines."""
        texts = []
        for row in stays:
            if row.wrong or row.expected is None:
                texts.append(self._item(result, listed, row))
            else:
                old = items.at([row.expected])
                written = self._text[old.begin : old.end]
                texts.append(written if old.flow and "\n" not in written else yaml_text(old.plain))
        if not texts:
            text = "[]" if listed.path else "none"
        elif items.within or listed.path:
            text = f"[{', '.join(texts)}]"
        else:
            pad = " " * (result.section.indent + 2)
            return self._block(items, [f"{pad}- {one}" for one in texts])
        return self._instead(items, text)

    def _item_by_item(self, result: SectionResult, listed: ListComparison, items: Located) -> Iterator[Edit]:
        assert items.items is not None
        first = self._line_begin(items.items[0].begin)
        dash = self._text.index("-", first)
        pad = self._text[first:dash] if not self._text[first:dash].strip() else " " * (dash - first)
        behind: int | None = None
        for row in listed.rows:
            if row.expected is not None:
                item = items.items[row.expected]
                behind = self._line_end(item.end)
                if row.got is None:
                    yield self._deletion(item)
                elif row.differences:
                    yield from self._changed(result, listed, row, item)
            elif row.wrong:
                line = f"{pad}- {self._item(result, listed, row)}"
                if behind is None:
                    yield Edit(dash, dash, line.lstrip() + self._end + pad)
                else:
                    yield self._insertion(behind, [line])

    def _changed(self, result: SectionResult, listed: ListComparison, row: Row, item: Located) -> Iterator[Edit]:
        edits = [self._leaf(item, one, result.start) for one in row.differences]
        found = [edit for edit in edits if edit is not None]
        if len(found) == len(edits):
            yield from found
        else:
            yield Edit(item.begin, item.end, self._item(result, listed, row))

    def _leaf(self, outer: Located, one: Difference, start: int) -> Edit | None:
        """The one value that differs; None where it does not stand by itself in the file."""
        here = outer
        for step in one.path:
            below = here.at([step])
            if below is here:
                return None
            here = below
        if one.expected is ABSENT:
            return None
        got = time_text(one.got, start) if one.path and one.path[-1] == "time" else one.got
        text = "null" if got is ABSENT else expected_text(got)
        return self._instead(here, text + (self._end if here.style in ("|", ">") else ""))

    def _item(self, result: SectionResult, listed: ListComparison, row: Row) -> str:
        assert row.got is not None
        mode = EXACT if listed.mode == EXACT else ""
        item = item_of(result.section.kind, result.got[row.got], result.start, mode)
        if row.expected is not None and not mode:
            expected = result.section.where.at(listed.path).at([row.expected]).plain
            item |= item_of("", {key: result.got[row.got].get(key) for key in expected}, result.start)
        return expected_text(item)

    def _instead(self, where: Located, text: str) -> Edit:
        """A value on one line instead of another. A list of lines may stand below its key, others stand further in."""
        lines = where.items and not where.flow and not self._text[self._line_begin(where.begin) : where.begin].strip()
        return Edit(where.begin, where.end, f"  {text}" if lines else text)

    def _deletion(self, item: Located) -> Edit:
        begin = self._text.rindex("-", 0, item.begin)
        line, end = self._line_begin(begin), self._line_end(item.end)
        if self._text[line:begin].strip():  # the list begins behind something else
            return Edit(begin, item.end, "- {}")
        return Edit(line, min(end + len(self._end), len(self._text)), "")

    def _insertion(self, at: int, lines: list[str]) -> Edit:
        """Lines behind the line in which something ends."""
        end = self._line_end(at)
        return Edit(end, end, "".join(self._end + line for line in lines))

    def _block(self, where: Located, lines: list[str]) -> Edit:
        """Lines of their own instead of a value that stands behind its key."""
        begin = where.begin
        while self._text[begin - 1] == " ":
            begin -= 1
        return Edit(begin, where.end, "".join(self._end + line for line in lines))

    def _line_begin(self, at: int) -> int:
        return self._text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        """Where the line ends in which something ends; a block of text ends behind its last line."""
        if at and self._text[at - 1] == "\n":
            at -= len(self._end)
        found = self._text.find(self._end, at)
        return len(self._text) if found < 0 else found


def _whole(expected: Any, got: Any, style: str) -> str:
    if isinstance(expected, dict) and isinstance(got, dict):
        got = {key: got.get(key) for key in expected}
    text = "null" if got is ABSENT else expected_text(got)
    return text + ("\n" if style in ("|", ">") else "")
