"""syntax: what is no TICKscript."""

from __future__ import annotations

from collections.abc import Iterator

from services.linting.finding import Found, Severity
from services.linting.rule import Rule
from services.linting.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    """The text is no TICKscript: where reading ends, and what was expected there."""
    if subject.broken is not None:
        yield Found(subject.broken.position, str(subject.broken))


RULE = Rule("syntax", Severity.ERROR, check)
