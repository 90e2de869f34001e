"""The published experiments as studies: their networks are trained first, once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from crossbar.datasets import Dataset
from crossbar.errors import InputError
from crossbar.figures import save_figure
from crossbar.models.lenets import networks_for
from crossbar.models.model_files import LoadedModel, tensors_sha256
from crossbar.models.trained import Shown, step, train_once
from crossbar.models.training import DEFAULTS, Training, deterministic, image_tensors
from crossbar.tickets import plots
from crossbar.tickets.experiments import (
    DA_CUNHA,
    DA_CUNHA_PERCENT,
    TicketRow,
    WeightErrorRow,
    da_cunha_table,
    pensia_experiment,
    weight_errors,
)
from crossbar.tickets.runs import Key, of_dataset, panels, run_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONVOLUTIONS = 6
"""Modules of a LeNet-5 up to its second pooling."""

TABLE, ERRORS = ("plain sums", "da_cunha"), ("plain sums", "malach", "orseau", "da_cunha")


def run_pensia(
    dataset: Dataset,
    out: Path,
    *,
    n: int = 21,
    eps: float = 0.01,
    epochs: int | None = None,
    seed: int = 0,
    shown: Shown | None = None,
) -> list[TicketRow]:
    """Train a network of 500 hidden neurons and repeat `experiments.pensia_experiment` on it.

    Writes the network and the folder ``pensia-DATASET``.

    Raises
    ------
    InputError
        As `runs.run_rows` and `models.training.train`.
    """
    with deterministic():
        made = trained("perceptron-500", dataset, out, epochs, seed, shown)
        images, _ = image_tensors(dataset, train=False)
        identity = identity_of("pensia", {"n": n, "eps": eps, "seed": seed}, dataset, made)
        keys = [(name, n) for name in ("their script", "plain sums", "pensia")]

        def make(skip: Collection[Key]) -> Iterator[TicketRow]:
            return pensia_experiment(
                made.module, images, dataset.test_labels, n=n, eps=eps, seed=seed, skip=skip
            )

        name = f"pensia-{dataset.name}"
        with step(shown, name, "rows") as progress:
            return run_rows(out / name, identity, TicketRow, keys, make, progress=progress)


def run_da_cunha(
    dataset: Dataset,
    out: Path,
    *,
    counts: Sequence[int] = tuple(DA_CUNHA),
    seeds: int = 10,
    images: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    shown: Shown | None = None,
) -> list[TicketRow]:
    """Train a LeNet-5 and repeat `experiments.da_cunha_table` on its convolutions.

    Their LeNet-5 has an edge of zeros around the second convolution too; the weights that are
    replaced are as many. The digits have a smaller one. Writes the network, the folders
    ``da-cunha-DATASET`` and, for several draws, ``da-cunha-DATASET-errors``, and a figure.

    Raises
    ------
    InputError
        As `runs.run_rows` and `models.training.train`, and for a count below 1.
    """
    for n in counts:
        if n < 1:
            raise InputError(f"n = {n}: give whole numbers, at least 1")
    with deterministic():
        made = trained(networks_for(dataset)[1], dataset, out, epochs, seed, shown)
        _draw_errors(dataset, made, out, counts, range(seed, seed + seeds), shown)
        pixels, _ = image_tensors(dataset, train=False)
        head, tail = _cut(made)
        settings = {"counts": list(counts), "images": images, "seed": seed}
        identity = identity_of("da-cunha", settings, dataset, made)

        def make(skip: Collection[Key]) -> Iterator[TicketRow]:
            some, labels = pixels[:images], dataset.test_labels[:images]
            return da_cunha_table(
                head, tail, some, labels, counts=counts, names=TABLE, seed=seed, skip=skip
            )

        table = f"da-cunha-{dataset.name}"
        keys = [(name, n) for name in TABLE for n in counts]
        with step(shown, table, "rows") as progress:
            return run_rows(out / table, identity, TicketRow, keys, make, progress=progress)


def _draw_errors(
    dataset: Dataset,
    made: LoadedModel,
    out: Path,
    counts: Sequence[int],
    draws: range,
    shown: Shown | None,
) -> None:
    """Errors of several random networks, and their figure."""
    name = f"da-cunha-{dataset.name}"
    settings = {"counts": list(counts), "seeds": list(draws)}
    identity = identity_of("da-cunha errors", settings, dataset, made)
    keys = [(one, n, seed) for one in ERRORS for n in counts for seed in draws]

    def make(skip: Collection[Key]) -> Iterator[WeightErrorRow]:
        return weight_errors(_cut(made)[0], counts=counts, names=ERRORS, seeds=draws, skip=skip)

    with step(shown, f"{name}-errors", "draws") as progress:
        rows = run_rows(
            out / f"{name}-errors", identity, WeightErrorRow, keys, make, progress=progress
        )

    def draw() -> Figure:
        drawn, (ax,) = panels(1)
        title = f"convolutions of {made.about.architecture} on {dataset.name}"
        published = DA_CUNHA if dataset.name in DA_CUNHA_PERCENT else None
        plots.plot_weight_errors(rows, published, ax).set_title(title)
        return drawn

    save_figure(draw, out, name)


def _cut(made: LoadedModel) -> tuple[nn.Sequential, nn.Sequential]:
    """A LeNet-5 behind its second pooling."""
    modules = list(made.module)
    return nn.Sequential(*modules[:CONVOLUTIONS]), nn.Sequential(*modules[CONVOLUTIONS:])


def trained(
    name: str,
    dataset: Dataset,
    out: Path,
    epochs: int | None,
    seed: int,
    shown: Shown | None,
    prune: float = 0.0,
) -> LoadedModel:
    """The network that an experiment starts from, trained unless it is in the folder."""
    given = {"seed": seed, "prune": prune} | ({} if epochs is None else {"epochs": epochs})
    training = Training(**(DEFAULTS.get(dataset.name, {}) | given))
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}-{dataset.name}.safetensors"
    return train_once(name, dataset, path, training, shown=shown)


def identity_of(
    experiment: str, settings: dict[str, Any], dataset: Dataset, made: LoadedModel
) -> dict[str, Any]:
    """What the rows about a trained network follow from."""
    return {
        "experiment": experiment,
        "torch": str(torch.__version__),
        "settings": settings,
        "model_sha256": tensors_sha256(made.module.state_dict()),
        **of_dataset(dataset),
    }
