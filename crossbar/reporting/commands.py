"""The command about reports."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["report"]


@click.command(epilog="Example: crossbar report out/digits --out report.html")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Page to write (.html)."
)
def report(folder: Path, out: Path) -> None:
    """Write one HTML page about RUN, the folder of a study or another experiment: settings, tables,
    figures, heat maps, netlists. It opens without a network; a study that still runs is shown as
    far as it is. Tables are read from results.csv as it stands there; what an experiment goes on
    from may be another file, a study's tasks.jsonl."""
    from crossbar.reporting.page import write_report

    count = write_report(folder, out)
    click.echo(f"{out}: {count} figures, {out.stat().st_size / 1e6:.1f} MB; open it in a browser")
