"""A ticket on hardware as a study: the target trained, its table, its picture, its netlists."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossbar.datasets import Dataset
from crossbar.figures import save_figure
from crossbar.files import write_atomically
from crossbar.models.model_files import LoadedModel
from crossbar.models.trained import Shown, step
from crossbar.models.training import deterministic
from crossbar.production import ProgrammedChip
from crossbar.simulation import Tile, layer_text, place_tiles
from crossbar.tickets.hardware import (
    RESISTORS,
    SIMULATORS,
    Floats,
    HardwareRow,
    hardware_rows,
    hardware_ticket,
    matrices,
)
from crossbar.tickets.hardware_plots import hardware_figure
from crossbar.tickets.network_runs import identity_of, trained
from crossbar.tickets.neurons import check_counts
from crossbar.tickets.runs import Key, run_rows
from spice_models import Wires

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRUNED = 0.5
SHOWN_KIND = "lognormal 50 %"
MOST_SHOWN = 8
"""Resistors for each weight in the picture of the resistors, where each must be seen."""


def run_hardware(
    dataset: Dataset,
    out: Path,
    *,
    resistors: Sequence[int] = (2, 4, 6, 8, 10, 12, 16),
    chips: int = 3,
    prune: float = PRUNED,
    epochs: int | None = None,
    seed: int = 0,
    shown: Shown | None = None,
) -> list[HardwareRow]:
    """Train a network of 16 hidden neurons, half of its weights pruned, and prune chips to it.

    Writes the network, the folder ``hardware-DATASET`` with the table and the netlists of the
    chip that the picture shows, and the picture ``hardware-DATASET.png`` and ``.svg``.

    Parameters
    ----------
    dataset : Dataset
        What the target learns.
    out : Path
        Folder.
    resistors, chips, seed
        As `hardware.hardware_rows`.
    prune : float
        Share of the target's weights that are zero.
    epochs : int, optional
        Of the training.
    shown : callable, optional
        Draws progress.

    Raises
    ------
    InputError
        As `runs.run_rows`, `models.training.train` and `hardware.hardware_rows`.
    """
    check_counts("chips", [chips])
    for count in resistors:
        replace(RESISTORS[SHOWN_KIND], resistors=count)  # refused here, not after the training
    with deterministic():
        made = trained("perceptron-16", dataset, out, epochs, seed, shown, prune)
    weights = target_matrices(made)
    settings: dict[str, Any] = {
        "resistors": list(resistors),
        "chips": chips,
        "seed": seed,
        "designs": {kind: asdict(design) for kind, design in RESISTORS.items()},
    }
    keys = [
        (kind, count, chip) for kind in RESISTORS for count in resistors for chip in range(chips)
    ]

    def make(skip: Collection[Key]) -> Iterator[HardwareRow]:
        return hardware_rows(
            weights,
            dataset.test_inputs,
            dataset.test_labels,
            resistors=resistors,
            chips=chips,
            seed=seed,
            skip=skip,
        )

    name = f"hardware-{dataset.name}"
    identity = identity_of("hardware", settings, dataset, made)
    with step(shown, name, "chips") as progress:
        rows = run_rows(
            out / name, identity, HardwareRow, keys, make, layers=SIMULATORS, progress=progress
        )
    count = max([n for n in resistors if n <= MOST_SHOWN], default=min(resistors))
    _picture(weights, rows, count, seed, dataset, out, name)
    return rows


def target_matrices(made: LoadedModel) -> list[Floats]:
    """Weights (outputs, inputs) of a network without biases."""
    return [np.asarray(one.detach().double().numpy()) for one in made.module.parameters()]


def netlists(
    made: Sequence[ProgrammedChip], image: Floats, weights: Sequence[Floats], seed: int
) -> list[str]:
    """SPICE text of each layer, every resistor with its switch; they read an image.

    A resistor's value is the one it was fabricated with, whether it stays or not.
    """
    values, texts = np.asarray(image, np.float64), []
    for number, (one, matrix) in enumerate(zip(made, weights, strict=True), start=1):
        placed = place_tiles(one.chip, one.program, Wires(), Tile())
        texts.append(
            layer_text(
                placed,
                values,
                title=f"layer {number}: random resistors, pruned to a network",
                design=f"{one.chip.design.resistors} random resistors for each weight",
                seed=seed,
                comments=[f"weights: {one.siemens_per_weight!r} S for a weight of 1"],
                cells="switches",
            )
        )
        values = np.maximum(matrix @ values, 0)
    return texts


def _picture(
    weights: Sequence[Floats],
    rows: Sequence[HardwareRow],
    count: int,
    seed: int,
    dataset: Dataset,
    out: Path,
    name: str,
) -> None:
    """The netlists and the picture of one chip, made again: it is in the table."""
    design = replace(RESISTORS[SHOWN_KIND], resistors=count)
    made = hardware_ticket(weights, design, chip=0, seed=seed)
    products, _ = matrices(made, "ngspice", Wires(), Tile())
    folder = out / name / "netlists"
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(netlists(made, dataset.test_inputs[0], weights, seed), start=1):
        write_atomically(folder / f"layer_{number}.cir", text)

    def draw() -> Figure:
        return hardware_figure(made[-1], weights[-1], products[-1], rows, SHOWN_KIND)

    save_figure(draw, out, name)
