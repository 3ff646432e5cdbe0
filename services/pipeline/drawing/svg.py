"""A graph as SVG, for a page to show and to write rates and errors into: classes only, so that CSS themes it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from xml.sax.saxutils import escape

from services.pipeline.drawing.placing import NODE_HEIGHT, Placing, place
from services.pipeline.outline import Outline

CONTENT_TYPE = "image/svg+xml"

_CHARACTER = 8.0  # px, of a monospaced letter at 13 px
_PADDING = 14.0
_LEAST_WIDTH = 72.0
_MOST_CHARACTERS = 40
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER = re.compile(r"[0-9]+$")
_STYLE = (
    ".tickbus-graph{font:13px ui-monospace,monospace}"
    ".node .box{fill:#fff;stroke:#57606a}.node .name{fill:#1f2328}"
    ".edge .line{fill:none;stroke:#8c959f;stroke-width:1.5}.arrow{fill:#8c959f}"
    ".edge .rate{fill:#57606a;font-size:11px}.node .errors{fill:#cf222e;font-size:11px}"
    "@media (prefers-color-scheme:dark){.node .box{fill:#161b22;stroke:#8b949e}.node .name{fill:#e6edf3}"
    ".edge .line{stroke:#6e7681}.arrow{fill:#6e7681}.edge .rate{fill:#8b949e}.node .errors{fill:#ff7b72}}"
)


def to_svg(name: str, graph: Outline) -> str:
    """The graph of the task or template `name`.

    A node is `<g class="node" data-node="window2" data-kind="window">` with an empty `<text class="errors">`, an edge
    `<g class="edge" data-from="from1" data-to="window2">` with an empty `<text class="rate">` at its middle. `batch`
    itself is left out, as in DOT.
    """
    shown = [number for number, node in enumerate(graph.nodes) if not node.head]
    at = {number: place for place, number in enumerate(shown)}
    names = [graph.nodes[number].name for number in shown]
    edges = [(at[number], at[child]) for number in shown for child in sorted(graph.nodes[number].children)]
    widths = [max(_LEAST_WIDTH, _columns(_short(one)) * _CHARACTER + 2 * _PADDING) for one in names]
    placing = place(widths, edges)
    return "\n".join(_lines(name, names, widths, edges, placing)) + "\n"


def _lines(
    name: str, names: list[str], widths: list[float], edges: list[tuple[int, int]], placing: Placing
) -> Iterator[str]:
    width, height = _px(placing.width), _px(placing.height)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tickbus-graph" role="img" aria-label="graph of {_text(name)}" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    )
    yield f"<style>{_STYLE}</style>"
    yield (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="arrow" d="M0 0 8 4 0 8z"/></marker></defs>'
    )
    for number, (parent, child) in enumerate(edges):
        x, y = placing.middles[number]
        yield (
            f'<g class="edge" data-from="{_text(names[parent])}" data-to="{_text(names[child])}">'
            f'<path class="line" marker-end="url(#arrow)" d="{_path(placing, number, parent, child)}"/>'
            f'<text class="rate" x="{_px(x + 6)}" y="{_px(y + 4)}"></text></g>'
        )
    for one, width_, (x, y) in zip(names, widths, placing.nodes, strict=True):
        yield (
            f'<g class="node" data-node="{_text(one)}" data-kind="{_text(_NUMBER.sub("", one))}" '
            f'transform="translate({_px(x - width_ / 2)} {_px(y)})">'
            f"<title>{_text(one)}</title>"
            f'<rect class="box" width="{_px(width_)}" height="{_px(NODE_HEIGHT)}" rx="6"/>'
            f'<text class="name" text-anchor="middle" x="{_px(width_ / 2)}" y="{_px(NODE_HEIGHT / 2 + 4.5)}">'
            f"{_text(_short(one))}</text>"
            f'<text class="errors" text-anchor="end" x="{_px(width_ - 4)}" y="-4"></text></g>'
        )
    yield "</svg>"


def _path(placing: Placing, number: int, parent: int, child: int) -> str:
    """From the lower edge of a node to the upper edge of another: a curve in each gap, straight past layers."""
    x, y = placing.nodes[parent]
    y += NODE_HEIGHT
    found = [f"M{_px(x)} {_px(y)}"]
    bends = placing.bends[number]
    for bend, (to_x, to_y) in enumerate([*bends, placing.nodes[child]]):
        half = (y + to_y) / 2
        found.append(f"C{_px(x)} {_px(half)} {_px(to_x)} {_px(half)} {_px(to_x)} {_px(to_y)}")
        x, y = to_x, to_y
        if bend < len(bends):
            y += NODE_HEIGHT
            found.append(f"V{_px(y)}")
    return "".join(found)


def _short(name: str) -> str:
    return name if len(name) <= _MOST_CHARACTERS else name[: _MOST_CHARACTERS - 1] + "…"


def _columns(text: str) -> int:
    """How many letters wide a text is; those of East Asia are two."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def _text(text: str) -> str:
    """For an attribute or as text, without what XML cannot hold."""
    return escape(_NO_XML.sub("\ufffd", text), {'"': "&quot;"})


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
