"""What any command that takes long shows, says when it is stopped, and is told about workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click


@contextmanager
def interruptible() -> Iterator[None]:
    """Say how to go on where Ctrl-C ends a command that resumes."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("crossbar: interrupted; run the same command to continue", err=True)
        raise click.Abort from None


@contextmanager
def progress_bar(quiet: bool, step: str, unit: str) -> Iterator[Callable[..., None] | None]:
    """Draw how much of a step is done on stderr, and a note; None when quiet."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn(step),
        BarColumn(),
        TextColumn("{task.completed:.4g}/{task.total} " + unit),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task("", total=None)

    def show(done: float, total: int, accuracy_percent: float | None = None) -> None:
        bar.start()  # not before the input is known to be good
        said = None if accuracy_percent is None else f"{accuracy_percent:.2f} % right"
        bar.update(task, completed=done, total=total, description=said)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()


def worker_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--workers`` and ``--scheduler``, for `workers.executor_for`."""
    workers = click.option(
        "--workers",
        type=click.IntRange(min=1),
        default=lambda: os.cpu_count() or 1,
        show_default="all cores",
        help="Chips simulated at once; the results do not depend on it.",
    )
    scheduler = click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Of a Dask cluster that does it, like tcp://host:8786, in place of --workers.",
    )
    return workers(scheduler(command))
