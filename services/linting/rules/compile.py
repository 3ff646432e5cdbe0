"""compile: what defining a task would be refused for."""

from __future__ import annotations

from collections.abc import Iterator

from services.linting.finding import Found, Severity
from services.linting.rule import Rule
from services.linting.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    """Defining the task would be refused: unknown nodes, properties and names, arguments of the wrong types.

    A script that calls a function (`@name()`) that is not declared, or does not answer, cannot be looked at further;
    that is a warning, for it may be so where the task is to run. `--config` declares functions.
    """
    if subject.refused is None:
        return
    if subject.lacking:
        yield Found(
            subject.refused.position,
            f"the script is not looked at further: {subject.lacking}",
            "name the configuration that declares the function with --config",
            Severity.WARNING,
        )
    else:
        yield Found(subject.refused.position, str(subject.refused))


RULE = Rule("compile", Severity.ERROR, check)
