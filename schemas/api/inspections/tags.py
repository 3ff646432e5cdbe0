"""Tags as they are given in one text."""

from __future__ import annotations

import re

# In line protocol a backslash escapes these; before anything else it stands for itself.
_PAIR = re.compile(r"((?:[^\\,=]|\\[,= ]|\\(?![,= ]))+)=((?:[^\\,]|\\[,= ]|\\(?![,= ]))+)(?:,|$)", re.DOTALL)
_ESCAPED = re.compile(r"\\([,= ])")


def parse_tags(text: str) -> dict[str, str]:
    """Values by tags of a text as `host=a,cpu=0`; commas and equals signs are escaped by a backslash, as in lines.

    ValueError, with the part that is no tag with its value.
    """
    tags: dict[str, str] = {}
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None:
            raise ValueError(text[at:])
        name, value = (_ESCAPED.sub(r"\1", part) for part in pair.groups())
        tags[name] = value
        at = pair.end()
    return tags
