"""Details are HTML templates; every expected text is what Kapacitor 1.5.7 or Go answers."""

import pytest

from grammar.gotemplate import TemplateError, parse_html
from tests.unit.grammar.gotemplate.alert_data import SECOND, details

FIELDS = {"s": "x > y \"q\" 'r'", "v": 1.5}


def run(text: str, **given: object) -> str:
    known = {"tags": {"host": "a&b<c"}, "fields": FIELDS, "alert_id": "a&b<c", **given}
    return parse_html(text, "details").execute(details(**known))  # type: ignore[arg-type]


def test_text_and_attributes() -> None:
    text = (
        '<p title="{{ .ID }}">{{ .Message }}</p> {{ index .Fields "s" }} {{ json .Tags }} {{ .Fields.v }} '
        '{{ .Fields.s | printf "%q" }}'
    )
    want = (
        '<p title="a&amp;b&lt;c">&lt;b&gt;a&amp;b&lt;c&lt;/b&gt; &amp; x &gt; y &#34;q&#34; &#39;r&#39;</p> '
        "x &gt; y &#34;q&#34; &#39;r&#39; {&#34;host&#34;:&#34;a\\u0026b\\u003cc&#34;}\n 1.5 "
        "&#34;x &gt; y \\&#34;q\\&#34; &#39;r&#39;&#34;"
    )
    assert run(text, message="<b>a&b<c</b> & x > y \"q\" 'r'") == want


def test_contexts() -> None:
    text = (
        '<a href="http://x/?h={{ index .Tags "host" }}&i={{ .ID }}">{{ .Level }}</a>'
        "<script>var v = {{ .Fields.v }}, s = {{ .Fields.s }};</script><i class={{ .Name }}>"
    )
    want = (
        '<a href="http://x/?h=a%26b%3cc&i=x">CRITICAL</a>'
        '<script>var v =  1.5 , s = "x \\u003e y \\"q\\" \'r\'";</script><i class=cpu>'
    )
    assert run(text, alert_id="x") == want


def test_default_details_are_escaped_json() -> None:
    fields = {"used": 91.5, "n": 3, "ok": True, "s": '<q> & "r"'}
    shown = run(
        "{{ json . }}",
        name="disk",
        tags={"path": "/x", "host": "a b"},
        fields=fields,
        ns=1_700_000_000 * SECOND + 123_000_000,
        alert_id="disk:nil",
        message="disk:nil is CRITICAL",
    )
    assert shown == (
        '{"Name":"disk","TaskName":"t","Group":"nil","Tags":{"host":"a b","path":"/x"},'
        '"ServerInfo":{"Hostname":"localhost","ClusterID":"c-1","ServerID":"s-1"},"ID":"disk:nil",'
        '"Fields":{"n":3,"ok":true,"s":"\\u003cq\\u003e \\u0026 \\"r\\"","used":91.5},"Level":"CRITICAL",'
        '"Time":"2023-11-14T22:13:20.123Z","Duration":0,"Message":"disk:nil is CRITICAL"}\n'
    ).replace('"', "&#34;")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("{{ .Fields.nope }}|{{ .Tags.nope }}", "|"),
        ('<a href="{{ "javascript:x" }}">', '<a href="#ZgotmplZ">'),
        ("<a href='/{{ .Tags.host }}'>", "<a href='/a&amp;b%3cc'>"),
        ("<a {{ \"onclick\" }}=x>", "<a ZgotmplZ=x>"),
        ("<a onclick='f({{ .Fields.v }}, {{ .Tags.host }})'>",
         "<a onclick='f( 1.5 , &#34;a\\u0026b\\u003cc&#34;)'>"),
        ("<script>s = '{{ .Fields.s }}', r = /{{ .Name }}+/, n = {{ .Fields.nope }}</script>",
         "<script>s = 'x \\u003e y \\u0022q\\u0022 \\u0027r\\u0027', r = /cpu+/, n =  null </script>"),
        ('<p style="width: {{ .Fields.v }}px; x: {{ "expression(1)" }}">', '<p style="width: 1.5px; x: ZgotmplZ">'),
        ("<!-- {{ .Name }} -->a < b", "a &lt; b"),
        ("<textarea>{{ .Tags.host }}</textarea>", "<textarea>a&amp;b&lt;c</textarea>"),
        ("<i title={{ .Tags.host }} x>", "<i title=a&amp;b&lt;c x>"),
        ("{{ .Tags.host | html }}{{ \"a+b\" }}", "a&amp;b&lt;ca&#43;b"),
        ('{{ define "h" }}{{ .Tags.host }}{{ end }}<a href="?{{ template "h" . }}">{{ template "h" . }}',
         '<a href="?a%26b%3cc">a&amp;b&lt;c'),
        ("<script>x = {{ json .Tags }};</script>", '<script>x = {"host":"a\\u0026b\\u003cc"}\n;</script>'),
        ('<img srcset="{{ "/a b, javascript:x 2x" }}">', '<img srcset="/a b,#ZgotmplZ">'),
    ],
)  # fmt: skip
def test_escaping_by_place(text: str, want: str) -> None:
    assert run(text) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ('{{ if .Name }}<a href="{{ end }}{{ .Name }}',
         "1:6: {{if}} branches end in different contexts: {stateURL delimDoubleQuote urlPartNone jsCtxRegexp attrURL "
         "elementNone <nil>}, {stateText delimNone urlPartNone jsCtxRegexp attrNone elementNone <nil>}"),
        ("<div",
         "ends in a non-text context: {stateTag delimNone urlPartNone jsCtxRegexp attrNone elementNone <nil>}"),
        ("<script>`{{ .Name }}`</script>", "1:12: {{.Name}} appears in a JS template literal"),
        ("{{ .Name | html | print }}", '1:3: predefined escaper "html" disallowed in template'),
        ('{{ template "nope" }}', '1:12: no such template "nope"'),
    ],
)  # fmt: skip
def test_what_cannot_be_escaped_fails_every_time_it_runs(text: str, want: str) -> None:
    template = parse_html(text, "details")
    place, _, message = want.partition(": ") if want[0] == "1" else ("", "", want)
    for _ in range(2):
        with pytest.raises(TemplateError) as caught:
            template.execute(details())
        assert str(caught.value) == f"html/template:details{':' + place if place else ''}: {message}"


def test_run_time_error_names_the_field() -> None:
    with pytest.raises(TemplateError) as caught:
        run('<a href="{{ .Nope }}">')
    assert str(caught.value) == (
        'template: details:1:12: executing "details" at <.Nope>: '
        "can't evaluate field Nope in type kapacitor.detailsInfo"
    )
