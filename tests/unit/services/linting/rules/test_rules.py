"""Each rule finds what it is for, at its place, and nothing in a script that is in order."""

from __future__ import annotations

import pytest

from services.linting.rules import RULES
from tests.support.linting import findings, told

SECOND = 1_000_000_000
FROM = "stream|from().measurement('cpu').groupBy('host')\n"
ID = """.id('{{ index .Tags "host" }}')"""
ALERT = f"""|alert().crit(lambda: "idle" < 5.0){ID}.topic('t')\n"""
TOPIC, OTHER = ".topic('t'", ".topic('u'"
SAMPLE = "cpu,host=a idle=1.5,n=2i,up=true 10\ncpu,host=a idle=2,n=2i,up=true 20\ncpu,host=b idle=1,n=1i,up=true 20\n"
MANY = "".join(f"cpu,host=db{i},one=x idle=1 {i}\n" for i in range(20))

# by rule: what is wrong and where (line, column), with a sample where it takes one; and what is not.
WRONG: dict[str, list[tuple[str, str, tuple[int, int]]]] = {
    "syntax": [("stream\n    |from(", "", (2, 11))],
    "compile": [
        ("stream\n    |frm()", "", (2, 6)),
        ("stream|from()\n    .measurment('cpu')\n    |log()", "", (2, 6)),
        ("stream|from()|window().period(\n'1m')|log()", "", (1, 24)),
        ("stream|from().measurement(nobody)|log()", "", (1, 27)),
        ("stream|from()\n    @smooth()\n    |log()", "", (2, 6)),
        ("var x = 1\n", "", (1, 1)),
    ],
    "lambda": [
        (FROM + '|where(lambda: TRUE AND nosuch("a") == 1)|log()', "", (2, 25)),
        (FROM + "|where(lambda: 1 + 'a' > 2)|log()", "", (2, 18)),
    ],
    "unused-var": [
        ("var spare = 5\n" + FROM + "|log()", "", (1, 5)),
        ("var spare string\n" + FROM + "|log()", "", (1, 5)),
    ],
    "unreachable": [
        (FROM + "|mean('idle')", "", (2, 2)),
        (FROM + "|window().period(5m).every(1m)", "", (2, 2)),
        ("var a = stream|from()\na|log()\nvar b = a|mean('idle')", "", (3, 11)),
    ],
    "never-true": [
        (FROM + "|where(lambda: FALSE)|log()", "", (2, 16)),
        (FROM + "|where(lambda: TRUE AND 1 > 2)|log()", "", (2, 21)),
        (FROM + '.where(lambda: "x" > 10 AND "y" > 1 AND "x" < 5)|log()', "", (2, 45)),
        (FROM + '|where(lambda: ("x" >= 5.5) AND (5 >= "x"))|log()', "", (2, 36)),
        (FROM + '|where(lambda: "x" > 5 AND "x" < 5)|log()', "", (2, 32)),
        (FROM + '|where(lambda: "x" == -1 AND "x" >= 0)|log()', "", (2, 34)),
        (FROM + "|where(lambda: \"x\" == 'a' AND \"x\" == 'b')|log()", "", (2, 35)),
        (FROM + "|where(lambda: \"x\" == 'a' AND 'a' != \"x\")|log()", "", (2, 35)),
        (FROM + '|where(lambda: FALSE OR ("x" > 2 AND "x" < 1))|log()', "", (2, 16)),
        (FROM + f"|alert().crit(lambda: \"x\" > 2).info(lambda: !TRUE).topic('t'){ID}", "", (2, 45)),
    ],
    "alert-level": [
        (FROM + f"|alert().topic('t'){ID}", "", (2, 2)),
        (FROM + f"|alert().crit(lambda: TRUE).warnReset(lambda: TRUE).topic('t'){ID}", "", (2, 2)),
    ],
    "alert-handler": [(FROM + f"|alert().crit(lambda: TRUE){ID}", "", (2, 2))],
    "alert-id": [
        (FROM + "|alert().crit(lambda: TRUE).id('cpu').post('http://x')", "", (2, 2)),
        (FROM + "|alert().crit(lambda: TRUE).topic('t')", "", (2, 2)),
        (
            "stream|from().groupBy(*)\n|window().period(1m).every(1m)|alert().crit(lambda: TRUE).id('x').post('http://x')",
            "",
            (2, 32),
        ),
        (f"var a = {FROM}\na{ALERT}a|where(lambda: TRUE){ALERT}", "", (4, 23)),
    ],
    "join-groupings": [
        (
            f"var a = {FROM}\nvar b = stream|from().groupBy('host', 'dc')\na\n  |join(b).as('a', 'b')|log()",
            "",
            (5, 4),
        ),
        (
            f"var a = {FROM}\nvar b = stream|from().groupBy('dc')\na\n  |join(b).as('a', 'b').on('host')|log()",
            "",
            (5, 4),
        ),
    ],
    "stateful-in-batch": [
        (FROM + "|window().period(1m).every(1m)\n|stateDuration(lambda: TRUE)|log()", "", (3, 2)),
        ("batch|query('SELECT v FROM d.r.m').every(1m)\n|stateCount(lambda: TRUE)|log()", "", (2, 2)),
    ],
    "stateful-in-alert": [(FROM + f"|alert().crit(lambda: sigma(\"idle\") > 3.0){ID}.topic('t')", "", (2, 23))],
    "deadman-interval": [
        (FROM + f"|deadman(0.0, 5s){ID}.topic('t')", SAMPLE, (2, 2)),
        (FROM + f"|window().period(5m).every(5m)\n|deadman(0.0, 1m){ID}.topic('t')", "", (3, 2)),
    ],
    "field-type": [
        (FROM + '|where(lambda: "up" > 1 OR "idle" > 2.0)|log()', SAMPLE, (2, 21)),
        (FROM + '|where(lambda: "host" == 1)|log()', SAMPLE, (2, 23)),
        (FROM + '|eval(lambda: "idle" + "n").as(\'x\')|log()', SAMPLE, (2, 22)),
        ("stream|from().measurement('cpu')\n.where(lambda: \"idle\" =~ /1/)|log()", SAMPLE, (2, 23)),
    ],
    "unknown-field": [(FROM + '|where(lambda: "idel" > 2.0)|log()', SAMPLE, (2, 16))],
    "regex-anchor": [(FROM + '|where(lambda: "host" =~ /db1/)|log()', MANY, (2, 26))],
}
CLEAN: dict[str, list[tuple[str, str]]] = {
    "syntax": [("// nothing but\n" + FROM + "|log()", "")],
    "compile": [("var crit lambda\nvar name string\nstream|from().measurement(name)|where(crit)|log()", "")],
    "lambda": [(FROM + '|where(lambda: strLength("a") + 1 > 2)|log()', "")],
    "unused-var": [('var a = 5\nvar b = a + 1\nvar out = stream|from()|where(lambda: "x" > b)|log()', "")],
    "unreachable": [
        (FROM + f"|deadman(0.0, 1m){ID}.topic('t')", ""),
        ("var a = stream|from()|mean('idle')\na|stats(1m)|log()", ""),
        (FROM + "|httpOut('x')\nstream|from()|influxDBOut().database('d')", ""),
    ],
    "never-true": [
        (FROM + '|where(lambda: "x" > 5 AND "x" < 10)|where(lambda: "x" >= 5 AND "x" <= 5)|log()', ""),
        (FROM + '|where(lambda: "x" > 10 OR "x" < 5)|where(lambda: FALSE OR "x" > 5)|log()', ""),
        (FROM + '|where(lambda: "x" > 10 AND "y" < 5)|where(lambda: "x" > 10 AND !("x" < 5))|log()', ""),
        (FROM + '|where(lambda: "x" > 10 AND "x" + 10 < 5)|where(lambda: "x" > 10 AND "x" < "y")|log()', ""),
        (FROM + "|where(lambda: \"x\" == 'a' AND \"x\" != 'b' AND \"x\" > 'A')|where(lambda: TRUE)|log()", ""),
        (FROM + '|where(lambda: "x" > 10 AND isPresent("y") AND rand(2) == 5)|log()', ""),
        (
            "var off = FALSE\nvar never = lambda: FALSE\nvar n = 1\n"
            + FROM
            + '|where(lambda: off)|where(never)|where(lambda: "x" > 5 AND "x" < n)|log()',
            "",
        ),
        (FROM + "|eval(lambda: FALSE, lambda: \"x\" > 2 AND \"x\" < 1).as('a', 'b')|log()", ""),
    ],
    "alert-level": [(FROM + f"|alert().info(lambda: TRUE).infoReset(lambda: TRUE).topic('t'){ID}", "")],
    "alert-handler": [
        (FROM + f"|alert().crit(lambda: TRUE){ID}|log()", ""),
        (FROM + f"|alert().crit(lambda: TRUE){ID}.log('/x')", ""),
    ],
    "alert-id": [
        (FROM + "|alert().crit(lambda: TRUE).post('http://x')", ""),
        (FROM + "|deadman(0.0, 1m).post('http://x')", ""),
        ("stream|from()|alert().crit(lambda: TRUE).id('x').topic('t')", ""),
        (
            f"var a = {FROM}\na{ALERT}a{ALERT.replace('host', 'cpu')}a{ALERT.replace(TOPIC, OTHER)}",
            "",
        ),
        (
            FROM
            + "|alert().crit(lambda: TRUE).id('{{ .Name }}/{{ .Group }}').topic('t')\n"
            + FROM.replace("cpu", "mem")
            + "|alert().crit(lambda: TRUE).id('{{ .Name }}/{{ .Group }}').topic('t')",
            "",
        ),
    ],
    "join-groupings": [
        (f"var a = {FROM}\nvar b = {FROM}\na|join(b).as('a', 'b')|log()", ""),
        (f"var a = {FROM}\nvar b = stream|from().groupBy('host', 'dc')\na|join(b).as('a', 'b').on('host')|log()", ""),
        (f"var a = {FROM}\nvar b = stream|from().groupBy(*)\na|join(b).as('a', 'b')|log()", ""),
    ],
    "stateful-in-batch": [(FROM + "|window().period(1m).every(1m)|mean('idle')|stateCount(lambda: TRUE)|log()", "")],
    "stateful-in-alert": [
        ("stream|from()|alert().crit(lambda: sigma(\"idle\") > 3.0).topic('t')", ""),
        (FROM + f"|eval(lambda: sigma(\"idle\")).as('s')|alert().crit(lambda: \"s\" > 3.0){ID}.topic('t')", ""),
    ],
    "deadman-interval": [
        (FROM + f"|deadman(0.0, 1m){ID}.topic('t')", SAMPLE),
        (FROM + f"|deadman(0.0, 5s){ID}.topic('t')", ""),
    ],
    "field-type": [
        (FROM + '|where(lambda: "up" AND "idle" > 2.0 AND "n" > 1 AND "host" =~ /a/)|log()', SAMPLE),
        (FROM + '|where(lambda: "up" > 1)|log()', ""),
        (FROM + "|eval(lambda: string(\"up\")).as('up')|where(lambda: \"up\" == 'x')|log()", SAMPLE),
        (FROM.replace("cpu", "mem") + '|where(lambda: "up" > 1)|log()', SAMPLE),
        (FROM + '|where(lambda: "up" > 1)|log()', SAMPLE + "cpu,host=a up=1i 30\n"),
    ],
    "unknown-field": [
        (FROM + '|where(lambda: "host" == \'a\' AND hour("time") > 3 AND "n" > 1)|log()', SAMPLE),
        (FROM + '|where(lambda: isPresent("x") AND "x" > 1)|log()', SAMPLE),
        (FROM + "|eval(lambda: \"n\" + 1, lambda: \"m\" + 1).as('m', 'o')|log()", SAMPLE),
        (FROM + "|mean('idle')|where(lambda: \"mean\" > 1.0)|log()", SAMPLE),
    ],
    "regex-anchor": [
        (FROM + '|where(lambda: "host" =~ /^db1/ OR "host" =~ /(?i)^DB/ OR "host" =~ /1$/)|log()', MANY),
        (FROM + '|where(lambda: "one" =~ /x/)|log()', MANY),
        (FROM + '|where(lambda: "host" =~ /db1/)|log()', ""),
    ],
}


def test_every_rule_is_tried_both_ways() -> None:
    assert set(WRONG) == set(CLEAN) == set(RULES)


@pytest.mark.parametrize(
    ("rule", "text", "sample", "place"), [(rule, *one) for rule, cases in WRONG.items() for one in cases]
)
def test_what_is_wrong_is_found_once_and_at_its_place(
    rule: str, text: str, sample: str, place: tuple[int, int]
) -> None:
    assert [(line, column) for name, line, column in told(text, sample) if name == rule] == [place]


@pytest.mark.parametrize(("text", "sample"), [one for cases in CLEAN.values() for one in cases])
def test_nothing_is_found_in_what_is_in_order(text: str, sample: str) -> None:
    assert not findings(text, sample)


def test_an_interval_stands_in_for_a_sample_and_not_against_it() -> None:
    text = FROM + f"|deadman(0.0, 15s){ID}.topic('t')"
    assert told(text, interval=20 * SECOND) == [("deadman-interval", 2, 2)]
    assert told(text, SAMPLE, 20 * SECOND) == []


def test_joins_of_joins_are_followed_in_no_time() -> None:
    joins = "\n".join(f"var a{i + 1} = a{i}|join(a{i}).as('l', 'r')" for i in range(60))
    assert told(f"var a0 = {FROM}\n{joins}\na60|log()") == []
