"""The table of `tickbus top`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.cli.output.printing import without_control
from services.cli.output.tables import STYLES, Column
from services.cli.server.task_rates import Rate

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    Column("Task", 4, fits=True),
    Column("Points/s", 9, fits=True, right=True),
    Column("Time", 7, fits=True, right=True),
    Column("Errors/s", 9, fits=True, right=True),
    Column("Groups", 7, fits=True, right=True),
    Column("Lag", 5, fits=True, right=True),
    Column(" Worker", 7, fits=True),
    Column("Status", 8, fits=True, marked=True),
)
_AROUND = 3  # lines of the screen that are no tasks


def live_table(found: Sequence[Rate], height: int) -> Table:
    """As many as a screen of this height has room for, and how many there are besides."""
    from rich.table import Table  # only where there is a terminal
    from rich.text import Text

    fitting = found[: max(height - _AROUND, 1)]
    more = len(found) - len(fitting)
    table = Table(box=None, pad_edge=False, header_style="bold", caption=f"{more} more" if more else None)
    for column in COLUMNS:
        table.add_column(column.head.strip(), justify="right" if column.right else "left", no_wrap=True)
    for one in fitting:
        cells = [without_control(cell.strip()) for cell in one.cells()]
        marked = zip(COLUMNS, cells, strict=True)
        table.add_row(*(Text(cell, style=STYLES.get(cell, "") if column.marked else "") for column, cell in marked))
    return table
