"""The commands about studies: ``crossbar study``, ``plot`` and ``merge``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crossbar.errors import InputError
from crossbar.messages import counted
from crossbar.progress import worker_options

if TYPE_CHECKING:
    from crossbar.results import Row


@click.command(epilog="Example: crossbar study examples/digits.toml --out out/digits")
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@worker_options
@click.option("--quiet", is_flag=True, help="No progress bar and no table.")
def study(study: Path, out: Path, workers: int, scheduler: str | None, quiet: bool) -> None:
    """Run the study of a TOML file, or what is left of it, into a folder. More chips, designs,
    numbers of resistors or swept values than last time are added to what is there."""
    from crossbar import studies
    from crossbar.console import print_summary, progress_bar
    from crossbar.workers import executor_for
    from spice_models.ngspice import stop_all

    described = studies.load_study(study)
    with progress_bar(quiet) as progress, executor_for(workers, scheduler) as executor:
        try:
            rows = studies.run(described, out, executor=executor, progress=progress)
        except KeyboardInterrupt:
            stop_all()
            click.echo("crossbar: interrupted; run the same command to continue", err=True)
            raise click.Abort from None
        except InputError as error:
            if str(error).startswith("sweep"):
                raise InputError(f"{study}: {error}") from None
            raise
    _figures(out, _all_rows(out))
    if not quiet:
        print_summary(rows)
        click.echo(f"Table, settings, figures and netlists: {out}")


@click.command(epilog="Example: crossbar plot out/digits")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--style",
    type=click.Choice(["screen", "paper"]),
    default="screen",
    show_default=True,
    help="paper: a figure of one column's width for each quantity, as PDF, SVG and PNG.",
)
def plot(folder: Path, style: str) -> None:
    """Draw the figures of a study again from its results.csv as it stands there, edits included;
    the study itself is in tasks.jsonl, from which 'crossbar study' writes results.csv again."""
    for path in _figures(folder, _all_rows(folder), style):
        click.echo(path)


@click.command(epilog="Example: crossbar merge out/first out/second --out out/both")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to make.")
def merge(folders: tuple[Path, ...], out: Path) -> None:
    """Join the FOLDERS of studies that several machines ran: parts of one study, which differ in
    designs, numbers of resistors, chips or swept values."""
    from crossbar.results import NETWORK
    from crossbar.studies.merging import merge as join

    rows = join(folders, out)
    tasks = sum(row.layer == NETWORK for row in rows)
    joined = f"{counted(tasks, 'chip')} of {counted(len(folders), 'folder')}"
    click.echo(f"{out}: {joined}; draw them with: crossbar plot {shlex.quote(str(out))}")


def _all_rows(folder: Path) -> list[Row]:
    from crossbar.results import read_results

    return read_results(folder / "results.csv")


def _figures(folder: Path, rows: list[Row], style: str = "screen") -> list[Path]:
    from crossbar.folders import read_digital_accuracy
    from crossbar.plots import save_figures, save_paper_figures

    if not rows:
        raise InputError(f"{folder}: results.csv has no rows yet; run 'crossbar study' first")
    save = save_paper_figures if style == "paper" else save_figures
    return save(rows, read_digital_accuracy(folder), folder)
