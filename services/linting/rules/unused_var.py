"""unused-var: vars that nothing reads."""

from __future__ import annotations

from collections.abc import Iterator

from grammar.tickscript.ast import Chain, Declaration, Identifier, Script, TypeDeclaration, walk
from services.linting.finding import Found, Severity
from services.linting.rule import Rule
from services.linting.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    """A var that nothing in the script reads. Vars that stand for nodes are left to `unreachable`."""
    if subject.script is None:
        return
    read = _read(subject.script)
    for statement in subject.script.statements:
        if not isinstance(statement, Declaration | TypeDeclaration) or statement.name.name in read:
            continue
        if isinstance(statement, Declaration) and _is_node(statement):
            continue
        yield Found(statement.name.position, f"the var {statement.name.name} is never read", "remove it, or use it")


def _read(script: Script) -> set[str]:
    """The names that stand anywhere but where they are declared."""
    found: set[str] = set()
    for statement in script.statements:
        if isinstance(statement, TypeDeclaration):
            continue
        part = statement.value if isinstance(statement, Declaration) else statement
        found.update(one.name for one in walk(part) if isinstance(one, Identifier))
    return found


def _is_node(statement: Declaration) -> bool:
    value = statement.value
    return isinstance(value, Chain) or (isinstance(value, Identifier) and value.name in ("stream", "batch"))


RULE = Rule("unused-var", Severity.WARNING, check)
