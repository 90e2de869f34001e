"""The commands about networks; torch is imported only when one runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from crossbar.models.model_files import LoadedModel

MODELS = ("lenet-300-100", "lenet-5", "lenet-5-digits")


@click.command(
    epilog="Example: crossbar train lenet-300-100 --dataset fashion-mnist --data "
    "/usr/share/datasets/fashion-mnist --out lenet.safetensors; then the same with --prune 0.9 "
    "--from lenet.safetensors --out pruned.safetensors"
)
@click.argument("model", metavar="MODEL", type=click.Choice(MODELS))
@click.option(
    "--dataset",
    default="digits",
    show_default=True,
    help="digits (built in), mnist or fashion-mnist (with --data).",
)
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the four IDX files.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="File to write (.safetensors)."
)
@click.option("--epochs", type=int, help="Times every image is seen.  [default: 12; digits: 60]")
@click.option("--batch", type=int, help="Images a step.  [default: 60]")
@click.option("--lr", type=float, help="First learning rate.  [default: 0.0012; digits: 0.005]")
@click.option("--seed", type=int, help="First weights and order of images.  [default: 0]")
@click.option(
    "--prune",
    type=float,
    help="Fraction of the weights to set to zero, at once; half-way, or first with --from.  "
    "[default: 0]",
)
@click.option(
    "--from", "start", type=click.Path(path_type=Path), help="Trained network to go on from."
)
@click.option("--quiet", is_flag=True, help="No progress.")
def train(
    model: str,
    dataset: str,
    data: Path | None,
    out: Path,
    start: Path | None,
    quiet: bool,
    **settings: Any,
) -> None:
    """Train MODEL (lenet-300-100, lenet-5, lenet-5-digits). A run that was stopped goes on from
    its last epoch when the same command is given again."""
    from crossbar.models.optional import require

    require("torch", "safetensors")
    from crossbar.datasets import load_dataset
    from crossbar.files import check_output
    from crossbar.models import training
    from crossbar.models.model_files import load_model

    check_output(out, (".safetensors",), inputs=[start])
    given = {name: value for name, value in settings.items() if value is not None}
    described = training.Training(**(training.DEFAULTS.get(dataset, {}) | given))
    first = load_model(start) if start else None
    images = load_dataset(dataset, data)
    begun = time.perf_counter()
    with _progress(quiet) as progress:
        try:
            made = training.train(model, images, out, described, start=first, progress=progress)
        except KeyboardInterrupt:
            click.echo("crossbar: interrupted; run the same command to continue", err=True)
            raise click.Abort from None
    click.echo(f"{out}: {_summary(made)}; {time.perf_counter() - begun:.0f} s")


def _summary(made: LoadedModel) -> str:
    details = made.about.details
    weights = sum(value.numel() for value in made.module.parameters() if value.dim() > 1)
    return (
        f"{made.about.architecture}, {weights} weights, "
        f"{100 * details['pruned_fraction']:.1f} % of them zero; "
        f"{details['accuracy_percent']:.2f} % of the test images of {details['dataset']} "
        f"(sha256 {details['dataset_sha256'][:16]})"
    )


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[float, int, float | None], None] | None]:
    """Draw epochs and accuracy on stderr; None when quiet."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("epochs"),
        BarColumn(),
        TextColumn("{task.completed:.1f}/{task.total}"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task("", total=None)

    def show(done: float, total: int, accuracy: float | None) -> None:
        bar.start()  # not before the input is known to be good
        said = None if accuracy is None else f"{accuracy:.2f} % right"
        bar.update(task, completed=done, total=total, description=said)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()
