"""Tables as the terminal shows them: ruled in a terminal, plain columns in a file or a pipe."""

from __future__ import annotations

from collections.abc import Sequence

import typer


def echo_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[int] = (),
    header_in_files: bool = False,
) -> None:
    """Print rows under a header.

    Args:
        right: columns that are set flush right; the last column is never cut.
        header_in_files: there is a header outside a terminal too.
    """
    import sys

    if sys.stdout.isatty():
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
        for column, name in enumerate(header):
            table.add_column(
                name,
                justify="right" if column in right else "left",
                no_wrap=column < len(header) - 1,
                overflow="fold",
            )
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        Console(highlight=False).print(table)
        return
    widths = [max(len(row[c]) for row in [header, *rows]) for c in range(len(header))]
    for row in [header, *rows] if header_in_files else rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        typer.echo("  ".join(cells).rstrip())
