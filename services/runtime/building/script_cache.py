"""Scripts as trees, kept in LMDB by their text: a start with a thousand tasks must not parse them all again."""

from __future__ import annotations

import hashlib

from grammar.tickscript import codec
from grammar.tickscript.ast import Script
from grammar.tickscript.parser import parse
from services.store.errors import StoreError
from services.store.store import Store

_BUCKET = "scripts"


class ParsedScripts:
    """Parses a script once, whoever asks and whenever."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def parsed(self, text: str) -> Script:
        """The tree of a script. Raises TickscriptError; such a script is parsed again every time."""
        data = self.kept(text)
        if data is not None:
            try:
                return codec.load(data)
            except ValueError:
                pass  # of another version: parsed and kept anew
        script = parse(text)
        self.keep(text, codec.dump(script))
        return script

    def kept(self, text: str) -> bytes | None:
        """The tree of a script as grammar.tickscript.codec has it, where it is known; it may be of another version."""
        data: bytes | None = self._store.get(_BUCKET, _key(text))
        return data

    def keep(self, text: str, tree: bytes) -> None:
        """Keep the tree of a script."""
        try:
            with self._store.write() as tx:
                tx.put(_BUCKET, _key(text), tree)
        except StoreError:
            pass  # no room: it works without


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).digest()
