"""What is read of a SELECT, and the words and places of errors, as Kapacitor 1.5.7 answers them."""

import pytest

from grammar.influxql.ast import Binary, Call, Literal, Other, Reference, Regex, Select, walk
from grammar.influxql.parser import parse_select, parse_statement
from grammar.influxql.scanner import InfluxQLError

OPERANDS = "identifier, string, number, bool"
STATEMENTS = "SELECT, DELETE, SHOW, CREATE, DROP, GRANT, REVOKE, ALTER, SET, KILL"

SYNTAX = [
    ("SELECT FROM db.rp.m", f"found FROM, expected {OPERANDS} at line 1, char 8"),
    ("SELECT v FROM (SELECT v FROM db.rp.m)", "found (, expected identifier at line 1, char 15"),
    ("SELECT v FROM db.rp.m WHERE", f"found EOF, expected {OPERANDS} at line 1, char 29"),
    ("SELECT v FROM db.rp.m WHERE v >", f"found EOF, expected {OPERANDS} at line 1, char 32"),
    ("SELECT v\nFROM db.rp.m\nWHERE v = ,", f"found ,, expected {OPERANDS} at line 3, char 11"),
    ("nonsense", f"found nonsense, expected {STATEMENTS} at line 1, char 1"),
    ("SELECT 1", "found EOF, expected FROM at line 1, char 9"),
    ("SELECT v FROM m tz('UTC')", "found tz, expected ; at line 1, char 17"),
    ("SELECT v FROM a.b.c.d", 'too many segments in "a"."b"."c"."d" at line 1, char 1'),
    ("SELECT v FROM m WHERE host =~ 'x'", "found x, expected regex at line 1, char 30"),
    ("SELECT f(v FROM m", "found FROM, expected ) at line 1, char 12"),
    ("SELECT v FROM m LIMIT x", "found x, expected integer at line 1, char 23"),
    ("SELECT v FROM m LIMIT -1", "LIMIT must be >= 0 at line 1, char 23"),
    (f"SELECT v FROM m LIMIT -{'9' * 5000}", "LIMIT must be >= 0 at line 1, char 23"),
    ("SELECT v FROM m LIMIT ٣", "found ٣, expected integer at line 1, char 23"),
    (f"SELECT v FROM m WHERE v = {2**63}", "unable to parse integer at line 1, char 27"),
    (f"SELECT v FROM m WHERE v = {'9' * 5000}", "unable to parse integer at line 1, char 27"),
    (f"SELECT v FROM m WHERE v = {'9' * 5000}.5", "unable to parse number at line 1, char 27"),
    ("SELECT v FROM m WHERE x = $p", "missing parameter: p"),
    ("SELECT v FROM m ORDER BY v", "only ORDER BY time supported at this time"),
    ("SELECT v FROM m fill(last)", "expected number argument in fill()"),
    (
        "SELECT v > 2 FROM m",
        "invalid operator > in SELECT clause at line 1, char 8; operator is intended for WHERE clause",
    ),
]

MEANING = [
    ("SELECT time FROM m", "at least 1 non-time field must be queried"),
    ("SELECT mean(v), v FROM m", "mixing aggregate and non-aggregate queries is not supported"),
    ("SELECT max(v), min(v), w FROM m", "mixing multiple selector functions with tags or fields is not supported"),
    ("SELECT mean(v) + w FROM m", "binary expressions cannot mix aggregates and raw fields"),
    ("SELECT mean(v, 1) FROM m", "invalid number of arguments for mean, expected 1, got 2"),
    ("SELECT mean(max(v)) FROM m", "expected field argument in mean()"),
    ("SELECT percentile(v) FROM m", "invalid number of arguments for percentile, expected 2, got 1"),
    ("SELECT top(v, w) FROM m", "expected integer as last argument in top(), found w"),
    (
        "SELECT derivative(v, 1) FROM m",
        "second argument to derivative must be a duration, got *influxql.IntegerLiteral",
    ),
    ("SELECT derivative(mean(v)) FROM m", "derivative aggregate requires a GROUP BY interval"),
    (
        "SELECT distinct(v), w FROM m",
        "aggregate function distinct() can not be combined with other functions or fields",
    ),
    ("SELECT v FROM m GROUP BY time(1s)", "GROUP BY requires at least one aggregate function"),
    ("SELECT sum(v) FROM m GROUP BY time(1s)", "aggregate functions with GROUP BY time require a WHERE time clause"),
    ("SELECT sum(v) FROM m GROUP BY time", "time() is a function and expects at least one argument"),
]


@pytest.mark.parametrize(("text", "reason"), SYNTAX + MEANING)
def test_errors(text: str, reason: str) -> None:
    with pytest.raises(InfluxQLError) as caught:
        parse_select(text)
    assert str(caught.value) == f"failed to parse InfluxQL query: {reason}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "query must be a single select statement, got 0 statements"),
        ("SELECT v FROM m; SELECT v FROM n", "query must be a single select statement, got 2 statements"),
        ("SHOW DATABASES", 'query is not a select statement "SHOW DATABASES"'),
    ],
)
def test_it_has_to_be_one_select(text: str, reason: str) -> None:
    with pytest.raises(InfluxQLError) as caught:
        parse_select(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("m", [("", "")]),
        ("rp.m", [("", "rp")]),
        ("db..m", [("db", "")]),
        ('"d b"."r""p', None),
        ('db.rp.m, "d b"."r.p"."m"', [("db", "rp"), ("d b", "r.p")]),
        ("/x/, rp./x/, db.rp./x\\/y/", [("", ""), ("", "rp"), ("db", "rp")]),
    ],
)
def test_sources(text: str, sources: list[tuple[str, str]] | None) -> None:
    if sources is None:
        with pytest.raises(InfluxQLError):
            parse_select(f"SELECT v FROM {text}")
    else:
        assert list(parse_select(f"SELECT v FROM {text};").sources) == sources


def test_a_select_in_its_parts() -> None:
    text = """select mean("v"), max(v) AS "the max"
        from db.rp.m where host =~ /^a\\/b/ OR v > -2.5 group by time(10s), * fill(0)
        order by time desc limit 3 slimit 2"""
    text = text.replace("where", "where time > now() - 1h and")
    select = parse_select(text)
    assert select.fields == (Call("mean", (Reference("v"),), ('"v"',)), Call("max", (Reference("v"),), ("v",)))
    assert select.condition == "time > now() - 1h and host =~ /^a\\/b/ OR v > -2.5"
    assert isinstance(select.where, Binary) and select.where.operator == "OR"
    assert select.where.right == Binary(">", Reference("v"), Literal("NumberLiteral", -2.5))
    assert isinstance(select.where.left, Binary)
    assert select.where.left.right == Binary("=~", Reference("host"), Regex("^a/b"))
    assert (select.fill, select.tail, select.limit) == ("fill(0)", "order by time desc limit 3 slimit 2", 3)
    assert select.head.startswith('select mean("v")') and select.head.endswith("from db.rp.m")


@pytest.mark.parametrize("digits", [19, 20, 5000])
def test_a_limit_beyond_64_bits_is_the_largest_there_is(digits: int) -> None:
    assert parse_select(f"SELECT v FROM m LIMIT {'9' * digits}").limit == 2**63 - 1


def test_the_first_statement_counts_whatever_follows_it() -> None:
    first = parse_statement("SELECT v FROM db.rp.m; nonsense")
    assert isinstance(first, Select)
    assert first.sources == (("db", "rp"),)
    assert parse_statement("SHOW DATABASES") == Other("SHOW DATABASES")
    for text, error in (
        ("SELECT v FROM", "found EOF, expected identifier at line 1, char 15"),
        ("", f"found EOF, expected {STATEMENTS} at line 1, char 1"),
    ):
        with pytest.raises(InfluxQLError) as raised:
            parse_statement(text)
        assert str(raised.value) == error


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT {'(' * 10000}v{')' * 10000} FROM m",
        f"SELECT v FROM m WHERE {'(' * 10000}h = 'a'{')' * 10000}",
        f"SELECT {'max(' * 5000}v{')' * 5000} FROM m",
        f"SELECT {' + '.join(['v'] * 5000)} FROM m",
        f"SELECT ({' + '.join(['v'] * 90)}) + {' + '.join(['v'] * 90)} FROM m",
    ],
)
def test_what_is_nested_too_deeply_is_told(query: str) -> None:
    with pytest.raises(InfluxQLError, match="nested too deeply, more than 100"):
        parse_select(query)


def test_a_condition_may_be_long() -> None:
    hosts = " OR ".join(f"host = 'h{i}'" for i in range(5000))
    select = parse_select(f"SELECT mean(v) FROM m WHERE ({hosts}) AND time > 0 GROUP BY time(1m)")
    assert sum(isinstance(e, Binary) and e.operator == "=" for e in walk(select.where or Regex(""))) == 5000
