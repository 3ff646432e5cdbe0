"""What is said where a server cannot be asked."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from click.shell_completion import ShellComplete

from services.cli.errors import MistakenCall
from services.cli.main import main, root
from services.cli.server.connecting import address_of, failure, skips_verifying
from tests.support.old_kapacitor import answering
from tests.support.ports import free_port
from tickbus.client import Client
from tickbus.errors import Refused, Unavailable, Unreachable

pytestmark = pytest.mark.usefixtures("clean_environment")


class _Other(BaseHTTPRequestHandler):
    """Answers as a server does that has pages for people."""

    def do_GET(self) -> None:
        self._answer(200, b"<h1>Welcome</h1>")

    def do_POST(self) -> None:
        self._answer(404, b"<h1>What?</h1>\n")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextlib.contextmanager
def other_server() -> Iterator[str]:
    """A web server that is none of ours; gives its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Other)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("arguments", [["watch", "cpu"], ["list", "tasks"], ["show", "cpu"]])
def test_a_server_that_is_another_is_told_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr(_Other, "do_GET", _Other.do_POST)
    with other_server() as url:
        assert main(["-url", url, *arguments]) == 1
        said = capsys.readouterr()
        assert said.err == f"tickbus {arguments[0]}: {url} is no tickbus: it answers 404 and a page\n"


def test_a_server_that_is_not_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("KAPACITOR_URL", url.replace("//", "//root:sesame@"))
    assert main(["list", "tasks"]) == 1
    assert capsys.readouterr().err == (
        f"tickbus list: {url} does not answer (Connection refused): is `tickbus serve` running there? Name another "
        "server with -url or KAPACITOR_URL\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["-url", "ftp://x", "vars"],
        ["vars", "--url=h:1"],
        ["vars", "-url", "http://"],
        ["vars", "-url", "http://h:99999"],
        ["vars", "-url", "http://.."],
        ["vars", "-url", "root:sesame@h:9092"],
    ],
)
def test_an_address_that_is_none(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "is no URL of a server: it must be http(s)://HOST:PORT" in said and "sesame" not in said


def test_a_server_of_another_kind(capsys: pytest.CaptureFixture[str]) -> None:
    with other_server() as url:
        assert main(["list", "tasks", "-url", url]) == 1
        assert capsys.readouterr().err == (
            "tickbus list: the answer is no JSON: the server is neither a tickbus nor a Kapacitor\n"
        )
        assert main(["level", "info", "-url", url]) == 1
        assert capsys.readouterr().err == f"tickbus level: {url} is no tickbus: it answers 404 and a page\n"


@pytest.mark.parametrize("body", [[], {}, None, 1, {"tasks": [1]}, {"tasks": [{}]}, {"tasks": None}])
def test_json_of_another_shape(body: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(lambda path, query: (200, body)) as url:
        for arguments in (["list", "tasks"], ["enable", "a*"], ["import", "--only", "tasks", url, "--to"]):
            if arguments[0] == "import":
                assert main([*arguments, url]) == 1
            else:
                assert main([*arguments, "-url", url]) == 1
            said = capsys.readouterr().err
            assert "answers otherwise than a tickbus or a Kapacitor does" in said and said.count("\n") == 1


def test_an_argument_that_is_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "a\udcff", "-url", f"http://127.0.0.1:{free_port()}"]) == 1
    assert capsys.readouterr().err == "tickbus: 'a\\udcff' cannot be written as utf-8\n"


def test_what_the_environment_says_of_certificates_is_true_or_false(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAPACITOR_UNSAFE_SSL", "maybe")
    assert main(["vars"]) == 2
    assert capsys.readouterr().err == "tickbus: KAPACITOR_UNSAFE_SSL is maybe, it must be true or false\n"


@pytest.mark.parametrize(
    ("before", "after", "address", "skips"),
    [
        ([], [], "http://of-the-environment", False),
        (["-url", "http://before", "-skipVerify"], [], "http://before", True),
        (["-url", "http://before"], ["-url", "http://after", "-skipVerify"], "http://after", True),
    ],
)
def test_the_server_is_the_one_named_last(
    before: list[str], after: list[str], address: str, skips: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAPACITOR_URL", "http://of-the-environment")
    of = root.make_context("tickbus", [*before, "vars"])
    command = root.get_command(of, "vars")
    assert command is not None
    ctx = command.make_context("vars", after, parent=of)
    assert (address_of(ctx), skips_verifying(ctx)) == (address, skips)
    monkeypatch.setenv("KAPACITOR_UNSAFE_SSL", "T")
    assert skips_verifying(ctx)


def test_credentials_of_a_completion_go_to_no_server_that_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    def connected(address: str, skip_verify: bool) -> Client:
        asked.append((address, skip_verify))
        raise MistakenCall("nobody")

    monkeypatch.setattr("services.cli.server.completing.connected", connected)
    monkeypatch.setenv("KAPACITOR_URL", "https://root:sesame@h")
    completion = ShellComplete(root, {}, "tickbus", "_TICKBUS_COMPLETE")
    assert completion.get_completions(["enable"], "c") == []
    assert completion.get_completions(["enable", "-url", "https://other", "-skipVerify"], "c") == []
    assert asked == [("https://root:sesame@h", False), ("https://other", True)]


def test_what_can_be_done_is_said() -> None:
    untrusted = Unreachable("GET /tasks: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    assert "SSL_CERT_FILE, or give -skipVerify" in failure(untrusted, "https://h").message
    unknown = failure(Refused(401, "authorization failed"), "http://h").message
    assert unknown.startswith("authorization failed: give user and password in KAPACITOR_URL")
    wrong = failure(Refused(401, "authorization failed"), "http://root:sesame@h").message
    assert wrong == "authorization failed: http://h does not take the user and password that its URL has"
    elsewhere = failure(Unreachable("GET /tasks: [Errno 111] Connection refused"), "http://h", "--to").message
    assert elsewhere.endswith("Name another server with --to")
    assert failure(Unavailable("the bus\ndoes not\x1b[2J answer"), "h").message == "the bus does not [2J answer"


def test_what_a_command_does_not_need_is_not_imported() -> None:
    script = (
        "import sys, services.cli.commands.operations.list_; "
        "print([m for m in ('numpy', 'quart', 'nats', 'lmdb', 'schemas.config', 'yaml') "
        "if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": ""}
    command = [sys.executable, "-c", script]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert printed.strip() == "[]"
