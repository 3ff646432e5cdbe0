"""Names, missing fields, types that change, state, and what is said about failures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grammar.tickscript.parser import parse_lambda
from services.columns.column import Duration, Kind, Value, column_of
from services.columns.groups.series import SeriesTable
from services.expressions import Evaluator, ExpressionError
from tests.unit.services.expressions.support import START, Row, evaluate, outcomes, points, true_rows

HOSTS = [
    {"host": "a", "dc": "north", "rack": "7"},
    {"host": "b", "dc": "south", "rack": "8"},
    {"host": "c", "dc": "south", "rack": "z"},
    {"host": "d", "dc": "west", "rack": "1", "zone": "t"},
    {"host": "e", "dc": "west", "rack": "2", "my tag": "x y"},
]
RACKS: list[Row] = [{"v": 1.0}, {"v": 2.0}, {"v": 3.0}, {"v": 4.0, "zone": "f"}, {"v": 5.0}]

MISMATCH = "mismatched type to binary operator. got {}. see bool(), int(), float(), string(), duration()"
DIVIDED = "runtime error: integer divide by zero"

CHANGING: list[Row] = [
    {"v": v} for v in (1.5, 2, "s", 2.5, True, 3.5, 7)
] + [{"w": 1.0}, {"v": 4.5}]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("\"host\" == 'a'", [0]),
        ('"host" =~ /^[ab]$/ AND "dc" != \'north\'', [1]),
        ("\"my tag\" == 'x y'", [4]),
        ("\"zone\" == 't'", []),
        ('isPresent("zone")', []),
        ('isPresent("rack") AND int("rack") > 1', [0, 1, 4]),
        ('"dc" == \'south\' AND "v" > 2.0', [2]),
    ],
)
def test_tags_in_conditions(text: str, wanted: list[int]) -> None:
    assert true_rows(text, RACKS, HOSTS) == wanted


def test_a_field_and_a_tag_of_one_name_fail_the_row_only_where_the_lambda_names_them() -> None:
    both = evaluate('"zone"', RACKS, HOSTS)
    assert outcomes(both, 5) == [None] * 5
    assert 'cannot have field and tags with same name "zone"' in both.reasons
    assert outcomes(evaluate('"v"', RACKS, HOSTS), 5) == [1, 2, 3, 4, 5]


def test_tags_and_fields_together() -> None:
    names = ["a-north", "b-south", "c-south", "d-west", "e-west"]
    assert outcomes(evaluate('"host" + \'-\' + "dc"', RACKS, HOSTS), 5) == names
    joined = evaluate('float("rack") + "v"', RACKS, HOSTS)
    assert outcomes(joined, 5) == [8, 10, None, 5, 7]
    assert joined.reasons == ('error calling "float": strconv.ParseFloat: parsing "z": invalid syntax',)


def test_tags_of_series_that_come_later() -> None:
    table = SeriesTable()
    evaluator = Evaluator(parse_lambda("strToUpper(\"host\") == 'B'"), table)
    assert evaluator.truth(points(table, [{}, {}], [{"host": "a"}, {"x": "b"}])).true.tolist() == [False, False]
    truth = evaluator.truth(points(table, [{}, {}, {}], [{"host": "b"}, {"host": "a"}, {"host": "b"}]))
    assert truth.true.tolist() == [True, False, True]
    assert truth.failed is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('"v" > 1', [0, 1, 3, 5, 6, 8]),
        ('"v" + 1.0 > 1.0', [0, 3, 5, 8]),
        ('"v"', [4]),
        ('!"v"', []),
        ("1.0", []),
        ('"v" > 2 OR TRUE', [0, 1, 3, 5, 6, 8]),
        ('TRUE OR "v" > 2', list(range(9))),
        ('isPresent("v") AND int("v") > 1', [1, 3, 5, 6, 8]),
    ],
)
def test_a_field_that_changes_its_type(text: str, wanted: list[int]) -> None:
    assert true_rows(text, CHANGING) == wanted


def test_where_over_every_type() -> None:
    rows: list[Row] = [
        {"f": 1.6, "i": 3, "s": "on", "b": True},
        {"f": 1.5, "i": 4, "s": "on", "b": False},
        {"f": 3.0, "i": 3, "s": "off", "b": False},
        {"s": "on"},
        {"f": 2, "i": 3.0},
        {"i": 200, "b": True},
        {"s": "on"},
        {"b": "true", "i": 1},
    ]
    tags = [{"t": t} if t else {} for t in ("x", "y", "", "y", "y", "y", "", "z")]
    assert true_rows('"f" > 1.5', rows, tags) == [0, 2, 4]
    assert true_rows('"i" == 3', rows, tags) == [0, 2, 4]
    assert true_rows("\"s\" == 'on' AND \"t\" != 'x'", rows, tags) == [1, 3]
    assert true_rows('"b"', rows, tags) == [0, 5]
    assert true_rows('!"b" OR "i" > 100', rows, tags) == [1, 2, 5]


def test_missing_fields() -> None:
    rows: list[Row] = [{"v": 1.0, "w": 10.0}, {"v": 2.0}, {"w": 30.0}, {"v": 4.0, "w": 40.0}]
    assert outcomes(evaluate('"w" + 1.0', rows), 4) == [11, None, 31, 41]
    assert true_rows('"w" > 5.0', rows) == [0, 2, 3]
    assert true_rows('isPresent("v") AND !isPresent("w")', rows) == [1]
    assert true_rows('"v" > 0.0 OR "w" > 0.0', rows) == [0, 1, 3]
    assert outcomes(evaluate('isPresent("v") AND "v" > 1.0', rows), 4) == [False, True, False, True]
    assert outcomes(evaluate('isPresent("nope")', rows), 4) == [False] * 4
    assert outcomes(evaluate('"nope"', rows), 4) == [None] * 4


def test_a_short_circuit_spares_a_bad_value_but_not_a_missing_type() -> None:
    rows: list[Row] = [{"b": True, "z": 0}]
    assert outcomes(evaluate('"b" OR 1 / "z" > 0', rows), 1) == [True]
    assert outcomes(evaluate('"b" OR "nope" > 3', rows), 1) == [True]
    assert outcomes(evaluate('"b" OR "nope"', rows), 1) == [None]
    assert outcomes(evaluate('"b" OR nosuch(1)', rows), 1) == [None]
    assert outcomes(evaluate('"b" OR strContains("nope", \'a\')', rows), 1) == [None]


def test_a_non_boolean_operand_fails_its_row_alone() -> None:
    rows: list[Row] = [{"a": 2.0, "x": True}, {"a": 2.0, "x": 1}, {"a": 2.0, "x": False}]
    assert outcomes(evaluate('"a" > 1.0 AND !"x"', rows), 3) == [False, None, True]


def test_results_of_several_types_make_a_mixed_column() -> None:
    rows: list[Row] = [{"v": 1.5}, {"v": 2}, {"v": "x"}, {"v": Duration(90)}, {}]
    result = evaluate('-"v"', rows)
    assert result.column is not None and result.column.kind is Kind.MIXED
    values = outcomes(result, 5)
    assert values == [-1.5, -2, None, -90, None]
    assert [type(v) for v in values if v is not None] == [float, int, Duration]


def test_durations_keep_their_kind() -> None:
    result = evaluate('"i" * 1s', [{"i": 7}])
    assert result.column is not None
    assert result.column.kind is Kind.DURATION
    assert outcomes(result, 1) == [Duration(7_000_000_000)]


def test_earlier_results_stand_behind_fields_and_tags() -> None:
    table = SeriesTable()
    some = points(table, [{"a": 1.0, "late": 9.0}, {"a": 2.0}], [{"host": "x"}, {}])
    earlier = {"late": column_of([100.0, 200.0]), "host": column_of(["from eval", "too"])}
    late = Evaluator(parse_lambda('"a" + "late"'), table).evaluate(some, earlier=earlier)
    assert outcomes(late, 2) == [10, 202]
    host = Evaluator(parse_lambda('"host"'), table).evaluate(some, earlier=earlier)
    assert outcomes(host, 2) == ["x", "too"]


def test_only_the_rows_asked_for() -> None:
    table = SeriesTable()
    some = points(table, [{"v": 1.0}, {}, {"v": 3.0}, {"v": "x"}])
    counted = Evaluator(parse_lambda('"v" * float(count())'), table)
    result = counted.evaluate(some, rows=np.array([0, 2, 3]))
    assert result.failed is not None
    assert result.failed.tolist() == [False, False, False, True]
    assert [outcomes(result, 4)[i] for i in (0, 2)] == [1.0, 6.0]
    truth = Evaluator(parse_lambda('"v" > 0.0'), table).truth(some, rows=np.array([1, 2]))
    assert truth.true.tolist() == [False, False, True, False]
    assert truth.failed is not None and truth.failed.tolist() == [False, True, False, False]


def test_state_is_kept_by_group_and_survives() -> None:
    table = SeriesTable()
    some = points(table, [{"v": float(v)} for v in (1, 5, 2, 9, 3)])
    group = np.array([0, 1, 0, 1, 0])
    text = 'float(count()) * 100.0 + spread("v")'
    whole = Evaluator(parse_lambda(text), table).evaluate(some, group)
    assert outcomes(whole, 5) == [100, 100, 201, 204, 302]
    first = Evaluator(parse_lambda(text), table)
    head = outcomes(first.evaluate(some.take(np.arange(2)), group[:2]), 2)
    second = Evaluator(parse_lambda(text), table)
    second.restore(first.state())
    assert head + outcomes(second.evaluate(some.take(np.arange(2, 5)), group[2:]), 3) == outcomes(whole, 5)
    second.keep(np.array([1]))
    assert outcomes(second.evaluate(some.take(np.array([0])), np.array([0])), 1) == [308]
    assert outcomes(second.evaluate(some.take(np.array([0])), np.array([1])), 1) == [100]


def test_without_groups_there_is_one_state_and_a_skipped_call_does_not_advance() -> None:
    table = SeriesTable()
    some = points(table, [{"v": float(v)} for v in (1, -1, 1, 1)])
    assert Evaluator(parse_lambda('"v" > 0.0 AND count() >= 2'), table).truth(some).true.tolist() == [
        False, False, True, True
    ]  # fmt: skip


def test_sigma() -> None:
    values = [{"v": v} for v in (1.0, 1.0, 3.0)]
    assert outcomes(evaluate('sigma("v")', values), 3) == pytest.approx([0, 0, 1.1547005383792515])


@pytest.mark.parametrize(
    ("second", "wanted"),
    [
        (1709251199, [59, 23, 4, 29, 2, 2024]),
        (1709251200, [0, 0, 5, 1, 3, 2024]),
        (1700000000, [13, 22, 2, 14, 11, 2023]),
        (1735689599, [59, 23, 2, 31, 12, 2024]),
        (0, [0, 0, 4, 1, 1, 1970]),
        (-1, [59, 23, 3, 31, 12, 1969]),
    ],
)
def test_time_functions(second: int, wanted: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    table = SeriesTable()
    at = points(table, [{}], start=second * 1_000_000_000)
    found = [
        outcomes(Evaluator(parse_lambda(f'{name}("time")'), table).evaluate(at), 1)[0]
        for name in ("minute", "hour", "weekday", "day", "month", "year")
    ]
    assert found == wanted


def test_now_is_the_clock_it_is_given_and_a_time_is_no_result() -> None:
    table = SeriesTable()
    at = points(table, [{}, {}])
    later = Evaluator(parse_lambda('unixNano(now()) - unixNano("time")'), table)
    assert outcomes(later.evaluate(at, now=START + 5), 2) == [5, 5 - 1_000_000_000]
    assert evaluate('"time"', [{}]).reasons == ("expression returned unexpected type time",)
    assert outcomes(evaluate('"time" > now()', [{}]), 1) == [None]
    assert outcomes(evaluate("hour(5)", [{}]), 1) == [None]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('"v" + 1', MISMATCH.format("float + int")),
        ('"s" - \'a\'', "invalid math operator - for type string"),
        ('"s" > 1', MISMATCH.format("string > int")),
        ('"nope" > 3', 'left reference value "nope" is missing value'),
        ('3 > "nope"', 'right reference value "nope" is missing value'),
        ('"i" / "z"', DIVIDED),
        ('nosuch("v")', 'undefined function: "nosuch"'),
        ('abs("i")', 'Cannot call function "abs" with args ("i": int), available signatures are [(float)].'),
        ('abs("nope")', 'Cannot call function "abs" argument "nope" is missing, values in scope are []'),
        ('bool("i")', 'error calling "bool": cannot convert 7 to boolean'),
        ('abs(float("i" / "z"))', "Failed to handle 1 argument: Failed to handle 1 argument: " + DIVIDED),
        ('!"i"', "TypeGuard: expression returned unexpected type int, expected boolean"),
        ('"nope"', 'missing value: "nope"'),
        ('strSubstring("s", 0, 9)', 'error calling "strSubstring": stop index too large for string in strSubstring: 9'),
    ],
)  # fmt: skip
def test_reasons_are_in_the_reference_s_words(text: str, reason: str) -> None:
    result = evaluate(text, [{"v": 1.0, "s": "Hello", "i": 7, "z": 0}] * 2)
    assert result.column is None
    assert result.reasons == (reason,)


def test_a_condition_of_another_type_fails() -> None:
    table = SeriesTable()
    truth = Evaluator(parse_lambda('"v" + 1.0'), table).truth(points(table, [{"v": 1.0}]))
    assert truth.true.tolist() == [False]
    assert truth.failed is not None and truth.failed.all()
    assert truth.reasons == ("TypeGuard: expression returned unexpected type float, expected boolean",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 + 'a'", MISMATCH.format("int + string")),
        ("\"v\" > 1 + 'a'", "Failed to handle right node: " + MISMATCH.format("int + string")),
        ("1 AND TRUE", "invalid logical operator AND for type int"),
        ("abs(1.0 % 2.0)", "Failed to handle 1 argument: invalid math operator % for type float"),
    ],
)  # fmt: skip
def test_what_is_wrong_without_data(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        Evaluator(parse_lambda(text), SeriesTable()).check()
    assert str(raised.value) == reason


@pytest.mark.parametrize("text", ["nosuch(1)", "abs(1)", "!5", "'text'", '"v" + 1', "-'a'"])
def test_what_only_data_can_show(text: str) -> None:
    Evaluator(parse_lambda(text), SeriesTable()).check()


def test_ints_and_floats_of_one_value_are_different_expressions() -> None:
    table = SeriesTable()
    some = points(table, [{"v": 1.0}])
    assert outcomes(Evaluator(parse_lambda('"v" + 1'), table).evaluate(some), 1) == [None]
    assert outcomes(Evaluator(parse_lambda('"v" + 1.0'), table).evaluate(some), 1) == [2.0]


@pytest.mark.parametrize(
    ("text", "fields", "wanted"),
    [
        ('"i" / -1', {"i": -(2**63)}, -(2**63)),
        ('"i" % -1', {"i": -(2**63)}, 0),
        ('-"i"', {"i": -(2**63)}, -(2**63)),
        ('"i" * "i"', {"i": 2**62 + 1}, 1 - 2**63),
        ('int("f")', {"f": 1e30}, -(2**63)),
        ('int("f")', {"f": float("nan")}, -(2**63)),
        ('"f" == "f"', {"f": float("nan")}, False),
        ('string("f")', {"f": 1e21}, "1000000000000000000000"),
        ('string("f")', {"f": 1.5e-7}, "0.00000015"),
        ('strToUpper("s")', {"s": "straße ŉ ᾳ"}, "STRAßE ŉ ᾼ"),
        ('strToLower("s")', {"s": "ΑΣ İ"}, "ασ i"),
        ('strTrimSpace("s")', {"s": "\u2003\x1ca\u00a0"}, "\x1ca"),
        ('strSubstring("s", 0, 2)', {"s": "hél"}, "h\ufffd"),
        ("strLastIndexAny(\"s\", 'é')", {"s": "aéé!"}, 3),
        ('float("s")', {"s": "0x1p-2"}, 0.25),
        ('duration("s", 1s)', {"s": "1h30m"}, Duration(5_400_000_000_000)),
        ('jn(5000, "f")', {"f": 1.0}, 0.0),
        ('yn(-3, "f")', {"f": 0.0}, float("inf")),
        ('max("f", -0.0)', {"f": 0.0}, 0.0),
    ],
)
def test_edges(text: str, fields: dict[str, Value], wanted: Any) -> None:
    assert outcomes(evaluate(text, [fields] * 2), 2) == [wanted] * 2


def test_no_points() -> None:
    table = SeriesTable()
    none = points(table, [])
    for text in ('"v" > 1.0', "count() > 1", "7", "\"host\" == 'a'"):
        assert len(Evaluator(parse_lambda(text), table).truth(none).true) == 0


BRANCHES: list[Row] = [
    {"a": 1.0, "n": 4, "z": 0, "s": "x"},
    {"n": 4, "z": 2, "s": "1.5"},
    {"a": 3.0, "n": 0, "z": 0, "s": "2"},
]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('if("z" == 0, 0, "n" / "z")', [None, 2, None]),
        ('if("s" == \'x\', 0.0, float("s"))', [None, 1.5, 2.0]),
        ('if("z" == 0, count(), 0)', [1, 0, 3]),
        ('if(isPresent("a"), "a", 0.0)', [1.0, None, 3.0]),
        ('if(TRUE, 1.0, "a")', [1.0, None, 1.0]),
        ('if(isPresent("a"), 1, 0.5)', [None, None, None]),
        ('if("z" == 0, "nowhere", 1.0)', [None, None, None]),
    ],
)
def test_both_branches_of_an_if_are_evaluated(text: str, wanted: list[Any]) -> None:
    assert outcomes(evaluate(text, BRANCHES), 3) == wanted


def test_why_a_branch_failed_is_told() -> None:
    failed = evaluate('if("z" == 0, "n" / "z", 1)', BRANCHES)
    assert failed.reasons == (f"Failed to handle 2 argument: {DIVIDED}",)
