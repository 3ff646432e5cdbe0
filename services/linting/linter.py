"""A script's text to what all rules find in it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from grammar.tickscript.ast import Identifier, Link, Position, Script, TickscriptError, TypeDeclaration, walk
from grammar.tickscript.limits import MAX_WORDS
from grammar.tickscript.parser import parse
from grammar.tickscript.recovery import errors_behind
from grammar.tickscript.scanner import scan
from services.linting.finding import Finding, Found
from services.linting.flow import flow
from services.linting.ignoring import ignored
from services.linting.rule import Rule
from services.linting.rules import NEVER_IGNORED, RULES
from services.linting.sample import Sample
from services.linting.subject import Subject
from services.pipeline.compiler.compile import compile_script
from services.pipeline.compiler.vars import Var, VarType
from services.pipeline.functions import FunctionUnavailable
from services.pipeline.graph import Graph
from services.pipeline.registry import Registry

_PLACE = re.compile(r"\bline (\d+) char (\d+)")
_BEGINNING = re.compile(r"^(?:parser: )?(?:line \d+ char \d+: )?")
_ANY_TEXT = "{{{{ .Group }}}} {}"  # stands for what tasks give a template: an id, a topic, a name of its own
_UNDEFINED = re.compile(r'name "(.*)" is undefined')


def lint(
    text: str, file: str, registry: Registry, sample: Sample | None = None, interval: int | None = None
) -> list[Finding]:
    """What is to be said of a script, in order of places. It never raises, whatever the text.

    registry: what scripts may use. sample: of the points that the script will see. interval: how often points of a
    series are written, ns, where the sample does not tell it. A script with vars that have a type and no value is
    looked at as a template.
    """
    tokens = scan(text, MAX_WORDS)
    words = {_key(token.position): token.text.partition("\n")[0] for token in tokens}
    lines = text.split("\n")
    subject = _subject(text, registry, sample, interval)
    quiet = ignored(tokens)
    found = {
        _finding(rule, one, file, lines, words)
        for rule in RULES.values()
        for one in rule.check(subject)
        if rule.name in NEVER_IGNORED or not _is_ignored(rule.name, quiet.get(one.position.line))
    }
    return sorted(found, key=lambda one: (one.line, one.column, one.rule, one.message))


def _subject(text: str, registry: Registry, sample: Sample | None, interval: int | None) -> Subject:
    try:
        script = parse(text)
    except TickscriptError as error:
        return Subject(broken=tuple(_placed(one, None) for one in (error, *errors_behind(text, error))))
    given = {one.name.name: one.type_name.name for one in script.statements if isinstance(one, TypeDeclaration)}
    subject = Subject(script=script, sample=sample, template=bool(given))
    try:
        graph = _compiled(script, registry, given)
    except TickscriptError as error:
        refused = _placed(error, script)
        return replace(subject, refused=refused, lacking=_lacking(error, refused, script))
    if (mismatch := graph.mismatch()) is not None:
        return replace(subject, refused=TickscriptError(mismatch, Position(0, 1, 1)))
    return replace(subject, graph=graph, flow=flow(graph, sample, interval))


def _compiled(script: Script, registry: Registry, given: Mapping[str, str]) -> Graph:
    """The graph of a script; given: its vars without values, and their types. Raises TickscriptError."""
    if given:
        texts = [name for name, type_ in given.items() if type_ == VarType.STRING.value]
        vars = {name: Var(VarType.STRING, _ANY_TEXT.format(name)) for name in texts}
        with contextlib.suppress(TickscriptError):
            return compile_script(script, registry, vars, template=True).graph
    return compile_script(script, registry, template=bool(given)).graph


def _placed(error: TickscriptError, script: Script | None) -> TickscriptError:
    """The same error with a place, if there is any that it can be given, and without one in its text."""
    if error.position.line:
        return TickscriptError(_BEGINNING.sub("", str(error), count=1), error.position)
    position = Position(0, 1, 1)
    if (match := _PLACE.search(str(error))) is not None:
        position = Position(0, int(match[1]), int(match[2]))
    elif (match := _UNDEFINED.search(str(error))) is not None:
        uses = (one.position for one in _names(script) if one.name == match[1])
        position = next(uses, position)
    return TickscriptError(_BEGINNING.sub("", str(error), count=1), position)


def _lacking(error: TickscriptError, placed: TickscriptError, script: Script) -> str:
    """Why a function (`@name`) cannot be used here, where it is that which the error is about; else empty."""
    if isinstance(error, FunctionUnavailable):
        return str(placed)
    calls = (one for one in walk(script.statements) if isinstance(one, Link) and one.operator == "@")
    names = (one.name for one in calls if _key(one.position) == _key(placed.position))
    return next((f"the function @{name} is not known" for name in names), "")


def _names(script: Script | None) -> Iterator[Identifier]:
    return (one for one in walk(() if script is None else script.statements) if isinstance(one, Identifier))


def _is_ignored(name: str, rules: frozenset[str] | None) -> bool:
    return rules is not None and (not rules or name in rules)


def _finding(rule: Rule, found: Found, file: str, lines: list[str], words: dict[tuple[int, int], str]) -> Finding:
    """words: by place."""
    line, column = _characters(found.position, lines)
    end = column + max(len(words.get(_key(found.position), "")), 1)
    severity = found.severity or rule.severity
    return Finding(rule.name, severity, file, line, column, end, found.message, found.help)


def _key(position: Position) -> tuple[int, int]:
    return position.line, position.char


def _characters(position: Position, lines: list[str]) -> tuple[int, int]:
    """Line and column in characters, where positions count bytes."""
    line = min(max(position.line, 1), len(lines))
    before = lines[line - 1].encode("utf-8", "replace")[: max(position.char - 1, 0)]
    return line, len(before.decode("utf-8", "replace")) + 1
