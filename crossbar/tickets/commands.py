"""``crossbar tickets``: the experiments on strong lottery tickets; imported when one runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crossbar.models.commands import DATA, DATASET, require_torch, whole_numbers
from crossbar.progress import interruptible, progress_bar

if TYPE_CHECKING:
    from crossbar.tickets.experiments import TicketRow

NEURONS = (8, 12, 16, 20, 24, 28, 64, 256)
MOST_QUICK = 20
EPOCHS_HELP = "Of the training.  [default: 12; digits: 60]"
EPOCHS = click.option("--epochs", type=click.IntRange(1), help=EPOCHS_HELP)


def _common(command: Callable[..., None]) -> Callable[..., None]:
    """What every experiment takes."""
    for option in (
        click.option("--quiet", is_flag=True, help="No progress."),
        click.option("--seed", default=0, show_default=True, type=click.IntRange(0)),
        click.option(
            "--out",
            default=Path("out/tickets"),
            show_default=True,
            type=click.Path(path_type=Path),
            help="Folder to write; several experiments may share it.",
        ),
    ):
        command = option(command)
    return command


@click.group(epilog="Example: crossbar tickets neurons --quick --out out/tickets")
def tickets() -> None:
    """Strong lottery tickets: networks found in random ones by pruning alone. Rows are written
    as they come; a run that was stopped goes on when the same command is given again."""


@tickets.command(epilog="Example: crossbar tickets pensia --dataset mnist --data package/data")
@DATASET
@DATA
@EPOCHS
@click.option("--n", default=21, show_default=True, type=click.IntRange(1), help="For a weight.")
@_common
def pensia(
    dataset: str, data: Path | None, epochs: int | None, n: int, out: Path, seed: int, quiet: bool
) -> None:
    """A network of 500 hidden neurons from n random numbers a weight (Pensia et al. 2020)."""
    require_torch("safetensors")
    from crossbar.datasets import load_dataset
    from crossbar.tickets.experiments import PENSIA
    from crossbar.tickets.network_runs import run_pensia

    found = load_dataset(dataset, data)
    with interruptible():
        rows = run_pensia(
            found, out, n=n, epochs=epochs, seed=seed, shown=partial(progress_bar, quiet)
        )
    _show(rows)
    click.echo(
        f"Pensia et al., MNIST, n = 21: {PENSIA['accuracy_percent']} % before and after, "
        f"{PENSIA['kept_per_weight']:.2f} numbers kept a weight, {PENSIA['seconds']:,.0f} s"
    )


@tickets.command(
    "da-cunha",
    epilog="Example: crossbar tickets da-cunha --dataset fashion-mnist --data "
    "/usr/share/datasets/fashion-mnist",
)
@DATASET
@DATA
@EPOCHS
@click.option("--n", "counts", default="5,10,15,20,25,30", show_default=True, help="For a weight.")
@click.option("--seeds", default=10, show_default=True, type=click.IntRange(1), help="Draws.")
@click.option("--images", type=click.IntRange(1), help="Test images to use.  [default: all]")
@_common
def da_cunha(
    dataset: str,
    data: Path | None,
    epochs: int | None,
    counts: str,
    seeds: int,
    images: int | None,
    out: Path,
    seed: int,
    quiet: bool,
) -> None:
    """The convolutions of a LeNet-5 from few to many random numbers a weight (da Cunha et al.
    2022)."""
    require_torch("safetensors")
    from crossbar.datasets import load_dataset
    from crossbar.tickets.experiments import DA_CUNHA, DA_CUNHA_PERCENT
    from crossbar.tickets.network_runs import run_da_cunha

    asked: dict[str, Any] = {"counts": whole_numbers("--n", counts), "seeds": seeds}
    found = load_dataset(dataset, data)
    shown = partial(progress_bar, quiet)
    with interruptible():
        rows = run_da_cunha(
            found, out, **asked, images=images, epochs=epochs, seed=seed, shown=shown
        )
    _show(rows)
    if dataset not in DA_CUNHA_PERCENT:
        return
    percent = ", ".join(f"{one} % on {name}" for name, one in DA_CUNHA_PERCENT.items())
    errors = ", ".join(f"{n}: {error:g}" for n, error in DA_CUNHA.items())
    click.echo(f"da Cunha et al.: {percent}; largest relative errors by n: {errors}")


@tickets.command(epilog="Example: crossbar tickets table --out out/tickets")
@EPOCHS
@click.option(
    "--sets",
    default=500,
    show_default=True,
    type=click.IntRange(1, 500),
    help="Of Pensia's random numbers, for how many stay within a solver's tolerance.",
)
@_common
def table(epochs: int | None, sets: int, out: Path, seed: int, quiet: bool) -> None:
    """All that pensia and da-cunha wrote into a folder beside the published values, and what
    explains the differences; every construction on digits."""
    require_torch("safetensors")
    from crossbar.tickets.table_runs import TABLE_NAME, run_table

    with interruptible():
        made = run_table(
            out, sets=sets, epochs=epochs, seed=seed, shown=partial(progress_bar, quiet)
        )
    click.echo((out / f"{TABLE_NAME}.md").read_text(encoding="utf-8"))
    if not made.compared:
        click.echo(f"{out}: no rows of 'crossbar tickets pensia' or 'da-cunha' yet, run them")


@tickets.command(epilog="Example: crossbar tickets neurons --quick")
@click.option("--trials", default=5, show_default=True, type=click.IntRange(1))
@click.option("--dimensions", default=12, show_default=True, type=click.IntRange(1))
@click.option("--eps", default=0.1, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--quick", is_flag=True, help=f"At most {MOST_QUICK} neurons.")
@_common
def neurons(
    trials: int, dimensions: int, eps: float, quick: bool, out: Path, seed: int, quiet: bool
) -> None:
    """The open problem: drop whole neurons of a random network."""
    from crossbar.tickets.neurons import largest_dimensions
    from crossbar.tickets.runs import run_neurons

    counts = [n for n in NEURONS if n <= MOST_QUICK or not quick]
    with interruptible(), progress_bar(quiet, "neurons", "rows") as progress:
        rows = run_neurons(
            out, dimensions, counts, trials=trials, seed=seed, eps=eps, progress=progress
        )
    for (kind, n), d in largest_dimensions(rows, eps).items():
        click.echo(f"{kind:12s} n = {n:4d}: error {eps:g} up to d = {d}")


@tickets.command(epilog="Example: crossbar tickets filters --quick")
@click.option("--trials", default=5, show_default=True, type=click.IntRange(1))
@click.option("--eps", default=0.1, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--quick", is_flag=True, help=f"At most {MOST_QUICK} filters.")
@_common
def filters(trials: int, eps: float, quick: bool, out: Path, seed: int, quiet: bool) -> None:
    """The open problem for convolutions: drop whole filters of a random one."""
    from crossbar.tickets.neurons import largest_dimensions
    from crossbar.tickets.runs import run_filters

    counts = [n for n in NEURONS if n <= MOST_QUICK or not quick]
    with interruptible(), progress_bar(quiet, "filters", "rows") as progress:
        rows = run_filters(out, counts, trials=trials, seed=seed, eps=eps, progress=progress)
    for row in rows:
        click.echo(
            f"{row.outputs} x {row.channels} x {row.kernel} x {row.kernel} = {row.d:2d} weights of "
            f"n = {row.n:3d} filters: error {row.median_error:.2g}, of an output "
            f"{row.output_error:.2g}, {row.kept:.1f} stay" + ("" if row.proven else ", not proven")
        )
    for n, d in ((n, d) for (_, n), d in largest_dimensions(rows, eps).items()):
        click.echo(f"n = {n:4d}: error {eps:g} up to d = {d}")


@tickets.command(epilog="Example: crossbar tickets flyhash")
@DATASET
@DATA
@click.option("--trials", default=5, show_default=True, type=click.IntRange(1))
@click.option("--lengths", default="4,8,16,32", show_default=True, help="Winners of a tag.")
@click.option("--images", default=1000, show_default=True, type=click.IntRange(2))
@_common
def flyhash(
    dataset: str,
    data: Path | None,
    trials: int,
    lengths: str,
    images: int,
    out: Path,
    seed: int,
    quiet: bool,
) -> None:
    """Look images up by an array of random resistors that nobody programmed."""
    from crossbar.datasets import load_dataset
    from crossbar.tickets.runs import run_flyhash

    asked: dict[str, Any] = {"lengths": whole_numbers("--lengths", lengths), "trials": trials}
    found = load_dataset(dataset, data)
    with interruptible(), progress_bar(quiet, "flyhash", "lengths") as progress:
        rows = run_flyhash(found, out, **asked, images=images, seed=seed, progress=progress)
    for row in rows:
        click.echo(f"{row.name:20s} {row.length:3d}: recall {row.recall:.3f}")


@tickets.command(epilog="Example: crossbar tickets hardware")
@DATASET
@DATA
@click.option(
    "--epochs", type=click.IntRange(2), help=f"{EPOCHS_HELP} At least 2: before and after pruning."
)
@click.option(
    "--resistors", default="2,4,6,8,10,12,16", show_default=True, help="For a weight, to try."
)
@click.option("--chips", default=3, show_default=True, type=click.IntRange(1), help="Of each.")
@_common
def hardware(
    dataset: str,
    data: Path | None,
    epochs: int | None,
    resistors: str,
    chips: int,
    out: Path,
    seed: int,
    quiet: bool,
) -> None:
    """A small network from chips of random resistors, only by switching some of them off; in
    ngspice."""
    require_torch("safetensors")
    from crossbar.datasets import load_dataset
    from crossbar.tickets.hardware_runs import run_hardware

    counts = whole_numbers("--resistors", resistors)
    found = load_dataset(dataset, data)
    shown = partial(progress_bar, quiet)
    with interruptible():
        rows = run_hardware(
            found, out, resistors=counts, chips=chips, epochs=epochs, seed=seed, shown=shown
        )
    for row in rows:
        if row.simulator == "ngspice":
            click.echo(
                f"{row.kind:14s} n = {row.resistors_per_weight:2d}, chip {row.chip}: "
                f"{row.target_percent:.2f} -> {row.percent:.2f} % in ngspice, {row.flips} flips, "
                f"logit error {row.logit_error_percent:.2g} %, "
                f"{row.closed_resistors:,} of {row.resistors:,} resistors stay"
            )


def _show(rows: Sequence[TicketRow]) -> None:
    for row in rows:
        click.echo(
            f"{row.name:12s} n = {row.n:2d}: {row.target_percent:.2f} -> {row.percent:.2f} %, "
            f"{row.flips} flips, error of a weight {row.weight_error:.2g}, "
            f"{row.kept_per_weight:.2f} kept a weight, {row.unreachable} unreachable, "
            f"{row.seconds:.1f} s"
        )
