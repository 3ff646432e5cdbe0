"""syntax: what is no TICKscript."""

from __future__ import annotations

from collections.abc import Iterator

from services.linting.finding import Found, Severity
from services.linting.rule import Rule
from services.linting.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    """The text is no TICKscript: where reading ends, and what was expected there.

    It goes on with the next statement that begins a line with `var`, `dbrp`, or a name and a chain behind it, and tells
    what is wrong there, too: twenty mistakes at most.
    """
    for error in subject.broken:
        yield Found(error.position, str(error))


RULE = Rule("syntax", Severity.ERROR, check)
