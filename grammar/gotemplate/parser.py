"""Template text to syntax trees, one a template that the text defines."""

from __future__ import annotations

import re
from collections.abc import Container

from grammar.golang.numbers import float_literal, int_literal
from grammar.golang.quoting import quote, unquote
from grammar.gotemplate import lexer, nodes
from grammar.gotemplate.errors import TemplateError
from grammar.gotemplate.lexer import Token

MAX_CHARACTERS = 1 << 16
"""Of a template: one of as many takes a second to be parsed."""

_OPERANDS = frozenset(
    (
        lexer.BOOL,
        lexer.CHAR_CONSTANT,
        lexer.COMPLEX,
        lexer.DOT,
        lexer.FIELD,
        lexer.IDENTIFIER,
        lexer.NUMBER,
        "nil",
        lexer.RAW_STRING,
        lexer.STRING,
        lexer.VARIABLE,
        lexer.LEFT_PAREN,
    )
)
_COMPLEX = re.compile(r"([+-]?[^i]+?)([+-][^+-]+(?:[eE][+-]\d+)?)i")


def parse_trees(text: str, name: str, functions: Container[str]) -> dict[str, nodes.NodeList]:
    """All templates of a text by name, the text's own under `name`.

    functions holds the names that may be called. Raises TemplateError "template: NAME:LINE: …" in Go's words.
    """
    if len(text) > MAX_CHARACTERS:
        raise TemplateError(f"template: {name}:1: longer than {MAX_CHARACTERS} characters")
    trees: dict[str, nodes.NodeList] = {}
    try:
        _Tree(name, name, _Source(lexer.tokenize(text)), functions, trees).parse()
    except RecursionError:
        raise TemplateError(f"template: {name}:1: nested too deeply") from None
    return trees


class _Source:
    """The tokens not yet read, shared by the trees of one text."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def next(self) -> Token:
        token = self.tokens[min(self.at, len(self.tokens) - 1)]
        self.at += 1
        return token


class _Tree:
    """The parser of one template.

    Go names the line of the newest token that this template's parser has seen; so each keeps its own look-ahead.
    """

    def __init__(
        self, name: str, parse_name: str, source: _Source, functions: Container[str], trees: dict[str, nodes.NodeList]
    ) -> None:
        self.name = name
        self.parse_name = parse_name
        self.source = source
        self.functions = functions
        self.trees = trees
        self.vars = ["$"]
        self.tokens = [Token(lexer.ERROR, 0, "", 0)] * 3
        self.pending = 0
        self.action_line = 0
        self.range_depth = 0

    def parse(self) -> None:
        root = nodes.NodeList(self._peek().pos)
        while self._peek().kind != lexer.EOF:
            if self._peek().kind == lexer.LEFT_DELIM:
                delim = self._next()
                if self._next_non_space().kind == "define":
                    self._sub("definition").definition()
                    continue
                self._backup2(delim)
            node = self._text_or_action()
            if isinstance(node, nodes.Mark):
                self._fail(f"unexpected {node}")
            root.nodes.append(node)
        self._add(root)

    def definition(self) -> None:
        context = "define clause"
        token = self._next_non_space()
        if token.kind not in (lexer.STRING, lexer.RAW_STRING):
            self._unexpected(token, context)
        self.name = self._unquote(token.text)
        self._expect(lexer.RIGHT_DELIM, context)
        self._finish(context)

    def _finish(self, context: str) -> None:
        root, end = self._item_list()
        if end.kind != "end":
            self._fail(f"unexpected {end} in {context}")
        self._add(root)

    def _sub(self, name: str) -> _Tree:
        return _Tree(name, self.parse_name, self.source, self.functions, self.trees)

    def _add(self, root: nodes.NodeList) -> None:
        known = self.trees.get(self.name)
        if known is None or nodes.is_empty(known):
            self.trees[self.name] = root
        elif not nodes.is_empty(root):
            self._fail(f"template: multiple definition of template {quote(self.name)}")

    # Tokens

    def _next(self) -> Token:
        if self.pending > 0:
            self.pending -= 1
        else:
            self.tokens[0] = self.source.next()
        return self.tokens[self.pending]

    def _peek(self) -> Token:
        if self.pending > 0:
            return self.tokens[self.pending - 1]
        self.pending = 1
        self.tokens[0] = self.source.next()
        return self.tokens[0]

    def _backup(self) -> None:
        self.pending += 1

    def _backup2(self, first: Token) -> None:
        self.tokens[1] = first
        self.pending = 2

    def _backup3(self, first: Token, second: Token) -> None:
        self.tokens[1] = second
        self.tokens[2] = first
        self.pending = 3

    def _next_non_space(self) -> Token:
        while (token := self._next()).kind == lexer.SPACE:
            pass
        return token

    def _peek_non_space(self) -> Token:
        token = self._next_non_space()
        self._backup()
        return token

    def _expect(self, kind: str, context: str) -> Token:
        token = self._next_non_space()
        if token.kind != kind:
            self._unexpected(token, context)
        return token

    def _unexpected(self, token: Token, context: str) -> None:
        if token.kind != lexer.ERROR:
            self._fail(f"unexpected {token} in {context}")
        extra = ""
        if self.action_line not in (0, token.line):
            extra = f" in action started at {self.parse_name}:{self.action_line}"
            if token.text.endswith(" action"):
                extra = extra.removeprefix(" in action")
        self._fail(f"{token}{extra}")

    def _fail(self, message: str) -> None:
        raise TemplateError(f"template: {self.parse_name}:{self.tokens[0].line}: {message}")

    def _unquote(self, literal: str) -> str:
        try:
            return unquote(literal)
        except ValueError as error:
            self._fail(str(error))
            raise

    # Actions

    def _item_list(self) -> tuple[nodes.NodeList, nodes.Mark]:
        found = nodes.NodeList(self._peek_non_space().pos)
        while self._peek_non_space().kind != lexer.EOF:
            node = self._text_or_action()
            if isinstance(node, nodes.Mark):
                return found, node
            found.nodes.append(node)
        self._fail("unexpected EOF")
        raise AssertionError

    def _text_or_action(self) -> nodes.Node:
        token = self._next_non_space()
        if token.kind == lexer.TEXT:
            return nodes.Text(token.pos, token.text)
        if token.kind != lexer.LEFT_DELIM:
            self._unexpected(token, "input")
        self.action_line = token.line
        node = self._action()
        self.action_line = 0
        return node

    def _action(self) -> nodes.Node:
        token = self._next_non_space()
        match token.kind:
            case "block":
                return self._block()
            case "break" | "continue" as kind:
                return self._jump(kind, token)
            case "else":
                if self._peek_non_space().kind != "if":
                    self._expect(lexer.RIGHT_DELIM, "else")
                return nodes.Mark(token.pos, "else")
            case "end":
                return nodes.Mark(self._expect(lexer.RIGHT_DELIM, "end").pos, "end")
            case "if" | "range" | "with" as kind:
                return self._control(kind)
            case "template":
                return self._template()
        self._backup()
        token = self._peek()
        return nodes.Action(token.pos, token.line, self._pipeline("command", lexer.RIGHT_DELIM))

    def _jump(self, kind: str, token: Token) -> nodes.Node:
        after = self._next_non_space()
        if after.kind != lexer.RIGHT_DELIM:
            self._unexpected(after, f"{{{{{kind}}}}}")
        if self.range_depth == 0:
            self._fail(f"{{{{{kind}}}}} outside {{{{range}}}}")
        return nodes.Jump(token.pos, kind, token.line)

    def _control(self, kind: str) -> nodes.Branch:
        scope = len(self.vars)
        pipe = self._pipeline(kind, lexer.RIGHT_DELIM)
        self.range_depth += kind == "range"
        body, mark = self._item_list()
        self.range_depth -= kind == "range"
        otherwise = None
        if mark.kind == "else":
            if kind == "if" and self._peek().kind == "if":
                self._next()
                otherwise = nodes.NodeList(mark.pos, [self._control("if")])
            else:
                otherwise, mark = self._item_list()
                if mark.kind != "end":
                    self._fail(f"expected end; found {mark}")
        del self.vars[scope:]
        return nodes.Branch(pipe.pos, kind, pipe.line, pipe, body, otherwise)

    def _block(self) -> nodes.Node:
        context = "block clause"
        token = self._next_non_space()
        name = self._template_name(token, context)
        pipe = self._pipeline(context, lexer.RIGHT_DELIM)
        self._sub(name)._finish(context)
        return nodes.Call(token.pos, token.line, name, pipe)

    def _template(self) -> nodes.Node:
        context = "template clause"
        token = self._next_non_space()
        name = self._template_name(token, context)
        pipe = None
        if self._next_non_space().kind != lexer.RIGHT_DELIM:
            self._backup()
            pipe = self._pipeline(context, lexer.RIGHT_DELIM)
        return nodes.Call(token.pos, token.line, name, pipe)

    def _template_name(self, token: Token, context: str) -> str:
        if token.kind not in (lexer.STRING, lexer.RAW_STRING):
            self._unexpected(token, context)
        return self._unquote(token.text)

    # Pipelines

    def _pipeline(self, context: str, end: str) -> nodes.Pipe:
        token = self._peek_non_space()
        pipe = nodes.Pipe(token.pos, token.line)
        while self._declaration(pipe, context):
            pass
        while True:
            token = self._next_non_space()
            if token.kind == end:
                self._check_pipeline(pipe, context)
                return pipe
            if token.kind not in _OPERANDS:
                self._unexpected(token, context)
            self._backup()
            pipe.cmds.append(self._command())

    def _declaration(self, pipe: nodes.Pipe, context: str) -> bool:
        """Read `$x :=` or `$x =`, or the first of `$k, $v :=`; True where another variable must follow."""
        variable = self._peek_non_space()
        if variable.kind != lexer.VARIABLE:
            return False
        self._next()
        after = self._peek()
        following = self._peek_non_space()
        if following.kind in (lexer.ASSIGN, lexer.DECLARE):
            pipe.is_assign = following.kind == lexer.ASSIGN
            self._next_non_space()
            self._declare(pipe, variable)
        elif following.kind == lexer.CHAR and following.text == ",":
            self._next_non_space()
            self._declare(pipe, variable)
            if context == "range" and len(pipe.decl) < 2:
                if self._peek_non_space().kind in (lexer.VARIABLE, lexer.RIGHT_DELIM, lexer.RIGHT_PAREN):
                    return True
                self._fail("range can only initialize variables")
            self._fail(f"too many declarations in {context}")
        elif after.kind == lexer.SPACE:
            self._backup3(variable, after)
        else:
            self._backup2(variable)
        return False

    def _declare(self, pipe: nodes.Pipe, token: Token) -> None:
        pipe.decl.append(nodes.Variable(token.pos, token.text.split(".")))
        self.vars.append(token.text)

    def _check_pipeline(self, pipe: nodes.Pipe, context: str) -> None:
        if not pipe.cmds:
            self._fail(f"missing value for {context}")
        for number, command in enumerate(pipe.cmds[1:], 2):
            if isinstance(command.args[0], (nodes.Bool, nodes.Dot, nodes.Nil, nodes.Number, nodes.String)):
                self._fail(f"non executable command in pipeline stage {number}")

    def _command(self) -> nodes.Command:
        command = nodes.Command(self._peek_non_space().pos)
        while True:
            self._peek_non_space()
            operand = self._operand()
            if operand is not None:
                command.args.append(operand)
            token = self._next()
            if token.kind == lexer.SPACE:
                continue
            if token.kind in (lexer.RIGHT_DELIM, lexer.RIGHT_PAREN):
                self._backup()
            elif token.kind != lexer.PIPE:
                self._unexpected(token, "operand")
            break
        if not command.args:
            self._fail("empty command")
        return command

    def _operand(self) -> nodes.Node | None:
        node = self._term()
        if node is None or self._peek().kind != lexer.FIELD:
            return node
        pos = self._peek().pos
        fields = []
        while self._peek().kind == lexer.FIELD:
            fields.append(self._next().text[1:])
        if isinstance(node, nodes.Field):
            return nodes.Field(pos, node.idents + fields)
        if isinstance(node, nodes.Variable):
            return nodes.Variable(pos, node.idents + fields)
        if isinstance(node, (nodes.Bool, nodes.String, nodes.Number, nodes.Nil, nodes.Dot)):
            self._fail(f"unexpected . after term {quote(str(node))}")
        return nodes.Chain(pos, node, fields)

    def _term(self) -> nodes.Node | None:
        token = self._next_non_space()
        pos, text = token.pos, token.text
        match token.kind:
            case lexer.IDENTIFIER:
                if text not in self.functions:
                    self._fail(f"function {quote(text)} not defined")
                return nodes.Identifier(pos, text)
            case lexer.DOT:
                return nodes.Dot(pos)
            case "nil":
                return nodes.Nil(pos)
            case lexer.VARIABLE:
                if text not in self.vars:
                    self._fail(f"undefined variable {quote(text)}")
                return nodes.Variable(pos, [text])
            case lexer.FIELD:
                return nodes.Field(pos, [text[1:]])
            case lexer.BOOL:
                return nodes.Bool(pos, text == "true")
            case lexer.CHAR_CONSTANT | lexer.COMPLEX | lexer.NUMBER:
                try:
                    return _number(pos, text, token.kind)
                except ValueError as error:
                    self._fail(str(error))
            case lexer.LEFT_PAREN:
                return self._pipeline("parenthesized pipeline", lexer.RIGHT_PAREN)
            case lexer.STRING | lexer.RAW_STRING:
                return nodes.String(pos, text, self._unquote(text))
        self._backup()
        return None


def _number(pos: int, text: str, kind: str) -> nodes.Number:
    if kind == lexer.CHAR_CONSTANT:
        char = unquote(text)
        if len(char) != 1:
            raise ValueError(f"malformed character constant: {text}" if char else "invalid syntax")
        return nodes.Number(pos, text, ord(char), float(ord(char)), None)
    if kind == lexer.COMPLEX or text.endswith("i"):
        return _complex(pos, text)
    whole = int_literal(text)
    if whole is not None and -(1 << 63) <= whole < 1 << 64:
        return nodes.Number(pos, text, whole, float(whole), None)
    real = float_literal(text)
    if real is None:
        raise ValueError(f"illegal number syntax: {quote(text)}")
    if not any(char in text for char in ".eEpP"):
        raise ValueError(f"integer overflow: {quote(text)}")
    fits = real.is_integer() and abs(real) < 1 << 63
    return nodes.Number(pos, text, int(real) if fits else None, real, None)


def _complex(pos: int, text: str) -> nodes.Number:
    found = _COMPLEX.fullmatch(text)
    real, imaginary = (found[1], found[2]) if found else ("0", text[:-1])
    parts = float_literal(real), float_literal(imaginary)
    if parts[0] is None or parts[1] is None:
        raise ValueError(f"illegal number syntax: {quote(text)}")
    return nodes.Number(pos, text, None, None, complex(parts[0], parts[1]))
