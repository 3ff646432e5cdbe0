"""The language server: LSP's requests to questions about a text, and the answers back.

Documents are synchronised as a whole. What is found in one is published as it is opened, and whenever its author
pauses for a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, BinaryIO

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from services.language_server import pages
from services.language_server.completion import completion
from services.language_server.diagnostics import Diagnostic, diagnostics
from services.language_server.hover import hover
from services.language_server.items import Item, Kind
from services.language_server.symbols import Symbol, symbols
from services.language_server.text import Text
from services.linting.finding import Severity
from services.linting.fixing import fixed
from services.linting.sample import Sample
from services.pipeline.registry import Registry

_PAUSE = 0.2  # seconds without a change after which a text is looked at


def serve(
    reader: BinaryIO,
    writer: BinaryIO,
    version: str,
    registry: Registry,
    sample: Sample | None = None,
    interval: int | None = None,
) -> int:
    """Answer one client until it says `exit` or has gone; `writer` is closed then. The exit code that LSP wants: 1
    where the client ends without `shutdown`.

    version: of tickbus. registry: what scripts may use. sample, interval: see services.linting.linter.lint.
    """
    server = _Server(version, registry, sample, interval)
    server.start_io(reader, writer)
    return int(not server.ended)


class _Server(LanguageServer):
    """What answers one client. ended: whether it has said `shutdown`."""

    def __init__(self, version: str, registry: Registry, sample: Sample | None, interval: int | None) -> None:
        super().__init__("tickbus", version, types.TextDocumentSyncKind.Full)
        self.registry = registry
        self.ended = False
        self._sample = sample
        self._interval = interval
        self._waiting: dict[str, asyncio.TimerHandle] = {}  # by URI, the texts that have changed
        for name, (answer, options) in _FEATURES.items():
            self.feature(name, options)(answer)

    def text(self, uri: str) -> Text:
        """A document's text as it is at present."""
        return Text(self.workspace.get_text_document(uri).source, self.workspace.position_encoding or "utf-16")

    def look(self, uri: str) -> None:
        """Publish what is found in a document."""
        self.forget(uri)
        document = self.workspace.get_text_document(uri)
        text = self.text(uri)
        found = [_diagnostic(text, one) for one in diagnostics(text, self.registry, self._sample, self._interval)]
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, document.version))

    def look_soon(self, uri: str) -> None:
        """The same, once it has not changed for a moment."""
        self.forget(uri)
        self._waiting[uri] = asyncio.get_running_loop().call_later(_PAUSE, self.look, uri)

    def forget(self, uri: str) -> None:
        """Do not look at a document that has changed."""
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()

    def takes_snippets(self) -> bool:
        """Whether the client can put the cursor between brackets."""
        document = self.client_capabilities.text_document
        items = document.completion.completion_item if document is not None and document.completion else None
        return bool(items is not None and items.snippet_support)


def _opened(ls: _Server, params: types.DidOpenTextDocumentParams) -> None:
    ls.look(params.text_document.uri)


def _changed(ls: _Server, params: types.DidChangeTextDocumentParams) -> None:
    ls.look_soon(params.text_document.uri)


def _closed(ls: _Server, params: types.DidCloseTextDocumentParams) -> None:
    uri = params.text_document.uri
    ls.forget(uri)
    ls.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))


def _completion(ls: _Server, params: types.CompletionParams) -> list[types.CompletionItem]:
    text = ls.text(params.text_document.uri)
    offset = text.offset(_place(params.position))
    followed = text.value[offset:].lstrip(" ").startswith("(")
    with_brackets = ls.takes_snippets() and not followed
    return [_item(one, with_brackets) for one in completion(text.value, offset, ls.registry)]


def _hover(ls: _Server, params: types.HoverParams) -> types.Hover | None:
    text = ls.text(params.text_document.uri)
    found = hover(text.value, text.offset(_place(params.position)), ls.registry)
    return None if found is None else types.Hover(_markdown(found.page), _range(text, found.start, found.end))


def _formatting(ls: _Server, params: types.DocumentFormattingParams) -> list[types.TextEdit]:
    text = ls.text(params.text_document.uri)
    better = fixed(text.value)
    return [] if better == text.value else [types.TextEdit(_range(text, 0, len(text.value)), better)]


def _symbols(ls: _Server, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    text = ls.text(params.text_document.uri)
    return [_symbol(text, one) for one in symbols(text.value, ls.registry)]


def _shutdown(ls: _Server, params: None) -> None:
    ls.ended = True


_FEATURES: dict[str, tuple[Callable[[_Server, Any], Any], Any]] = {
    types.TEXT_DOCUMENT_DID_OPEN: (_opened, None),
    types.TEXT_DOCUMENT_DID_CHANGE: (_changed, None),
    types.TEXT_DOCUMENT_DID_CLOSE: (_closed, None),
    types.TEXT_DOCUMENT_COMPLETION: (_completion, types.CompletionOptions(trigger_characters=["|", "@", "."])),
    types.TEXT_DOCUMENT_HOVER: (_hover, None),
    types.TEXT_DOCUMENT_FORMATTING: (_formatting, None),
    types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: (_symbols, None),
    types.SHUTDOWN: (_shutdown, None),
}
"""By the protocol's names: what answers, and with which options."""
_ITEM_KINDS = {
    Kind.NODE: types.CompletionItemKind.Class,
    Kind.PROPERTY: types.CompletionItemKind.Property,
    Kind.HANDLER: types.CompletionItemKind.Event,
    Kind.FUNCTION: types.CompletionItemKind.Function,
    Kind.VAR: types.CompletionItemKind.Variable,
    Kind.KEYWORD: types.CompletionItemKind.Keyword,
}
_SEVERITIES = {Severity.ERROR: types.DiagnosticSeverity.Error, Severity.WARNING: types.DiagnosticSeverity.Warning}
_FADED = {"unused-var": [types.DiagnosticTag.Unnecessary]}


def _place(position: types.Position) -> tuple[int, int]:
    return position.line, position.character


def _range(text: Text, start: int, end: int) -> types.Range:
    return types.Range(types.Position(*text.place(start)), types.Position(*text.place(end)))


def _markdown(page: str) -> types.MarkupContent:
    return types.MarkupContent(types.MarkupKind.Markdown, page)


def _item(one: Item, with_brackets: bool) -> types.CompletionItem:
    about = "\n\n".join(part for part in (pages.code(one.head) if one.head else "", one.about) if part)
    snippet = one.called and with_brackets
    return types.CompletionItem(
        one.name,
        kind=_ITEM_KINDS[one.kind],
        detail=one.kind.value,
        documentation=_markdown(about) if about else None,
        insert_text=f"{one.name}($0)" if snippet else one.text or one.name,
        insert_text_format=types.InsertTextFormat.Snippet if snippet else types.InsertTextFormat.PlainText,
    )


def _diagnostic(text: Text, one: Diagnostic) -> types.Diagnostic:
    return types.Diagnostic(
        _range(text, one.start, one.end),
        one.text,
        severity=_SEVERITIES[one.severity],
        code=one.rule,
        source="tickbus",
        tags=_FADED.get(one.rule),
    )


def _symbol(text: Text, one: Symbol) -> types.DocumentSymbol:
    if one.is_var:
        kind = types.SymbolKind.Variable
    else:
        kind = types.SymbolKind.Object if one.inside else types.SymbolKind.Class
    return types.DocumentSymbol(
        one.name,
        kind,
        _range(text, one.start, one.end),
        _range(text, one.name_start, one.name_start + len(one.name)),
        detail=one.detail or None,
        children=[_symbol(text, inner) for inner in one.inside],
    )
