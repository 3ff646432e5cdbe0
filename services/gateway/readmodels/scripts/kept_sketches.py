"""Sketches kept in LMDB: after a start thousands of tasks are shown without being compiled once more."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from typing import Any

from services.gateway.readmodels.scripts.sketch import Sketch
from services.pipeline.outline import Outline, OutlineNode, shared
from services.pipeline.spec import Edge
from services.pipeline.splitting import Splitting
from services.pipeline.tag_set import TagSet
from services.store import codec
from services.store.errors import StoreError
from services.store.store import Store

_BUCKET = "sketches"
_VERSION = version("tickbus")
_FUNCTION = "@"  # what stands before a function of the user's, which may be another at the next start


class KeptSketches:
    """Those of scripts that compile, each with the script in the standard layout.

    They count for the version of tickbus that made them, and for the settings that it had.
    """

    def __init__(self, store: Store, settings: str = "") -> None:
        """settings: all of the configuration that decides on what a script is compiled to, as text."""
        self._store, self._made_by = store, f"{_VERSION}\n{settings}"

    def get(self, script: str, vars: bytes) -> tuple[Sketch, str] | None:
        """The sketch of a script with these vars (JSON), and its layout; None where they are not known."""
        if _FUNCTION in script:
            return None
        data = self._store.get(_BUCKET, _key(script, vars))
        try:
            made_by, sketch, formatted = (None, None, "") if data is None else codec.unpack(data)
            if made_by != self._made_by:
                return None
            return _unpacked(sketch), script if formatted is None else formatted
        except (ValueError, TypeError, LookupError):
            return None

    def keep(self, script: str, vars: bytes, sketch: Sketch, formatted: str) -> None:
        """Keep a sketch and a layout, unless the sketch tells of a problem, or of what may change."""
        if sketch.outline is None or _FUNCTION in script:
            return
        data = codec.pack([self._made_by, _packed(sketch), None if formatted == script else formatted])
        try:
            with self._store.write() as tx:
                tx.put(_BUCKET, _key(script, vars), data)
        except StoreError:
            pass  # no room: it works without


def _key(script: str, vars: bytes) -> bytes:
    text = script.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(b"%d\n%b%b" % (len(text), text, vars), digest_size=20).digest()


def _packed(sketch: Sketch) -> list[Any]:
    shown, split = sketch.outline, sketch.splitting
    assert shown is not None
    nodes = [[n.name, n.provides.value, list(n.children), n.source, n.head] for n in shown.nodes]
    by = [sorted(split.by.names), split.by.star]
    return [shown.edge.value, nodes, shown.inhibitable, by, split.node, split.reason]


def _unpacked(plain: Any) -> Sketch:
    edge, nodes, inhibitable, (names, star), node, reason = plain
    made = (OutlineNode(name, Edge(gives), tuple(children), *rest) for name, gives, children, *rest in nodes)
    found = shared(Outline(Edge(edge), tuple(made), inhibitable))
    return Sketch("", found, Splitting(TagSet.of(names) if not star else TagSet.all_but(names), node, reason))
