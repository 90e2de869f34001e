"""What any command shows while it works, and says when it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
