"""No template and no data crashes the template language; what it says of itself holds."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grammar.golang.json_writer import to_json
from grammar.gotemplate import Struct, TemplateError, Time, parse, parse_html


class Point(Struct, go="test.Point"):
    Name: str
    Tags: dict[str, str]
    Fields: dict[str, object]
    Time: Time
    Level: str


PIECES = [
    "{{", "}}", " ", "\n", "-", "|", "(", ")", ".", "$", "$x", ":=", "=", ",", '"', "'", "`", "\\", "<", ">", "/", "%d",
    "{{ .Name }}", "{{ .Tags.a }}", '{{ index .Fields "f" }}', "{{ .Time.Year }}", "{{ . }}", "{{ $.Level }}",
    "{{ if .Name }}", "{{ else }}", "{{ end }}", "{{ range $k, $v := .Fields }}", "{{ with .Tags }}", "{{ break }}",
    '{{ define "t" }}', '{{ template "t" . }}', "{{- ", " -}}", "{{/*", "*/}}", '{{ printf "%5.2f" .Fields.f }}',
    "<script>", "</script>", "<style>", '<a href="', "<p title=", "?", "#", "url(", "<!--", "-->", "/*", "*/", "é",
    "len ", "eq ", "index ", "slice ", "1", "-2.5", "nil", "true", ".Nope", "json ", "print ", "html ", "\x00",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)
VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=5)
POINTS = st.builds(
    Point,
    st.text(max_size=5),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3),
    st.dictionaries(st.sampled_from(["f", "g", ""]), VALUES, max_size=3),
    st.integers(-(2**63), 2**63 - 1).map(Time),
    st.sampled_from(["OK", "CRITICAL"]),
)


def render(make: Any, text: str, point: Point) -> str | None:
    try:
        return str(make(text, "t").execute(point))
    except TemplateError:
        return None


@given(TEXTS, POINTS)
def test_any_text_renders_or_says_why(text: str, point: Point) -> None:
    for make in (parse, parse_html):
        shown = render(make, text, point)
        if shown is not None:
            shown.encode()


@given(st.text().filter(lambda text: "{{" not in text))
def test_text_without_actions_is_itself(text: str) -> None:
    assert parse(text, "t").execute(None) == text


@given(TEXTS, POINTS, POINTS)
def test_a_field_that_is_not_used_does_not_show(text: str, one: Point, other: Point) -> None:
    try:
        template = parse(text, "t")
    except TemplateError:
        return
    used = template.uses()
    if used is None:
        return
    mixed = Point(*(getattr(one if name in used else other, name) for name in Point.go_fields))
    assert render(parse, text, mixed) == render(parse, text, one)


@given(st.text(alphabet="<>&\"'+ab{}/ ;", max_size=20))
def test_a_value_brings_no_markup_into_html(value: str) -> None:
    shown = parse_html('<p title="{{ .v }}">{{ .v }}</p>', "t").execute({"v": value})
    assert shown.count("<") == 2
    assert shown.count(">") == 2
    assert shown.count('"') == 2


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_json_says_what_the_value_is(value: object) -> None:
    assert json.loads(to_json(value), parse_int=float) == value
