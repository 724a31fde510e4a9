"""Lists: a table on a terminal, tab-separated lines elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from knowledge.cli.render.terminal import field, write
from knowledge.cli.session import Session
from knowledge.text.escaping import flat


def show_facts(session: Session, facts: Sequence[tuple[str, str]]) -> None:
    """Print names with values of one line; aligned on a terminal, elsewhere a tab between."""
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        apart = " " * (width - len(name) + 2) if session.on_terminal else "\t"
        write(f"{flat(name)}{apart}{flat(value)}\n")


def moment(session: Session, when: datetime) -> str:
    """Return a time: on a terminal of this place and to the minute, elsewhere in full."""
    if session.on_terminal:
        return when.astimezone().strftime("%Y-%m-%d %H:%M")
    return when.isoformat(timespec="seconds")


def show_table(
    session: Session,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
) -> None:
    """Print rows; on a terminal with a header, elsewhere one tab-separated line each.

    Parameters
    ----------
    right:
        Numbers of the columns that are aligned right.
    """
    if not session.on_terminal:
        for row in rows:
            write("\t".join(map(field, row)) + "\n")
        return
    if not rows:
        return
    from rich.table import Table
    from rich.text import Text

    from knowledge.cli.render.terminal import output_console

    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(field(value)) for value in row))
    output_console().print(table)
