"""fmt as Go 1.19 prints it."""

import pytest

from grammar.golang.fmt import sprint, sprintf, sprintln, text_of
from grammar.gotemplate import Duration, Int, Level, Time
from tests.unit.grammar.gotemplate.alert_data import ServerInfo, event


@pytest.mark.parametrize(
    ("layout", "args", "want"),
    [
        ("%v %6.2f|%-8.3f|%08.2f|%+.1f|% .1f|%.0f", (2.5, 3.14159, 3.14159, -3.14159, 2.0, 2.0, 2.5),
         "2.5   3.14|3.142   |-0003.14|+2.0| 2.0|2"),
        ("%e %E %g %G %x %b", (1.5, 1e-9, 1e21, 1e-7, 1.5, 1.0),
         "1.500000e+00 1.000000E-09 1e+21 1E-07 0x1.8p+00 4503599627370496p-52"),
        ("%d|%5d|%-5d|%05d|%+d|% d|%x|%#x|%o|%b|%c|%q|%U", (42,) * 13,
         "42|   42|42   |00042|+42| 42|2a|0x2a|52|101010|*|'*'|U+002A"),
        ("%s|%10.2s|%-5s|%q|%x|% x|%#q", ("aé☃", "aé☃", "aé", "a\n\"", "aé", "aé", "a`"),
         'aé☃|        aé|aé   |"a\\n\\""|61c3a9|61 c3 a9|"a`"'),
        ("%t %v %5t", (True, False, True), "true false  true"),
        ("%T %T %T %T %T %T", (1, Int(1), 1.5, "a", True, None), "int64 int float64 string bool <nil>"),
        ("%T %T %T", ({}, [], Duration(1)), "map[string]interface {} []interface {} time.Duration"),
        ("%v %+v %#v", ({"b": 1, "a": None}, {"a": "x"}, {"a": "x"}),
         'map[a:<nil> b:1] map[a:x] map[string]interface {}{"a":"x"}'),
        ("%v %d %s", ([1, "a", None], [1, 2], ["a", "b"]), "[1 a <nil>] [1 2] [a b]"),
        ("%d %s %z %f", ("x", 1, True, Int(1)), "%!d(string=x) %!s(int64=1) %!z(bool=true) %!f(int=1)"),
        ("%d %s", (1,), "1 %!s(MISSING)"),
        ("x", (1, "a"), "x%!(EXTRA int64=1, string=a)"),
        ("%s %d %v", (None, None, None), "%!s(<nil>) %!d(<nil>) <nil>"),
        ("%*d|%-*d|%.*f", (5, 1, 5, 1, 2, 3.14159), "    1|1    |3.14"),
        ("%[2]d %[1]d %[3]d", (1, 2), "2 1 %!d(BADINDEX)"),
        ("100%% %!", (1,), "100% %!!(int64=1)"),
        ("%", (), "%!(NOVERB)"),
        ("%99999999d x", (1,), "%!(NOVERB)%!(EXTRA int64=1)"),
        (f"%{'9' * 5000}d x", (1,), "%!(NOVERB)%!(EXTRA int64=1)"),
        (f"%.{'9' * 5000}f x", (1.5,), "%!(NOVERB)%!(EXTRA float64=1.5)"),
        (f"%.{'0' * 5000}2f", (1.5,), "1.50"),
        (f"%[{'9' * 5000}]d %[٢]d", (1, 2), "%!d(BADINDEX) %!d(BADINDEX)"),
        ("%v %d %s %q", (Duration(90 * 10**9), Duration(5), Duration(5), Duration(5)), '1m30s 5 5ns "5ns"'),
        ("%v %d %s", (Level(2), Level(2), Level(3)), "WARNING 2 CRITICAL"),
        ("%v", (ServerInfo("h", "c", "s"),), "{h c s}"),
        ("%+v", (ServerInfo("h", "c", "s"),), "{Hostname:h ClusterID:c ServerID:s}"),
        ("%b", (5e-324,), "1p-1074"),
        ("%5.1f|%v|%v", (float("inf"), float("-inf"), float("nan")), " +Inf|-Inf|NaN"),
        ("%s", (Time(0),), "1970-01-01 00:00:00 +0000 UTC"),
    ],
)  # fmt: skip
def test_sprintf(layout: str, args: tuple[object, ...], want: str) -> None:
    assert sprintf(layout, *args) == want


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (100000.0, "100000"),
        (1000000.0, "1e+06"),
        (123456789.0, "1.23456789e+08"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-0.0, "-0"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (0.1 + 0.2, "0.30000000000000004"),
        (-(2**63), "-9223372036854775808"),
    ],
)
def test_numbers(value: float, want: str) -> None:
    assert text_of(value) == want


def test_blanks_between_operands() -> None:
    assert sprint(1, 2, "a", 3, 4.5, None, True) == "1 2a3 4.5 <nil> true"
    assert sprintln(1, "a", 2) == "1 a 2\n"


def test_a_struct_with_a_string_method_is_its_string() -> None:
    assert text_of(event().Data).startswith('{"series":[{"name":"cpu"')
