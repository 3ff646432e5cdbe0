"""TICKscript's text and tree are the same thing: parsing, formatting and storing lose nothing."""

from hypothesis import given
from hypothesis import strategies as st

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
    Link,
    List,
    Number,
    Reference,
    Regex,
    Script,
    Star,
    String,
    TickscriptError,
    TypeDeclaration,
    Unary,
    walk,
)
from grammar.tickscript.codec import dump, load
from grammar.tickscript.formatter import format_expression, format_script
from grammar.tickscript.literals import format_duration, parse_duration
from grammar.tickscript.parser import parse, parse_lambda
from grammar.tickscript.scanner import scan
from grammar.tickscript.syntax_errors import raise_syntax_error
from tests.support.examples import examples

OPERATORS = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "=~", "!~", "AND", "OR"]
PRECEDENCE = {
    operator: strength
    for strength, group in enumerate([["OR"], ["AND"], ["==", "!=", "=~", "!~"], ["<", "<=", ">", ">="], ["+", "-"]])
    for operator in group
}

names = st.sampled_from(["x", "stream", "host", "été", "lambda", "a_1", "ANDROID", "variable", "true"])
texts = st.text(st.sampled_from("ab'\"\\/ \n\tü✓#$.*("), max_size=6)
comments = st.lists(st.sampled_from(["note", "  wide", "", "// twice"]), max_size=2).map(tuple)
units = st.sampled_from(["u", "µ", "ms", "s", "m", "h", "d", "w"])


def readable(text: str) -> bool:
    """Whether there is a way to write it as a string."""
    return not (text.endswith("\\") and ("'''" in text or text.endswith("'"))) and "\\'" not in text


strings = texts.filter(readable).filter(lambda text: not text.endswith("\\")).map(String)
triples = texts.filter(lambda text: "''" not in text and not text.endswith("'")).map(lambda text: String(text, True))
references = texts.filter(lambda text: not text.endswith("\\") and '\\"' not in text).map(Reference)
numbers = st.one_of(
    st.integers(0, 2**63 - 1).map(Number),
    st.integers(1, 2**63 - 1).map(lambda value: Number(value, 8)),
    st.floats(0, allow_nan=False, allow_infinity=False).map(Number),
)
durations = st.builds(
    lambda n, unit: DurationLit(parse_duration(f"{n}{unit}"), f"{n}{unit}"), st.integers(0, 9999), units
)
regexes = st.sampled_from(["^x$", "a/b", "\\.\\d", "[/]x", "(?i)é"]).map(Regex)
identifiers = names.map(Identifier)
plain = st.one_of(numbers, durations, strings, triples, references, identifiers, st.booleans().map(Bool))


def operations(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(join, inner, st.sampled_from(OPERATORS), inner),
        st.builds(Unary, st.sampled_from("-!"), inner.map(in_brackets)),
        st.builds(Call, names, st.lists(inner, max_size=3).map(tuple)),
    )


def join(left: Expression, operator: str, right: Expression) -> Expression:
    """A binary expression, with round brackets where the text would otherwise mean something else."""
    strength = PRECEDENCE.get(operator, 5)
    if isinstance(left, Binary) and PRECEDENCE.get(left.operator, 5) < strength:
        left = in_brackets(left)
    if isinstance(right, Binary) and PRECEDENCE.get(right.operator, 5) <= strength:
        right = in_brackets(right)
    return Binary(operator, left, right)


def in_brackets(node: Expression) -> Expression:
    return Binary(node.operator, node.left, node.right, True) if isinstance(node, Binary) else node


expressions = st.recursive(plain, operations, max_leaves=8)
lists = st.lists(st.one_of(strings, identifiers, st.just(Star())), max_size=3).map(lambda items: List(tuple(items)))
simple = st.one_of(expressions, regexes, st.just(Star()), lists, expressions.map(Lambda))
multilines = st.booleans()
links = st.builds(
    Link,
    st.sampled_from("|.@"),
    names,
    st.lists(simple, max_size=3).map(tuple),
    multiline=multilines,
    comment=comments,
)
heads = st.one_of(identifiers, st.builds(Call, names, st.lists(simple, max_size=2).map(tuple)))
chains = st.builds(Chain, heads, st.lists(links, min_size=1, max_size=4).map(tuple))
statements = st.one_of(
    st.builds(Declaration, identifiers, st.one_of(simple, chains), comment=comments),
    st.builds(TypeDeclaration, identifiers, identifiers, comment=comments),
    st.builds(Dbrp, references.map(lambda r: r.name), references.map(lambda r: r.name), comment=comments),
    st.builds(ExpressionStatement, chains),
)
scripts = st.builds(Script, st.lists(statements, max_size=4).map(tuple), comments)


@given(scripts)
def test_parsing_what_was_formatted_gives_the_same_tree(script: Script) -> None:
    assert parse(format_script(script)) == script


@given(expressions)
def test_the_text_of_a_lambda_is_the_lambda(expression: Expression) -> None:
    assert parse_lambda(format_expression(expression)) == expression


@given(scripts)
def test_what_was_stored_comes_back_with_places_and_comments(script: Script) -> None:
    for tree in (script, parse(format_script(script))):
        loaded = load(dump(tree))
        assert loaded == tree
        assert loaded.trailing == tree.trailing
        assert [(n.position, n.comment) for n in walk(loaded)] == [(n.position, n.comment) for n in walk(tree)]


@given(scripts)
def test_formatting_keeps_every_comment(script: Script) -> None:
    def all_comments(tree: Script) -> list[str]:
        return [line for node in walk(tree) for line in node.comment] + list(tree.trailing)

    assert all_comments(parse(format_script(script))) == all_comments(script)


WORDS = """
var x stream lambda: lambda ( ) ( ) [ ] , | . @ f( 5 1.5 09 5. 1h 's' '''t''' "r" /re/ // + - * / % == < =~ !~ AND OR
! = TRUE dbrp # é ² _ & ' " |a() .b(1) 1..2 \\
"""
words = st.sampled_from([*WORDS.split(), "// c\n", "\n", "\u00a0"])


@examples(300)
@given(st.lists(st.tuples(words, st.sampled_from(["", " ", " ", "\n"])), max_size=12))
def test_the_grammar_and_the_diagnosis_agree_on_what_is_a_script(parts: list[tuple[str, str]]) -> None:
    text = "".join(word + gap for word, gap in parts)
    try:
        script = parse(text)
    except TickscriptError as error:
        assert str(error).startswith(
            ("parser: unexpected ", "parser: illegal number syntax: ", "parser: error parsing regexp: ")
        )
        assert error.position.offset <= len(text.encode())
    else:
        assert parse(format_script(script)) == script
        try:
            raise_syntax_error(text, scan(text))
        except TickscriptError as error:
            assert str(error) == "parser: the script cannot be read"


@given(st.integers(-(2**53), 2**53).map(lambda us: us * 1000))
def test_durations_are_read_as_they_are_written(ns: int) -> None:
    assert parse_duration(format_duration(ns)) == ns
