"""The language server: LSP's requests to questions about a text, and the answers back.

Documents are synchronised as a whole. What is found in one is published as it is opened, and whenever its author
pauses for a moment.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import BinaryIO

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
    server = LanguageServer("tickbus", version, types.TextDocumentSyncKind.Full)
    session = _Session(server, registry, sample, interval)
    session.register()
    server.start_io(reader, writer)
    return int(not session.ended)


@dataclass(slots=True)
class _Session:
    """One client. waiting: the texts that have changed and are to be looked at, by URI. ended: it said `shutdown`."""

    server: LanguageServer
    registry: Registry
    sample: Sample | None
    interval: int | None
    waiting: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    ended: bool = False

    def register(self) -> None:
        """Have the server answer what there is an answer for."""
        feature = self.server.feature
        feature(types.TEXT_DOCUMENT_DID_OPEN)(self.opened)
        feature(types.TEXT_DOCUMENT_DID_CHANGE)(self.changed)
        feature(types.TEXT_DOCUMENT_DID_CLOSE)(self.closed)
        feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=["|", "@", "."]))(
            self.completion
        )
        feature(types.TEXT_DOCUMENT_HOVER)(self.hover)
        feature(types.TEXT_DOCUMENT_FORMATTING)(self.formatting)
        feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)(self.symbols)
        feature(types.SHUTDOWN)(self.shutdown)

    def opened(self, params: types.DidOpenTextDocumentParams) -> None:
        self._look(params.text_document.uri)

    def changed(self, params: types.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        self._forget(uri)
        self.waiting[uri] = asyncio.get_running_loop().call_later(_PAUSE, self._look, uri)

    def closed(self, params: types.DidCloseTextDocumentParams) -> None:
        self._forget(params.text_document.uri)
        self.server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(params.text_document.uri, []))

    def completion(self, params: types.CompletionParams) -> list[types.CompletionItem]:
        text = self._text(params.text_document.uri)
        offset = text.offset(_place(params.position))
        followed = text.value[offset:].lstrip(" ").startswith("(")
        return [self._item(one, followed) for one in completion(text.value, offset, self.registry)]

    def hover(self, params: types.HoverParams) -> types.Hover | None:
        text = self._text(params.text_document.uri)
        found = hover(text.value, text.offset(_place(params.position)), self.registry)
        return None if found is None else types.Hover(_markdown(found.page), _range(text, found.start, found.end))

    def formatting(self, params: types.DocumentFormattingParams) -> list[types.TextEdit]:
        text = self._text(params.text_document.uri)
        better = fixed(text.value)
        return [] if better == text.value else [types.TextEdit(_range(text, 0, len(text.value)), better)]

    def symbols(self, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        text = self._text(params.text_document.uri)
        return [_symbol(text, one) for one in symbols(text.value, self.registry)]

    def shutdown(self, params: None) -> None:
        self.ended = True
        for uri in list(self.waiting):
            self._forget(uri)

    def _look(self, uri: str) -> None:
        self._forget(uri)
        document = self.server.workspace.get_text_document(uri)
        text = self._text(uri)
        found = [_diagnostic(text, one) for one in diagnostics(text, self.registry, self.sample, self.interval)]
        params = types.PublishDiagnosticsParams(uri, found, document.version)
        self.server.text_document_publish_diagnostics(params)

    def _forget(self, uri: str) -> None:
        waiting = self.waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()

    def _text(self, uri: str) -> Text:
        workspace = self.server.workspace
        return Text(workspace.get_text_document(uri).source, workspace.position_encoding or "utf-16")

    def _item(self, one: Item, followed: bool) -> types.CompletionItem:
        """followed: whether a bracket stands behind it."""
        about = "\n\n".join(part for part in (pages.code(one.head) if one.head else "", one.about) if part)
        brackets = one.called and not followed and self._takes_snippets()
        return types.CompletionItem(
            one.name,
            kind=_ITEM_KINDS[one.kind],
            detail=one.kind.value,
            documentation=_markdown(about) if about else None,
            insert_text=f"{one.name}($0)" if brackets else one.text or one.name,
            insert_text_format=types.InsertTextFormat.Snippet if brackets else types.InsertTextFormat.PlainText,
        )

    def _takes_snippets(self) -> bool:
        document = self.server.client_capabilities.text_document
        items = document.completion.completion_item if document is not None and document.completion else None
        return bool(items is not None and items.snippet_support)


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
