"""regex-anchor: regular expressions that are looked for all over tags of many values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from grammar.tickscript.ast import Binary, Reference, Regex, walk
from services.linting.finding import Found, Severity
from services.linting.flow import lambdas_of, measured_at
from services.linting.rule import Rule
from services.linting.subject import Subject

MANY = 20
"""Values of a tag from which on it is told."""

_ANCHORED = re.compile(r"\A(?:\(\?[a-zA-Z]+\))?(?:\^|\\A)|(?:\$|\\z)\Z")


def check(subject: Subject) -> Iterator[Found]:
    """With `--sample`: a regular expression without `^` or `$` on a tag of 20 values or more.

    It is found anywhere in them: `/db1/` in `db10`, too.
    """
    if subject.graph is None or subject.flow is None:
        return
    for node in subject.graph.nodes:
        measured = measured_at(node, subject.flow)
        if measured is None:
            continue
        for value in lambdas_of(node):
            for part in walk(value.expression):
                if not isinstance(part, Binary) or part.operator not in ("=~", "!~"):
                    continue
                if not isinstance(part.left, Reference) or not isinstance(part.right, Regex):
                    continue
                count = len(measured.tags.get(part.left.name, ()))
                if count >= MANY and not _ANCHORED.search(part.right.pattern):
                    yield Found(
                        part.right.position,
                        f'the regular expression has no anchor, and the tag "{part.left.name}" has {count} values',
                        "begin it with ^, or end it with $",
                    )


RULE = Rule("regex-anchor", Severity.WARNING, check)
