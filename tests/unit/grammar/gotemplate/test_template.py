"""Templates as Kapacitor's alerts use them; every expected text is what Kapacitor 1.5.7 or Go answers."""

import pytest

from grammar.gotemplate import TemplateError, parse, parse_html
from tests.unit.grammar.gotemplate.alert_data import SECOND, details, event

TAGS = {"host": "a", "dc": "x", "az": "1"}
CONTROL = """{{ if eq .Level "CRITICAL" }}red{{ else if eq .Level "WARNING" "INFO" }}amber{{ else }}green{{ end -}}
{{- /* nothing */ -}} [{{ range $k, $v := .Tags }}{{ $k }}={{ $v }};{{ else }}none{{ end }}]\
{{ $v := index .Fields "v" }} {{ $v }}"""


def run(text: str, **given: object) -> str:
    return parse(text, "message").execute(details(**given))  # type: ignore[arg-type]


def error(text: str, **given: object) -> str:
    with pytest.raises(TemplateError) as caught:
        run(text, **given)
    return str(caught.value)


@pytest.mark.parametrize(
    ("level", "tags", "value", "want"),
    [
        ("CRITICAL", TAGS, 11.0, "red[az=1;dc=x;host=a;] 11"),
        ("OK", TAGS, 0.0, "green[az=1;dc=x;host=a;] 0"),
        ("INFO", {}, 2.0, "amber[none] 2"),
        ("OK", {}, 0.5, "green[none] 0.5"),
    ],
)
def test_control(level: str, tags: dict[str, str], value: float, want: str) -> None:
    assert run(CONTROL, level=level, tags=tags, fields={"v": value}) == want
    who = '{{ with index .Tags "host" }}host {{ . }}{{ else }}no host{{ end }}'
    assert run(who, tags=tags) == ("host a" if tags else "no host")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ('{{ index .Fields "f" | printf "%0.2f" }}', "3.14"),
        ('{{ printf "%d|%5d|%-5d|%05d|%x" .Fields.i .Fields.i .Fields.i .Fields.i .Fields.i }}',
         "42|   42|42   |00042|2a"),
        ('{{ printf "%s|%q|%v|%10s|%-10s|" .Name .Name .Name .Name .Name }}', 'cpu|"cpu"|cpu|       cpu|cpu       |'),
        ('{{ gt .Fields.f 2.0 }} {{ lt .Fields.i 5 }} {{ ge .Fields.i 42 }} {{ le .Name "b" }} {{ ne .Level "OK" }}',
         "true false true false true"),
        ('{{ and true (eq .Name "cpu") }} {{ or false "second" }} {{ not true }} {{ and .Name .Level }}',
         "true second false INFO"),
        ("{{ len .Tags }} {{ len .Name }} {{ len .Fields }}", "1 3 6"),
        ('{{ print .Name 1 2 .Level }} {{ print 1.5 true }} {{ println "end" }}8', "cpu1 2INFO 1.5 true end\n8"),
        ("{{ html .Fields.s }}", "&lt;a href=&#34;x&#34;&gt;it&#39;s &amp; so&lt;/a&gt;"),
        ("{{ js .Fields.s }}", "\\u003Ca href\\u003D\\\"x\\\"\\u003Eit\\'s \\u0026 so\\u003C/a\\u003E"),
        ("{{ urlquery .Fields.s }}", "%3Ca+href%3D%22x%22%3Eit%27s+%26+so%3C%2Fa%3E"),
        ("{{ .Fields.b }} {{ .Fields.f }} {{ .Fields.i }} {{ .Fields.big }} {{ .Fields.tiny }}",
         "true 3.14159 42 1.23456789015e+10 1.2e-07"),
        ('{{ .Name | printf "%s-%s" .Level | len }} {{ "a" | printf "%s%s" "b" }} {{ `raw` }} {{ slice .Name 1 2 }}',
         "8 ba raw p"),
        ('{{ printf "%.3e|%g|%6.1f|%t|%v" .Fields.f .Fields.f .Fields.f .Fields.b .Fields.b }}',
         "3.142e+00|3.14159|   3.1|true|true"),
    ],
)  # fmt: skip
def test_functions(text: str, want: str) -> None:
    fields = {"f": 3.14159, "i": 42, "s": '<a href="x">it\'s & so</a>', "b": True, "big": 12345678901.5, "tiny": 1.2e-7}
    assert run(text, fields=fields, tags={"host": "h"}, level="INFO") == want


def test_missing() -> None:
    fields = {"v": 1.5, "zero": 0.0, "s": "s", "i": 7}
    assert run('[{{ index .Tags "nope" }}][{{ .Tags.host }}][{{ .Tags.nope }}]', tags={"host": "a"}) == (
        "[][a][<no value>]"
    )
    text = (
        '[{{ index .Fields "nope" }}][{{ .Fields.v }}][{{ .Fields.nope }}][{{ printf "%v" .Fields.nope }}]'
        "[{{ if .Fields.nope }}yes{{ else }}no{{ end }}][{{ if .Fields.zero }}yes{{ else }}no{{ end }}]"
        '[{{ printf "%0.1f" .Fields.s }}][{{ printf "%d" .Fields.v }}][{{ printf "%s" .Fields.i }}]'
    )
    want = "[<no value>][1.5][<no value>][<nil>][no][no][%!f(string=s)][%!d(float64=1.5)][%!s(int64=7)]"
    assert run(text, fields=fields) == want


@pytest.mark.parametrize(
    ("ns", "duration", "want"),
    [
        (1_700_000_000 * SECOND, 0, "2023-11-14 22:13:20 +0000 UTC | 1700000000 | 2023-11-14T22:13:20Z | "
         "Tue Nov 14 10:13PM 2023 | 2023 Tuesday | 0s 0 0 0"),
        (1_700_200_000 * SECOND + 7_000_000, 200_000_007_000_000, "2023-11-17 05:46:40.007 +0000 UTC | 1700200000 | "
         "2023-11-17T05:46:40Z | Fri Nov 17 05:46AM 2023 | 2023 Friday | "
         "55h33m20.007s 200000.007 3333.33345 200000007000000"),
    ],
)  # fmt: skip
def test_time(ns: int, duration: int, want: str) -> None:
    text = (
        '{{ .Time }} | {{ .Time.Unix }} | {{ .Time.Format "2006-01-02T15:04:05Z07:00" }} | '
        '{{ .Time.Format "Mon Jan 2 03:04PM 2006" }} | {{ .Time.Year }} {{ .Time.Weekday }} | '
        "{{ .Duration }} {{ .Duration.Seconds }} {{ .Duration.Minutes }} {{ .Duration.Nanoseconds }}"
    )
    assert run(text, ns=ns, duration=duration) == want


def test_post_template_sees_the_event() -> None:
    text = (
        "{{.Message}}|{{.ID}}|{{.Level}}|{{.Details}}|{{.Duration}}|{{.PreviousLevel}}|{{range .Data.Series}}{{.Name}}"
        "{{range .Tags}}[{{.}}]{{end}}{{range .Columns}} {{.}}{{end}}{{range .Values}}{{range .}} <{{.}}>{{end}}{{end}}"
        "{{end}}|{{json .Level}}{{json .Message}}"
    )
    want = (
        'hello "cpu" <b>|c|CRITICAL|d CRITICAL|0s|OK|cpu[a] time s v <2023-11-14 22:13:20 +0000 UTC> <x> <2>|'
        '"CRITICAL"\n"hello \\"cpu\\" \\u003cb\\u003e"\n'
    )
    assert parse(text, "body", json=True).execute(event()) == want
    assert parse("{{ json .Data }}", "body", json=True).execute(event()) == (
        '{"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","s","v"],'
        '"values":[["2023-11-14T22:13:20Z","x",2]]}]}\n'
    )


def test_a_template_may_run_without_data() -> None:
    assert parse("http://x/{{ .Name }}", "body").execute(None) == "http://x/<no value>"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("{{ .Name", "message:1: unclosed action"),
        ("{{ nofunc .Name }}", 'message:1: function "nofunc" not defined'),
        ("{{ if .Name }}open", "message:1: unexpected EOF"),
        ("{{ $x }}", 'message:1: undefined variable "$x"'),
        ("a\n{{ range }}{{ end }}", "message:2: missing value for range"),
        ("{{ break }}", "message:1: {{break}} outside {{range}}"),
        ("{{ 1 | 2 }}", "message:1: non executable command in pipeline stage 2"),
        ("{{ .Name! }}", "message:1: bad character U+0021 '!'"),
        ('{{ "a }}', "message:1: unterminated quoted string"),
        ("{{ (1 }}", "message:1: unclosed left paren"),
        ("{{ end }}", "message:1: unexpected {{end}}"),
        (f"{{{{ {2**64} }}}}", f'message:1: integer overflow: "{2**64}"'),
        *(
            (f"{{{{ {n} }}}}", f'message:1: illegal number syntax: "{n}"')
            for n in ("0xfffffffffffffffff", "0b" + "1" * 65, "9" * 400, "9" * 5000, "1e400")
        ),
    ],
)
def test_syntax_errors(text: str, want: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(text, "message")
    assert str(caught.value) == "template: " + want


@pytest.mark.parametrize(
    ("text", "place", "want"),
    [
        ("{{ .Nope }}", "1:3> .Nope", "can't evaluate field Nope in type kapacitor.detailsInfo"),
        ("é\n\n  {{ .ServerInfo.Nope }}", "3:16> .ServerInfo.Nope",
         "can't evaluate field Nope in type kapacitor.serverInfo"),
        ("{{ .Fields.v.Nope }}", "1:10> .Fields.v.Nope", "can't evaluate field Nope in type interface {}"),
        ('{{ (index .Fields "v").Nope }}', '1:18> "v"', "can't evaluate field Nope in type float64"),
        ("{{ range .Fields }}{{ .Nope }}{{ end }}", "1:22> .Nope", "can't evaluate field Nope in type interface {}"),
        ("{{ .Name 1 }}", "1:3> .Name", "Name has arguments but cannot be invoked as function"),
        ("{{ .Time.Format }}", "1:8> .Time.Format", "wrong number of args for Format: want 1 got 0"),
        ("{{ .Time.Format .Fields.v }}", "1:23> .Fields.v", "wrong type for value; expected string; got float64"),
        ("{{ printf 1 }}", "1:10> 1", "expected string; found 1"),
        ("{{ range .Name }}{{ end }}", "1:9> .Name", "range can't iterate over cpu"),
        ('{{ template "b" }}', '1:12> {{template "b"}}', 'template "b" not defined'),
        ('{{ eq .Name 1 }}', "1:3> eq .Name 1", "error calling eq: incompatible types for comparison"),
        ("{{ slice .Name 1 9 }}", "1:3> slice .Name 1 9", "error calling slice: index out of range: 9"),
        ("{{ $x = 2 }}", "1:8> 2", "undefined variable: $x"),
    ],
)  # fmt: skip
def test_run_time_errors(text: str, place: str, want: str) -> None:
    at, _, node = place.partition("> ")
    fields = {"v": 1.5}
    assert error(text, fields=fields) == f'template: message:{at}: executing "message" at <{node}>: {want}'


def test_endless_recursion_is_an_error() -> None:
    text = '{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}'
    assert error(text).endswith("exceeded maximum template depth (100000)")
    with pytest.raises(TemplateError):
        parse("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "message")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("{{ .ID }} is {{ .Level }}", {"ID", "Level"}),
        ('{{ index .Tags "host" }}{{ .ServerInfo.Hostname }}', {"Tags", "ServerInfo"}),
        ("{{ with .Tags }}{{ .host }}{{ $.Name }}{{ . }}{{ end }}", {"Tags", "Name"}),
        ("{{ if .Name }}{{ .Time.Unix }}{{ end }}", {"Name", "Time"}),
        ('{{ define "a" }}{{ .Group }}{{ end }}{{ template "a" . }}', {"Group"}),
        ('{{ define "a" }}{{ . }}{{ end }}{{ template "a" .Name }}', {"Name"}),
        ("text", set()),
        ("{{ json . }}", None),
        ("{{ with .Name }}{{ $ }}{{ end }}", None),
        ('{{ define "a" }}{{ . }}{{ end }}{{ template "a" . }}', None),
        ("{{ (.).Name }}", {"Name"}),
    ],
)
def test_uses(text: str, want: set[str] | None) -> None:
    assert parse_html(text, "details").uses() == want
