"""InfluxQL text to its SELECT. The subset that InfluxDB 1.3 had before subqueries, with its error texts."""

from __future__ import annotations

from grammar.golang.numbers import parse_float, parse_int
from grammar.influxql.ast import (
    Binary,
    Call,
    Distinct,
    Expression,
    Literal,
    Other,
    Paren,
    Reference,
    Regex,
    Select,
    Wildcard,
    too_deep,
    walk,
)
from grammar.influxql.scanner import OPERATORS, InfluxQLError, Scanner, Token, TooDeep
from grammar.influxql.validate import validate

_STATEMENTS = ("SELECT", "DELETE", "SHOW", "CREATE", "DROP", "GRANT", "REVOKE", "ALTER", "SET", "KILL")
_OPERANDS = ("identifier", "string", "number", "bool")
_NOT_IN_FIELDS = frozenset(("=", "!=", "=~", "!~", "<", "<=", ">", ">=", "AND", "OR"))
_TYPES = ("float", "integer", "string", "boolean", "field", "tag")
_MAX_DEPTH = 100
_TOO_DEEP = f"expressions are nested too deeply, more than {_MAX_DEPTH}"
_FILLS = ("null", "none", "previous", "linear")
_MOST = 2**63 - 1


def parse_select(text: str) -> Select:
    """The one SELECT that a text has to be. Raises InfluxQLError in the reference's words."""
    try:
        statements = _Parser(text).query()
    except InfluxQLError as e:
        raise type(e)(f"failed to parse InfluxQL query: {e}") from None
    if len(statements) != 1:
        raise InfluxQLError(f"query must be a single select statement, got {len(statements)} statements")
    if isinstance(statements[0], Other):
        shown = statements[0].text.replace("\\", "\\\\").replace('"', '\\"')
        raise InfluxQLError(f'query is not a select statement "{shown}"')
    return statements[0]


def parse_statement(text: str) -> Select | Other:
    """The first statement of a text, whatever follows it. Raises InfluxQLError in the reference's words."""
    return _Parser(text).first()


class _Parser:
    """Reads on from `_at`; a token is given back by setting that back."""

    def __init__(self, text: str) -> None:
        self._scanner = Scanner(text)
        self._at = 0
        self._depth = 0
        self._measurements: list[str | Regex] = []
        self._names: list[str] = []

    def query(self) -> list[Select | Other]:
        statements: list[Select | Other] = []
        separated = True
        while (token := self._next()).kind != "EOF":
            if token.kind == ";":
                separated = True
                continue
            if not separated:
                raise self._found(token, ";")
            statements.append(self._statement(token))
            separated = False
        return statements

    def first(self) -> Select | Other:
        return self._statement(self._next())

    def _statement(self, first: Token) -> Select | Other:
        if first.kind == "SELECT":
            return self._select(first.start)
        if first.kind not in _STATEMENTS:
            raise self._found(first, *_STATEMENTS)
        words = [first.shown]
        while (token := self._peek()).kind not in (";", "EOF"):
            words.append(token.shown)
            self._at = token.end
        return Other(" ".join(words))

    def _select(self, start: int) -> Select:
        self._measurements, self._names = [], []
        fields = [self._field()]
        while self._take(",") is not None:
            fields.append(self._field())
        if self._take("INTO") is not None:
            self._identifiers()
        self._expect("FROM")
        sources = [self._source()]
        while self._take(",") is not None:
            sources.append(self._source())
        head = self._since(start)
        where, condition = None, ""
        if (token := self._take("WHERE")) is not None:
            where = self._expression()
            condition = self._since(token.end)
        dimensions = self._dimensions()
        begun = self._at
        filled = self._fill()
        fill = self._since(begun) if filled else ""
        begun = self._at
        descending = self._order()
        limits = [self._count(word) for word in ("LIMIT", "OFFSET", "SLIMIT", "SOFFSET")]
        tail = self._since(begun)
        select = Select(
            tuple(fields),
            tuple(sources),
            tuple(dimensions),
            where,
            limits[0],
            head,
            condition,
            fill,
            tail,
            tuple(self._measurements),
            tuple(self._names),
            descending,
        )
        for e in (*fields, *dimensions, *([] if where is None else [where])):
            if too_deep(e, _MAX_DEPTH):
                raise TooDeep(_TOO_DEEP)
        validate(select)
        return select

    def _field(self) -> Expression:
        found: Expression | None = self._regex()
        if found is None:
            at = self._peek().at
            found = self._expression()
            if (operator := _comparing(found)) is not None:
                raise InfluxQLError(
                    f"invalid operator {operator} in SELECT clause at {self._scanner.place(at)}; "
                    "operator is intended for WHERE clause"
                )
        self._names.append(self._expect("IDENT", "identifier").text if self._take("AS") is not None else "")
        return found

    def _source(self) -> tuple[str, str]:
        found = self._regex()
        if found is not None:
            self._measurements.append(found)
            return "", ""
        names = self._identifiers()
        if len(names) == 3:
            self._measurements.append(names[2])
            return names[0], names[1]
        found = self._regex()
        self._measurements.append(names[-1] if found is None else found)
        if found is None:
            names = names[:-1]
        return ("", "", *names)[-2:]  # type: ignore[return-value]

    def _dimensions(self) -> list[Expression]:
        if self._take("GROUP") is None:
            return []
        self._expect("BY")
        found = [self._regex() or self._expression()]
        while self._take(",") is not None:
            found.append(self._regex() or self._expression())
        return found

    def _fill(self) -> bool:
        token = self._peek()
        if token.kind != "IDENT" or token.text.lower() != "fill":
            return False
        call = self._expression()
        if not isinstance(call, Call):
            raise InfluxQLError("fill must be a function call")
        if len(call.arguments) != 1:
            raise InfluxQLError("fill requires an argument, e.g.: 0, null, none, previous, linear")
        option = call.arguments[0]
        named = isinstance(option, Reference) and option.name in _FILLS
        if not named and not (isinstance(option, Literal) and option.kind in ("IntegerLiteral", "NumberLiteral")):
            raise InfluxQLError("expected number argument in fill()")
        return True

    def _order(self) -> bool:
        """Whether the order is that of falling times."""
        if self._take("ORDER") is None:
            return False
        self._expect("BY")
        token = self._next()
        descending = token.kind == "DESC"
        if token.kind not in ("ASC", "DESC"):
            if token.kind != "IDENT":
                raise self._found(token, "identifier", "ASC", "DESC")
            if self._take("ASC") is None:
                descending = self._take("DESC") is not None
            if token.text != "time":
                raise InfluxQLError("only ORDER BY time supported at this time")
        if self._take(",") is not None:
            self._expect("IDENT", "identifier")
            raise InfluxQLError("only ORDER BY time supported at this time")
        return descending

    def _count(self, word: str) -> int:
        """The number behind LIMIT and the like, 0 without it; one that does not fit 64 bits counts as the largest."""
        if self._take(word) is None:
            return 0
        token = self._expect("INTEGER", "integer")
        try:
            count = parse_int(token.text)
        except ValueError:
            count = -1 if token.text.startswith("-") else _MOST
        if count < 0:
            raise self._wrong(f"{word} must be >= 0", token)
        return count

    def _expression(self) -> Expression:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise TooDeep(str(self._wrong(_TOO_DEEP, self._peek())))
        found = self._operands()
        self._depth -= 1
        return found

    def _operands(self) -> Expression:
        operands, operators = [self._operand()], list[str]()
        while (token := self._peek()).kind in OPERATORS:
            self._at = token.end
            while operators and OPERATORS[operators[-1]] > OPERATORS[token.kind]:
                self._join(operands, operators)
            operators.append(token.kind)
            operands.append(self._pattern() if token.kind in ("=~", "!~") else self._operand())
        while operators:
            self._join(operands, operators)
        return operands[0]

    def _join(self, operands: list[Expression], operators: list[str]) -> None:
        """Joins the last operands with the operators of the last one's strength, from left to right."""
        strength, count = OPERATORS[operators[-1]], 0
        while count < len(operators) and OPERATORS[operators[-1 - count]] == strength:
            count += 1
        row, between = operands[-count - 1 :], operators[-count:]
        del operands[-count - 1 :], operators[-count:]
        # a tree that leans to one side is as deep as it is long, and of AND and OR it need not lean
        if between[0] in ("AND", "OR"):
            operands.append(_balanced(row, between[0]))
            return
        left = row[0]
        for operator, right in zip(between, row[1:], strict=True):
            left = Binary(operator, left, right)
        operands.append(left)

    def _pattern(self) -> Regex:
        found = self._regex()
        if found is None:
            raise self._found(self._next(), "regex")
        return found

    def _operand(self) -> Expression:
        token = self._next()
        kind, text = token.kind, token.text
        if kind == "(":
            inner = self._expression()
            self._expect(")")
            return Paren(inner)
        if kind == "IDENT":
            if self._scanner.scan(self._at).kind == "(":
                return self._call(text)
            self._at = token.start
            return self._reference()
        if kind == "DISTINCT":
            return self._distinct()
        if kind == "STRING":
            return Literal("StringLiteral", text)
        if kind in ("NUMBER", "INTEGER"):
            return self._number(token)
        if kind in ("TRUE", "FALSE"):
            return Literal("BooleanLiteral", kind == "TRUE")
        if kind == "DURATIONVAL":
            return Literal("DurationLiteral", text)
        if kind == "*":
            if self._sticks("::"):
                kind_of = self._scanner.scan(self._at)
                if kind_of.kind not in ("FIELD", "TAG"):
                    raise self._found(kind_of, "field", "tag")
                self._at = kind_of.end
            return Wildcard()
        if kind == "BOUNDPARAM":
            raise InfluxQLError(f"missing parameter: {text[1:]}" if text[1:] else "empty bound parameter")
        raise self._found(token, *_OPERANDS)

    def _number(self, token: Token) -> Literal:
        whole = token.kind == "INTEGER"
        try:
            if whole:
                return Literal("IntegerLiteral", parse_int(token.text))
            return Literal("NumberLiteral", parse_float(token.text))
        except ValueError:
            raise self._wrong(f"unable to parse {'integer' if whole else 'number'}", token) from None

    def _distinct(self) -> Expression:
        token = self._scanner.scan(self._at)
        if token.kind == "(":
            return self._call("distinct")
        if token.kind != "WS":
            raise self._found(token, "(", "identifier")
        return Distinct(self._expect("IDENT", "identifier").text)

    def _reference(self) -> Reference:
        name = ".".join(self._identifiers())
        if self._sticks("::"):
            token = self._scanner.scan(self._at)
            if token.kind not in ("FIELD", "TAG") and token.text.lower() not in _TYPES[:4]:
                raise self._found(token, *_TYPES)
            self._at = token.end
        return Reference(name)

    def _call(self, name: str) -> Call:
        self._expect("(")
        arguments: list[Expression] = []
        texts: list[str] = []
        if self._peek().kind != ")":
            while True:
                begun = self._at
                arguments.append(self._regex() or self._expression())
                texts.append(self._since(begun))
                if self._take(",") is None:
                    break
        self._expect(")")
        return Call(name.lower(), tuple(arguments), tuple(texts))

    def _identifiers(self) -> list[str]:
        """Names joined by dots. A dot before a regular expression is the last thing taken."""
        names = [self._expect("IDENT", "identifier").text]
        while self._sticks("."):
            if self._scanner.text.startswith(("/", ":"), self._at):
                break
            if self._scanner.text.startswith(".", self._at):
                names.append("")
                continue
            names.append(self._expect("IDENT", "identifier").text)
        if len(names) > 3:
            quoted = ".".join(f'"{name}"' if name else "" for name in names)
            raise InfluxQLError(f"too many segments in {quoted} at line 1, char 1")
        return names

    def _regex(self) -> Regex | None:
        at = self._peek().start
        if not self._scanner.text.startswith("/", at):
            return None
        token = self._scanner.regex(at)
        if token.kind != "REGEX":
            raise self._wrong(f"bad regex: {token.text}", token)
        self._at = token.end
        return Regex(token.text)

    def _next(self) -> Token:
        """The next token that is not white space."""
        token = self._peek()
        self._at = token.end
        return token

    def _peek(self) -> Token:
        token = self._scanner.scan(self._at)
        return self._scanner.scan(token.end) if token.kind == "WS" else token

    def _take(self, kind: str) -> Token | None:
        token = self._peek()
        if token.kind != kind:
            return None
        self._at = token.end
        return token

    def _sticks(self, sign: str) -> bool:
        """Take a sign that follows without space."""
        found = self._scanner.scan(self._at)
        if found.kind != sign:
            return False
        self._at = found.end
        return True

    def _expect(self, kind: str, shown: str = "") -> Token:
        token = self._next()
        if token.kind != kind:
            raise self._found(token, shown or kind)
        return token

    def _since(self, start: int) -> str:
        return self._scanner.text[start : self._at].strip()

    def _found(self, token: Token, *expected: str) -> InfluxQLError:
        return self._wrong(f"found {token.shown}, expected {', '.join(expected)}", token)

    def _wrong(self, what: str, token: Token) -> InfluxQLError:
        return InfluxQLError(f"{what} at {self._scanner.place(token.at)}")


def _balanced(row: list[Expression], operator: str) -> Expression:
    if len(row) == 1:
        return row[0]
    half = (len(row) + 1) // 2
    return Binary(operator, _balanced(row[:half], operator), _balanced(row[half:], operator))


def _comparing(e: Expression) -> str | None:
    """An operator that has no place among what is selected."""
    binary = (part.operator for part in walk(e) if isinstance(part, Binary))
    return next((operator for operator in binary if operator in _NOT_IN_FIELDS), None)
