"""What scripts may write of handlers, their options and checks; and what a post is made of."""

from pathlib import Path
from typing import Any

import pytest

from grammar.tickscript.ast import TickscriptError
from grammar.tickscript.parser import parse
from schemas.config import ConfigError, load_config
from services.alerting import handlers
from services.alerting.handlers import post
from services.alerting.topics.alert_event import AlertEvent
from services.cli.handler_settings import handler_sections
from services.nodes import registry
from services.pipeline.compiler.compile import compile_script
from services.pipeline.spec import HandlerUse


def uses(text: str) -> list[HandlerUse]:
    """The handlers of a script's one alert."""
    script = parse(f"stream|from()|alert().crit(lambda: TRUE){text}")
    graph = compile_script(script, registry(handlers.specs()), {}).graph
    found: list[HandlerUse] = graph.nodes[-1].properties.handlers  # type: ignore[attr-defined]
    return found


POST = {
    "url": "",
    "endpoint": "",
    "headers": {},
    "capture-response": False,
    "timeout": 0,
    "skip-ssl-verification": False,
}


@pytest.mark.parametrize(
    ("text", "kind", "options"),
    [
        (".post('http://h/')", "post", {**POST, "url": "http://h/"}),
        (".post().endpoint('e').captureResponse()", "post", {**POST, "endpoint": "e", "capture-response": True}),
        (
            ".post('u').header('a', 'b').header('c', 'd').header('a', 'e').timeout(2s).skipSSLVerification()",
            "post",
            {
                **POST,
                "url": "u",
                "headers": {"a": "e", "c": "d"},
                "timeout": 2 * 10**9,
                "skip-ssl-verification": True,
            },
        ),
        (".tcp('h:1')", "tcp", {"address": "h:1"}),
        (".exec('p', 'a', 'b')", "exec", {"prog": "p", "args": ["a", "b"], "timeout": 0}),
        (".exec('p').timeout(5m)", "exec", {"prog": "p", "args": [], "timeout": 300 * 10**9}),
        (".log('/f')", "log", {"path": "/f", "mode": 0o600}),
        (".log('/f').mode(0644)", "log", {"path": "/f", "mode": 0o644}),
    ],
)
def test_a_use_goes_to_options_and_back(text: str, kind: str, options: dict[str, Any]) -> None:
    (use,) = uses(text)
    assert handlers.to_json(use) == {"kind": kind, "options": options}
    handler, read = handlers.from_json(kind, options)
    assert handler is handlers.kinds()[kind] and read == handler.schema.load(options)


def test_options_that_come_again_are_read_once() -> None:
    _, options = handlers.read_again("post", {"url": "u"})
    assert handlers.read_again("post", {"url": "u"})[1] is options
    assert handlers.read_again("post", {"url": "v"})[1].url == "v"
    for _ in range(2):
        with pytest.raises(ValueError, match="unsupported action kind"):
            handlers.read_again("nosuch", {})
    assert handlers.read_again("log", {"path": "/f", "mode": 2**70})[1].mode == 2**70


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (".log('f')", "failed to create log alert handler: log path must be absolute: f is not absolute"),
        (
            ".log('/f').mode(0400)",
            "failed to create log alert handler: invalid file mode -r--------, must be user writable",
        ),
        (".post()", "Either URL or endpoint must be non-empty"),
        (
            ".post().endpoint('none')",
            "failed to create HTTPPostService.Handler: "
            "An appropriately formatted url must be specified if an endpoint is not specified",
        ),
        (".post('{{')", "failed to create HTTPPostService.Handler: failed to parse template: template: body:1: "),
        (".post().endpoint('example')", ""),
    ],
)
def test_what_a_task_cannot_start_with(text: str, error: str) -> None:
    (use,) = uses(text)
    if not error:
        handlers.check(use, {})
        return
    with pytest.raises(ValueError) as caught:
        handlers.check(use, {})
    assert str(caught.value).startswith(error)


def test_a_header_that_no_script_may_set() -> None:
    with pytest.raises(TickscriptError, match=r"^invalid post: cannot set 'authenticate' header$"):
        uses(".post('u').header('Authenticate', 'x')")


@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        ("nokind", {}, 'unsupported action kind "nokind"'),
        ("tcp", {"adres": "x"}, "invalid options of tcp: adres: Unknown field."),
        ("tcp", {"address": [1]}, "invalid options of tcp: address: Not a valid string."),
        ("log", [], "invalid options of log: _schema: Invalid input type."),
    ],
)
def test_options_that_a_handler_does_not_take(kind: str, options: Any, error: str) -> None:
    with pytest.raises(ValueError) as caught:
        handlers.from_json(kind, options)
    assert str(caught.value) == error


def event(**changes: Any) -> AlertEvent:
    plain: dict[str, Any] = {
        "topic": "t",
        "task": "t",
        "id": "c",
        "message": 'hello "cpu" <b>',
        "given_details": "d CRITICAL",
        "level": 3,
        "previous": 0,
        "time": 1_700_000_000_000_000_000,
        "duration": 30 * 10**9,
        "recoverable": True,
        "name": "cpu",
        "group": "host=a",
        "tags": {"host": "a"},
        "fields": {"v": 2, "s": "x"},
        "rows": None,
        "server": ("h", "c", "s"),
    }
    return AlertEvent(**(plain | changes))


def test_json_as_go_writes_it() -> None:
    fields = {"big": 1e21, "small": 1e-7, "whole": 2.0, "int": 2**53 + 1, "text": "<&>\u2028é", "on": True}
    body = event(fields=fields, id="a/b", duration=-1, level=1, previous=2, recoverable=False).json()
    assert (
        body
        == (
            '{"id":"a/b","message":"hello \\"cpu\\" \\u003cb\\u003e","details":"d CRITICAL",'
            '"time":"2023-11-14T22:13:20Z","duration":-1,"level":"INFO","data":{"series":[{"name":"cpu","tags":{"host":"a"},'
            '"columns":["time","big","int","on","small","text","whole"],"values":[["2023-11-14T22:13:20Z",1e+21,'
            '9007199254740993,true,1e-7,"\\u003c\\u0026\\u003e\\u2028é",2]]}]},"previousLevel":"WARNING",'
            '"recoverable":false}\n'
        ).encode()
    )


def test_json_of_a_batch_is_its_series() -> None:
    row = {
        "name": "cpu",
        "columns": ["time", "v"],
        "values": [["2023-11-14T22:13:20.5Z", 1], ["2023-11-14T22:13:21Z", None]],
    }
    body = event(rows=[row]).json()
    assert b'{"series":[{"name":"cpu","columns":["time","v"],"values":[["2023-11-14T22:13:20.5Z",1],' in body
    assert b'["2023-11-14T22:13:21Z",null]]}]}' in body


TEMPLATE = (
    "{{.Message}}|{{.ID}}|{{.Level}}|{{.Details}}|{{.Duration}}|{{.PreviousLevel}}|{{range .Data.Series}}{{.Name}}"
    "{{range .Tags}}[{{.}}]{{end}}{{range .Columns}} {{.}}{{end}}{{range .Values}}{{range .}} <{{.}}>{{end}}{{end}}"
    "{{end}}|{{json .Level}}{{json .Message}}"
)


def test_an_endpoint_gives_url_headers_body_and_login() -> None:
    auth = post.BasicAuth(username="bob", password="pw")
    headers = {"X-A": "config", "x-b": "config"}
    endpoint = post.Endpoint(url="http://h/{{.ID}}", headers=headers, basic_auth=auth, alert_template=TEMPLATE)
    url, sent, body = post.request(event(), post.Options(headers={"X-B": "script"}), endpoint)
    assert url == "http://h/c"
    assert sent == {"Authorization": "Basic Ym9iOnB3", "X-A": "config", "X-B": "script"}
    assert body.decode() == (
        'hello "cpu" <b>|c|CRITICAL|d CRITICAL|30s|OK|cpu[a] time s v <2023-11-14 22:13:20 +0000 UTC> <x> <2>|'
        '"CRITICAL"\n"hello \\"cpu\\" \\u003cb\\u003e"\n'
    )


def test_a_template_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "template"
    file.write_text("{{ .ID }}!")
    assert post.request(event(), post.Options(), post.Endpoint(alert_template_file=str(file)))[2] == b"c!"
    with pytest.raises(OSError):
        post.request(event(), post.Options(), post.Endpoint(alert_template_file=str(file) + "x"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('url = "http://h{{"', "url: failed to parse template: template: body:1: "),
        ('url = ""', "must specify url"),
        ('endpoint = ""', "must specify endpoint name"),
        ('alert-template = "a"\nalert-template-file = "/b"', "must specify only one of alert-template and"),
        ('row-template-file = "b"', "must use an absolute path for row-template-file"),
        ("headers = {A = 1}", "headers.A.value: must be a string"),
        ('basic-auth = {user = "x"}', "basic-auth.user: "),
        ('urll = "x"', "urll: unknown option (did you mean url?)"),
    ],
)
def test_a_section_that_makes_no_endpoint(text: str, error: str, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(f"[[httppost]]\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file, extra=handler_sections())
    assert error in str(caught.value)
