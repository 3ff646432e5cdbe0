"""Reading a load directory: paths in, declarations and complaints out. Nothing is changed by it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError

from grammar.golang.numbers import short_float
from schemas.declarations import DeclaredHandlerSchema, DeclaredTaskSchema
from services.gateway.load.declarations import FOLDERS, KINDS, Complaint, DeclaredResource, DirectoryContents, stem
from services.gateway.load.files import Unreadable, names_in, text_of
from services.gateway.load.yaml_json import NoDocument, parse_json, parse_yaml
from services.pipeline.compiler.vars import VarsError, parse_vars

_DOCUMENTS: Mapping[str, Callable[[str], Any]] = {".yaml": parse_yaml, ".yml": parse_yaml, ".json": parse_json}
_ENDINGS: Mapping[str, tuple[str, ...]] = {
    "template": (".tick",),
    "task": (".tick", *_DOCUMENTS),
    "handler": tuple(_DOCUMENTS),
}


def read_directory(directory: Path) -> DirectoryContents:
    """What a directory declares. Raises Unreadable where the directory itself cannot be read, or holds none of the
    folders: it may be a place where nothing is mounted at present.

    Of two files that declare the same the first counts: scripts before documents, then by name.
    """
    _check(directory)
    found: list[DeclaredResource] = []
    complaints: list[Complaint] = []
    unread = set()
    for kind in KINDS:
        try:
            names = names_in(directory / FOLDERS[kind], _ENDINGS[kind])
        except Unreadable as error:
            complaints.append(Complaint(FOLDERS[kind], str(error)))
            unread.add(kind)
            continue
        for name in names:
            _take(directory, kind, name, found, complaints)
    return DirectoryContents(tuple(found), tuple(complaints), frozenset(unread))


def _check(directory: Path) -> None:
    try:
        there = {path.name for path in directory.iterdir()}
    except OSError as error:
        raise Unreadable((error.strerror or str(error)).lower()) from None
    if not there & set(FOLDERS.values()):
        raise Unreadable("has no tasks, templates or handlers in it")


def _take(directory: Path, kind: str, name: str, found: list[DeclaredResource], complaints: list[Complaint]) -> None:
    """Read one file into either list, or into both."""
    file = f"{FOLDERS[kind]}/{name}"
    try:
        name.encode()
    except UnicodeEncodeError:
        readable = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        complaints.append(Complaint(f"{FOLDERS[kind]}/{readable}", "its name is not UTF-8"))
        return
    try:
        declaration, unknown = _declaration(directory, kind, file)
    except (Unreadable, NoDocument) as error:
        complaints.append(Complaint(file, str(error), error.line, error.column))
        return
    first = next((one for one in found if one.key == declaration.key), None)
    if first is not None:
        complaints.append(Complaint(file, f"{kind} {declaration.name} is declared by {first.file} already"))
        return
    found.append(declaration)
    complaints += [Complaint(file, text, effect="noted") for text in unknown]


def _declaration(directory: Path, kind: str, file: str) -> tuple[DeclaredResource, list[str]]:
    """What a file declares, and what in it counts for nothing. Raises Unreadable, NoDocument."""
    text = text_of(directory / file)
    if file.endswith(".tick"):
        id = stem(file)
        body = {"id": id, "script": text}
        return DeclaredResource(kind, id, file, body if kind == "template" else body | {"status": "enabled"}), []
    document = _DOCUMENTS[Path(file).suffix](text)
    if not file.endswith(".json"):
        document = _with_words(document, ("template-id",) if kind == "task" else ("topic", "id", "kind", "match"))
    if kind == "task":
        given = _load(DeclaredTaskSchema(), document)
        _check_vars(given["vars"])
        shape = {"template-id": given["template_id"], "dbrps": given["dbrps"], "vars": given["vars"]}
        id = stem(file)
        unknown = _unknown(document, (*shape, "id"))
        return DeclaredResource(kind, id, file, {"id": id, "status": "enabled", **shape}), unknown
    given = _load(DeclaredHandlerSchema(), document)
    return DeclaredResource(kind, f"{given['topic']}/{given['id']}", file, given), _unknown(document, given)


def _with_words(document: Any, names: tuple[str, ...]) -> Any:
    """A document of YAML, and the dbrps in it, with text where only text belongs: `id: 7` needs no quotes, as it needs
    none in the reference."""
    if not isinstance(document, dict):
        return document
    given = document | {name: _word(document[name]) for name in names if name in document}
    dbrps = given.get("dbrps")
    if isinstance(dbrps, list):
        given["dbrps"] = [_with_words(one, ("db", "rp")) for one in dbrps]
    return given


def _word(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return short_float(value)
    return str(value) if isinstance(value, int) else value


def _load(schema: Schema, document: Any) -> dict[str, Any]:
    if document is None:
        raise NoDocument("empty")
    try:
        given: dict[str, Any] = schema.load(document)
    except ValidationError as error:
        raise NoDocument("; ".join(_messages("", error.messages))) from None
    return given


def _messages(place: str, problem: Any) -> Iterator[str]:
    """Marshmallow's messages, which nest as lists and nested schemas do, each with the key that it is about."""
    if isinstance(problem, dict):
        for key, inner in problem.items():
            if key in ("_schema", "value") and place:
                yield from _messages(place, inner)
            elif isinstance(key, int):
                yield from _messages(f"{place}[{key}]", inner)
            else:
                yield from _messages(f"{place}.{key}" if place else str(key), inner)
    else:
        yield from (f"{place}: {text}".removeprefix("_schema: ") for text in problem)


def _check_vars(vars: Mapping[str, Any]) -> None:
    """Raises NoDocument for a value of a wrong type, and names the var where the API would only say `invalid JSON`."""
    for name, var in vars.items():
        try:
            parse_vars({name: var})
        except VarsError as error:
            complaint = str(error)
            if complaint == "invalid JSON":
                complaint = f"invalid var {name}: {var['value']!r} is no value of type {var['type']}"
            raise NoDocument(complaint) from None


def _unknown(document: Mapping[str, Any], known: Any) -> list[str]:
    """What is said of keys that count for nothing."""
    texts = []
    for key in document:
        if key not in known:
            close = difflib.get_close_matches(key, list(known), 1, 0.7)
            texts.append(f"{key} counts for nothing here" + (f" (did you mean {close[0]}?)" if close else ""))
    return texts
