"""Tables: columns of fixed places for programs, as Kapacitor prints them; on a terminal one that fits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from services.cli.output.printing import in_colour, on_terminal, safe

STYLES = {
    "enabled": "green",
    "disabled": "dim",
    "finished": "green",
    "running": "cyan",
    "failed": "bold red",
    "true": "green",
    "OK": "green",
    "INFO": "cyan",
    "WARNING": "yellow",
    "CRITICAL": "bold red",
}
"""How words of cells that are marked look."""

_ROOMY = 72  # columns of a terminal


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    width: its places where programs read it; 0: as many as a cell has. fits: it is wider where a cell is, by a space.
    right: its cells stand at its right. whole: on a terminal with room for it its cells are not broken into lines.
    marked: its cells are words of a few, which have colours.
    """

    head: str
    width: int = 0
    fits: bool = False
    right: bool = False
    whole: bool = False
    marked: bool = False


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    if on_terminal():
        _print_for_people(columns, rows)
        return
    for line in plain_lines(columns, rows):
        print(line)


def plain_lines(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table for programs, the first with the heads. All cells are filled up with spaces."""
    widths = [_width(column, [row[at] for row in rows]) for at, column in enumerate(columns)]
    for row in ([column.head for column in columns], *rows):
        yield "".join(
            cell.rjust(width) if column.right else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        )


def aligned(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Rows as lines in which cells stand below each other, two spaces apart, whoever reads them.

    right: the columns whose cells stand at their right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _width(column: Column, cells: Sequence[str]) -> int:
    if not column.fits:
        return column.width
    # Go counts bytes for the width of a column and characters when it fills a cell up
    return max([column.width, *(len(cell.encode("utf-8", "surrogateescape")) for cell in cells)]) + 1


def _print_for_people(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # only where there is a terminal
    from rich.table import Table
    from rich.text import Text

    console = Console(no_color=not in_colour(), highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.head,
            justify="right" if column.right else "left",
            overflow="fold",
            no_wrap=column.whole and console.width >= _ROOMY,
        )
    for row in rows:
        table.add_row(
            *(
                Text(safe(cell), style=STYLES.get(cell, "") if column.marked else "")
                for column, cell in zip(columns, row, strict=True)
            )
        )
    console.print(table)
