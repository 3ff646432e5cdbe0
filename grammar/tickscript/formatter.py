"""Writes a syntax tree as text, in TICKscript's one canonical form.

Comments stand on lines of their own before the element that they belong to.
"""

from __future__ import annotations

from grammar.tickscript.ast import (
    Binary,
    Bool,
    Call,
    Chain,
    Dbrp,
    Declaration,
    DurationLit,
    Expression,
    ExpressionStatement,
    Identifier,
    Lambda,
    List,
    Node,
    Number,
    Reference,
    Regex,
    Script,
    Statement,
    String,
    TypeDeclaration,
    Unary,
)
from grammar.tickscript.literals import (
    format_duration,
    format_float,
    format_reference,
    format_regex,
    format_string,
)
from grammar.tickscript.parser import parse

_STEP = "    "


def format_script(script: Script | str) -> str:
    """A script in canonical form, ended by a line break; TickscriptError for a text that cannot be read.

    Formatting what is formatted changes nothing, but for what Kapacitor itself lays out otherwise the second time: an
    expression that goes over several lines, a chain as an argument, a comment inside an expression.
    """
    if isinstance(script, str):
        script = parse(script)
    texts = [_statement(statement) for statement in script.statements]
    if script.trailing:
        texts.append(_comment(script.trailing, ""))
    return "\n".join(text + "\n" for text in texts)


def format_expression(expression: Expression) -> str:
    """An expression as Kapacitor shows it in answers and errors: of a lambda, what stands behind `lambda:`."""
    parts: list[str] = []
    _write(expression.expression if isinstance(expression, Lambda) else expression, parts, "", True)
    return "".join(parts)


def _statement(statement: Statement) -> str:
    parts: list[str] = []
    if isinstance(statement, ExpressionStatement):
        _write(statement.expression, parts, "", True)
        return "".join(parts)
    if statement.comment:
        parts.append(_comment(statement.comment, ""))
    if isinstance(statement, Dbrp):
        database, retention_policy = format_reference(statement.database), format_reference(statement.retention_policy)
        parts.append(f"dbrp {database}.{retention_policy}")
    else:
        parts.append("var ")
        _write(statement.name, parts, "", False)
        if isinstance(statement, Declaration):
            parts.append(" = ")
            _write(statement.value, parts, "", False)
        else:
            assert isinstance(statement, TypeDeclaration)
            parts.append(" ")
            _write(statement.type_name, parts, "", False)
    return "".join(parts)


def _comment(lines: tuple[str, ...], indent: str) -> str:
    return "".join("\n" if line == "\n" else f"{indent}// {line}\n" if line else f"{indent}//\n" for line in lines)


def _write(node: Expression, parts: list[str], indent: str, new_line: bool) -> None:
    """Appends a node's text. `new_line` tells that it stands at the start of a line, which is still to be indented."""
    if isinstance(node, Chain):
        _chain(node, parts, indent, new_line)
        return
    new_line = _lead(node, parts, indent, new_line)
    if new_line:
        parts.append(indent)
    if isinstance(node, Binary):
        _binary(node, parts, indent)
    elif isinstance(node, Unary):
        parts.append(node.operator)
        _write(node.operand, parts, indent, False)
    elif isinstance(node, Lambda):
        parts.append("lambda: ")
        _write(node.expression, parts, indent, False)
    elif isinstance(node, Call):
        parts.append(node.name)
        _arguments(node.arguments, node.multiline, parts, indent)
    elif isinstance(node, List):
        parts.append("[")
        for i, item in enumerate(node.items):
            if i:
                parts.append(", ")
            _write(item, parts, indent, new_line)
        parts.append("]")
    else:
        parts.append(_leaf(node))


def _lead(node: Node, parts: list[str], indent: str, new_line: bool) -> bool:
    """Appends a node's comment; true where the node is at the start of a line."""
    if not node.comment:
        return new_line
    if not new_line:
        parts.append("\n")
    parts.append(_comment(node.comment, indent))
    return True


def _leaf(node: Expression) -> str:
    match node:
        case Number(value=float(value)):
            return format_float(value)
        case Number(value=value, base=8):
            return f"0{value:o}" if value else "00"
        case Number(value=value):
            return str(value)
        case String(value=text, triple=triple):
            return format_string(text, triple)
        case Reference(name=name):
            return format_reference(name)
        case Identifier(name=name):
            return name
        case DurationLit(ns=ns, literal=literal):
            return literal or format_duration(ns)
        case Bool(value=truth):
            return "TRUE" if truth else "FALSE"
        case Regex(pattern=pattern):
            return format_regex(pattern)
    return "*"


def _binary(node: Binary, parts: list[str], indent: str) -> None:
    if node.parens:
        parts.append("(")
        indent += _STEP
    _write(node.left, parts, indent, False)
    parts.append(f" {node.operator}" + ("\n" if node.multiline else " "))
    _write(node.right, parts, indent, node.multiline)
    if node.parens:
        parts.append(")")


def _chain(chain: Chain, parts: list[str], indent: str, new_line: bool) -> None:
    _write(chain.head, parts, indent, new_line)
    for link in chain.links:
        inner = indent + (_STEP * 2 if link.operator == "." else _STEP)
        parts.append("\n")
        parts.append(_comment(link.comment, inner))
        parts.append(f"{inner}{link.operator}{link.name}")
        if link.called:
            _arguments(link.arguments, link.multiline, parts, inner)


def _arguments(arguments: tuple[Expression, ...], multiline: bool, parts: list[str], indent: str) -> None:
    parts.append("(")
    for i, argument in enumerate(arguments):
        if i:
            parts.append("," if multiline else ", ")
        if multiline:
            parts.append("\n")
        _write(argument, parts, indent + _STEP, multiline)
    if multiline and arguments:
        parts.append("\n" + indent)
    parts.append(")")
