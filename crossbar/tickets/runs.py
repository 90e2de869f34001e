"""The experiments as studies: networks, tables and figures in a folder, resumed after a kill."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossbar.errors import InputError
from crossbar.figures import save_figure
from crossbar.folders import RunFolder
from crossbar.tables import NETWORK, RowType
from crossbar.tickets import plots
from crossbar.tickets.filters import FILTERS, SHAPES, FilterRow, filter_rows
from crossbar.tickets.flyhash import HASHES, RecallRow, check_images, flyhash_rows
from crossbar.tickets.neurons import KINDS, NeuronRow, neuron_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crossbar.datasets import Dataset

Key = tuple[Hashable, ...]
Progress = Callable[[int, int], None]


def run_rows(
    folder: Path,
    identity: Mapping[str, Any],
    kind: type[RowType],
    keys: Sequence[Key],
    make: Callable[[Collection[Key]], Iterable[RowType]],
    *,
    layers: Sequence[str] = (NETWORK,),
    progress: Progress | None = None,
) -> list[RowType]:
    """Compute a table row by row into a folder; what is there is not computed again.

    Parameters
    ----------
    folder : Path
        For ``results.csv`` and ``run.json``; made when missing.
    identity : mapping
        What the rows follow from, besides the version; a folder of anything else is refused.
    kind : type
        Dataclass of the rows.
    keys : sequence of tuple
        Keys of all tasks, in the order of the table.
    make : callable
        Takes the keys to leave out and yields the rows of the others, in the same order.
    layers : sequence of str
        What each task's rows have as ``layer``.
    progress : callable, optional
        Called with the numbers of finished and of all tasks.

    Returns
    -------
    list
        All rows.

    Raises
    ------
    InputError
        For a folder of another experiment, or one that cannot be written.
    """
    from crossbar import __version__

    with RunFolder(folder, {"version": __version__, **identity}, kind) as run:
        rows_of = run.finished(list(layers), "crossbar tickets")
        if progress:
            progress(len(rows_of), len(keys))
        if not (run.complete and len(rows_of) == len(keys)):
            run.start(rows_of)
        found = iter(make(set(rows_of)))
        while rows := list(islice(found, len(layers))):
            run.append(rows)
            rows_of[rows[0].key] = rows
            if progress:
                progress(len(rows_of), len(keys))
        table = [row for key in keys for row in rows_of[key]]
        run.finish(table)
    return table


def run_neurons(
    out: Path,
    dimensions: int,
    counts: Sequence[int],
    *,
    trials: int = 5,
    seed: int = 0,
    eps: float = 0.1,
    progress: Progress | None = None,
) -> list[NeuronRow]:
    """The open problem up to so many dimensions, into ``neurons``; see `neurons.neuron_rows`.

    Raises
    ------
    InputError
        As `run_rows` and `neurons.neuron_rows`, and for an eps that is not positive and finite.
    """
    _check_eps(eps)
    sizes = range(1, dimensions + 1)
    keys = [(kind, d, n) for kind in KINDS for n in counts for d in sizes]
    identity = {
        "experiment": "neurons",
        "settings": {
            "dimensions": dimensions, "counts": list(counts), "trials": trials, "seed": seed
        },
    }  # fmt: skip

    def make(skip: Collection[Key]) -> Iterator[NeuronRow]:
        return neuron_rows(sizes, counts, trials=trials, seed=seed, skip=skip)

    rows = run_rows(out / "neurons", identity, NeuronRow, keys, make, progress=progress)
    _draw_neurons(rows, KINDS, eps, out, "neurons")
    return rows


def run_filters(
    out: Path,
    counts: Sequence[int],
    *,
    trials: int = 5,
    seed: int = 0,
    eps: float = 0.1,
    progress: Progress | None = None,
) -> list[FilterRow]:
    """The open problem for convolutions, into ``filters``; see `filters.filter_rows`.

    Raises
    ------
    InputError
        As `run_rows` and `filters.filter_rows`, and for an eps that is not positive and finite.
    """
    _check_eps(eps)
    keys = [(FILTERS, math.prod(shape) * shape[-1], n) for n in counts for shape in SHAPES]
    settings = {"counts": list(counts), "trials": trials, "seed": seed}
    identity = {"experiment": "filters", "settings": settings}

    def make(skip: Collection[Key]) -> Iterator[FilterRow]:
        return filter_rows(SHAPES, counts, trials=trials, seed=seed, skip=skip)

    rows = run_rows(out / "filters", identity, FilterRow, keys, make, progress=progress)
    _draw_neurons(rows, [FILTERS], eps, out, "filters")
    return rows


def _check_eps(eps: float) -> None:
    if not 0 < eps < math.inf:
        raise InputError(f"eps = {eps}: give a positive, finite number")


def _draw_neurons(
    rows: Sequence[NeuronRow], kinds: Sequence[str], eps: float, out: Path, name: str
) -> None:
    def draw() -> Figure:
        drawn, axes = panels(len(kinds))
        for kind, ax in zip(kinds, axes, strict=True):
            plots.plot_neurons(rows, kind, eps, ax)
        return drawn

    save_figure(draw, out, name)


def run_flyhash(
    dataset: Dataset,
    out: Path,
    *,
    lengths: Sequence[int] = (4, 8, 16, 32),
    trials: int = 5,
    images: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[RecallRow]:
    """Recall of test images by hashes, into ``flyhash-DATASET``; see `flyhash.flyhash_rows`.

    Raises
    ------
    InputError
        As `run_rows` and `flyhash.flyhash_rows`.
    """
    some = check_images(dataset.test_inputs[:images])  # refused here, before there is a folder
    keys = [(length,) for length in lengths]
    settings = {"lengths": list(lengths), "trials": trials, "images": len(some), "seed": seed}
    identity = {"experiment": "flyhash", "settings": settings, **of_dataset(dataset)}

    def make(skip: Collection[Key]) -> Iterator[RecallRow]:
        return flyhash_rows(some, lengths, trials=trials, seed=seed, skip=skip)

    name = f"flyhash-{dataset.name}"
    rows = run_rows(out / name, identity, RecallRow, keys, make, layers=HASHES, progress=progress)

    def draw() -> Figure:
        drawn, (ax,) = panels(1)
        plots.plot_recall(rows, ax).set_title(f"{len(some)} images of {dataset.name}")
        return drawn

    save_figure(draw, out, name)
    return rows


def of_dataset(dataset: Dataset) -> dict[str, str]:
    """What names a dataset in ``run.json``."""
    return {"dataset": dataset.name, "dataset_sha256": dataset.checksum}


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with Axes side by side."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(4.6 * count + 0.6, 4.0), layout="constrained")
    return drawn, list(drawn.subplots(1, count, squeeze=False)[0])
