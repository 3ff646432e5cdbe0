"""Which tags an alert's id tells groups apart by."""

from __future__ import annotations

import re

_GROUP = re.compile(r"\{\{-?\s*\.Group\s*-?\}\}")
_TAG = re.compile(r"""\{\{-?\s*(?:index\s+\.Tags\s+["`]([^"`]+)["`]|\.Tags\.(\w+))\s*-?\}\}""")
_BLOCK = re.compile(r"\{\{-?\s*(?:if|with|range|define|block|template)\b")


def tags_in_id(id: str) -> frozenset[str] | None:
    """The tags that stand in the template of an id as they are, None where the whole group does.

    What only may stand there, in a condition say, does not count.
    """
    if _BLOCK.search(id):
        return frozenset()
    if _GROUP.search(id):
        return None
    return frozenset(named or field for named, field in _TAG.findall(id))
