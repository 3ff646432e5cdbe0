"""``tickbus lsp``: the real process, asked by a client of the protocol."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

COMMAND = [sys.executable, "-m", "services.cli", "lsp"]
URI = "file:///somewhere/x.tick"
DOCUMENT = types.TextDocumentIdentifier(URI)
SNIPPETS = types.ClientCapabilities(
    text_document=types.TextDocumentClientCapabilities(
        completion=types.CompletionClientCapabilities(
            completion_item=types.ClientCompletionItemOptions(snippet_support=True)
        )
    )
)

_PATIENCE = 60.0  # seconds; an answer that does not come by then is lost


class Editor:
    """A client with one document. found: what is published of it, as it comes."""

    def __init__(self) -> None:
        self.client = LanguageClient("editor", "1")
        self.found: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
        self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda params: self.found.put_nowait(params))

    async def open(self, text: str) -> types.PublishDiagnosticsParams:
        self.client.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(URI, "tickscript", 1, text))
        )
        return await self.found.get()

    def change(self, text: str, version: int) -> None:
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version, URI),
                [types.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    async def complete(self, line: int, character: int) -> dict[str, types.CompletionItem]:
        answer = await self.client.text_document_completion_async(
            types.CompletionParams(DOCUMENT, types.Position(line, character))
        )
        assert isinstance(answer, list | tuple)
        return {one.label: one for one in answer}

    async def end(self) -> int:
        """Shut it down as the protocol has it; its exit code."""
        await self.client.shutdown_async(None)
        self.client.exit(None)
        return await self.process.wait()

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self.client._server is not None
        return self.client._server


@contextlib.asynccontextmanager
async def editing(
    *options: str, capabilities: types.ClientCapabilities = SNIPPETS
) -> AsyncIterator[tuple[Editor, types.InitializeResult]]:
    editor = Editor()
    await editor.client.start_io(*COMMAND, *options)
    try:
        answer = await editor.client.initialize_async(types.InitializeParams(capabilities))
        editor.client.initialized(types.InitializedParams())
        async with asyncio.timeout(_PATIENCE):
            yield editor, answer
    finally:
        if editor.process.returncode is None:
            editor.process.kill()
        await editor.client.stop()


async def test_an_editing_session() -> None:
    async with editing() as (editor, answer):
        assert answer.server_info is not None and answer.server_info.name == "tickbus"
        assert answer.capabilities.position_encoding == "utf-16"

        first = await editor.open("var é = '𝄞' var spare = 5\nstream\n    |from().measurement(é)\n    |log()\n")
        (spare,) = first.diagnostics
        assert (first.version, spare.code, spare.source) == (1, "unused-var", "tickbus")
        assert spare.severity is types.DiagnosticSeverity.Warning and spare.tags == (types.DiagnosticTag.Unnecessary,)
        assert spare.range == types.Range(types.Position(0, 17), types.Position(0, 22))

        # half written: a property of the node behind a name that is no ASCII, and after two units for one character
        editor.change("stream\n    |from().measurement('𝄞').\n    |", 2)
        assert "groupBy" in await editor.complete(1, 30)
        offered = await editor.complete(2, 5)
        assert offered["window"].insert_text == "window($0)" and "period" not in offered
        second = await editor.found.get()
        assert (second.version, [one.code for one in second.diagnostics]) == (2, ["syntax"])

        # changes that come together are looked at once
        editor.change("stream", 3)
        text = "// 𝄞\nstream|from()|window() |log()\n"
        editor.change(text, 4)
        assert (await editor.found.get()).version == 4
        assert (await editor.complete(1, 20))["window"].insert_text == "window"  # its brackets are there

        hover = await editor.client.text_document_hover_async(types.HoverParams(DOCUMENT, types.Position(1, 17)))
        assert hover is not None and isinstance(hover.contents, types.MarkupContent)
        assert "How long the window is." in hover.contents.value
        assert hover.range == types.Range(types.Position(1, 14), types.Position(1, 20))

        symbols = await editor.client.text_document_document_symbol_async(types.DocumentSymbolParams(DOCUMENT))
        assert symbols is not None
        (chain,) = symbols
        assert isinstance(chain, types.DocumentSymbol) and chain.children is not None
        assert [one.name for one in (chain, *chain.children)] == ["stream", "from", "window", "log"]

        formatting = types.DocumentFormattingParams(DOCUMENT, types.FormattingOptions(4, True))
        edits = await editor.client.text_document_formatting_async(formatting)
        assert edits is not None
        (edit,) = edits
        assert edit.range == types.Range(types.Position(0, 0), types.Position(2, 0))
        assert edit.new_text == "// 𝄞\nstream\n    |from()\n    |window()\n    |log()\n"
        editor.change(edit.new_text, 5)
        assert not await editor.client.text_document_formatting_async(formatting)
        editor.change("stream|", 6)
        assert not await editor.client.text_document_formatting_async(formatting)
        assert (await editor.found.get()).version == 6

        editor.client.text_document_did_close(types.DidCloseTextDocumentParams(DOCUMENT))
        assert not (await editor.found.get()).diagnostics
        assert await editor.end() == 0


async def test_places_are_counted_as_the_client_wants(tmp_path: Path) -> None:
    (tmp_path / "points.txt").write_text("m v=1\n")
    general = types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind.Utf8])
    options = ("--sample", str(tmp_path / "points.txt"))
    async with editing(*options, capabilities=types.ClientCapabilities(general=general)) as (editor, answer):
        assert answer.capabilities.position_encoding == "utf-8"
        found = await editor.open("stream|from().measurement('m').where(lambda: '𝄞' == \"v\")|log()\n")
        (one,) = found.diagnostics
        assert (one.code, one.range.start.character) == ("field-type", 52)
        assert (await editor.complete(0, 7))["from"].insert_text == "from"
        assert await editor.end() == 0


def test_an_editor_that_has_gone_ends_it() -> None:
    done = subprocess.run(COMMAND, input=b"", capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_ctrl_c_ends_it() -> None:
    message = b'{"jsonrpc": "2.0", "id": 1, "method": "shutdown"}'
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(message), message))
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"Content-Length")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT


@pytest.mark.parametrize("module", ["main", "commands.rules.lint", "commands.services.serve"])
def test_nothing_else_imports_what_speaks_the_protocol(module: str) -> None:
    script = f"import sys, services.cli.{module}; print({{'pygls', 'lsprotocol', 'cattrs'}} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "set()"
