"""All families on one network and dataset: accuracy against what each takes, for several seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from crossbar.datasets import Dataset
from crossbar.errors import InputError
from crossbar.figures import save_figure
from crossbar.folders import RunFolder
from crossbar.models.lenet import build_model
from crossbar.models.trained import Shown, train_once
from crossbar.models.training import Training, accuracy_on, deterministic
from crossbar.pruning.baselines import quantize
from crossbar.pruning.counting import check_bits, resistors_for
from crossbar.pruning.families import Work, unit_networks
from crossbar.pruning.magnitudes import schedule
from crossbar.pruning.plots import families_figure
from crossbar.pruning.popup import kept_of_layers
from crossbar.pruning.pruned import Pruned, check_fraction
from crossbar.pruning.rows import FAMILIES, PruningRow
from crossbar.tables import NETWORK

Key = tuple[str, float, int]


@dataclass(frozen=True, kw_only=True)
class PruningStudy:
    """What to prune, how far, and how often.

    Parameters
    ----------
    network : str
        A name that `crossbar.models.lenet.build_model` knows.
    families : tuple of str
        Which of `FAMILIES`.
    keep : tuple of float
        Fractions kept; the families that prune in rounds go down to the smallest, a row each round.
    rate : float
        Share of the weights left that a round prunes.
    rounded_bits : tuple of int
        Of ``quantization``.
    bits : int
        Of the weights of all other families: they are rounded before they are counted and tested.
        Those of edge-popup are constants of either sign and have two bits as they are.
    seeds : int
        Networks of each.
    training : Training
        Of the first networks, of each round, and of fine-tuning; its seed is the first one.
    popup_lr : float
        First learning rate of edge-popup's scores.

    Raises
    ------
    InputError
        For a value out of range.
    """

    network: str = "lenet-300-100"
    families: tuple[str, ...] = FAMILIES
    keep: tuple[float, ...] = (0.5, 0.2, 0.1, 0.05, 0.02)
    rate: float = 0.2
    rounded_bits: tuple[int, ...] = (2, 3, 4, 5, 6, 8)
    bits: int = 8
    seeds: int = 3
    training: Training = field(default_factory=Training)
    popup_lr: float = 2e-3

    def __post_init__(self) -> None:
        for name in ("families", "keep", "rounded_bits"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise InputError(f"{name} = {list(values)}: give each value once, at least one")
        if unknown := set(self.families) - set(FAMILIES):
            raise InputError(f"families = {sorted(unknown)}: choose from {', '.join(FAMILIES)}")
        for fraction in self.keep:
            check_fraction("keep", fraction)
        schedule(min(self.keep), self.rate)
        for bits in (*self.rounded_bits, self.bits):
            check_bits(bits)
            resistors_for(bits)
        if self.seeds < 1:
            raise InputError(f"seeds = {self.seeds}: give at least 1")
        if self.training.prune:
            raise InputError(f"prune = {self.training.prune}: the families prune; drop it")
        replace(self.training, lr=self.popup_lr)

    def levels(self, family: str) -> list[float]:
        """What a family is asked for, in the order of the table."""
        if family == "quantization":
            return sorted(map(float, self.rounded_bits), reverse=True)
        if family in ("iterative", "ticket", "reinitialized"):
            return schedule(min(self.keep), self.rate)
        return sorted(map(float, self.keep), reverse=True)

    def tasks(self) -> list[Key]:
        """Family, level and seed of each row, in the order of the finished table."""
        return [
            (family, level, seed)
            for family in self.families
            for seed in self.all_seeds
            for level in self.levels(family)
        ]

    @property
    def all_seeds(self) -> list[int]:
        """Seeds of the networks."""
        return [self.training.seed + number for number in range(self.seeds)]


def run_pruning_study(
    study: PruningStudy,
    dataset: Dataset,
    out: str | Path,
    *,
    executor: Executor | None = None,
    shown: Shown | None = None,
) -> list[PruningRow]:
    """Run a study, or what is left of it, into a folder, and draw its figure.

    Parameters
    ----------
    study : PruningStudy
        What to run.
    dataset : Dataset
        Its training part is learnt, its test part tells the accuracy.
    out : str or Path
        Folder: ``dense-SEED.safetensors``, the first networks; ``networks``, those of the rounds;
        ``table`` with ``results.csv`` and ``run.json``; ``pruning.png`` and ``.svg``.
    executor : concurrent.futures.Executor, optional
        Of processes: where one seed of a family is worked on, a ticket with its control; changes
        no bit. Rows are written when that ends, without it one by one.
    shown : callable, optional
        Draws progress.

    Returns
    -------
    list of PruningRow
        The whole table.

    Raises
    ------
    InputError
        For a folder of another study, a network that does not fit the images, a training that
        diverges, or a layer that edge-popup
        would leave no weights; a layer that magnitude pruning empties is no error.
    """
    out = Path(out)
    first = build_model(study.network, dataset.image_shape, dataset.classes)
    if "edge-popup" in study.families:
        kept_of_layers(first, min(study.keep))
    with RunFolder(out / "table", _identity(study, dataset), PruningRow) as folder:
        dense = _dense_networks(study, dataset, out, shown, executor)
        accuracies = [accuracy_on(network, dataset) for network in dense.values()]
        digital = sum(accuracies) / len(accuracies)
        rows_of = folder.finished([NETWORK], "crossbar prune-study")
        step = nullcontext() if shown is None else shown("families", "networks")
        with step as progress:
            if not folder.complete:
                folder.start(rows_of, digital)
            for row in _rows_of_units(study, dataset, out / "networks", dense, rows_of, executor):
                rows_of[row.key] = [row]
                folder.append([row])
                if progress:
                    progress(len(rows_of), len(study.tasks()))
        table = [row for key in study.tasks() for row in rows_of[key]]
        folder.finish(table, digital)
    draw = partial(families_figure, table, digital, f"{study.network} on {dataset.name}")
    save_figure(draw, out, "pruning")
    return table


def _rows_of_units(
    study: PruningStudy,
    dataset: Dataset,
    out: Path,
    dense: Mapping[int, nn.Module],
    done: Mapping[Any, list[PruningRow]],
    executor: Executor | None,
) -> Iterator[PruningRow]:
    """The rows that are missing, in no order: one seed of a family after another, or at once."""
    units = [
        [_work(study, dataset, out, family, seed, network) for family in families]
        for families in _apart(study.families)
        for seed, network in dense.items()
    ]
    finished = frozenset(done)
    if executor is None:
        for unit in units:
            yield from _unit_rows(study, unit, finished)
        return
    futures = [executor.submit(_all_rows, study, unit, finished) for unit in units]
    try:
        for future in as_completed(futures):
            yield from future.result()
    finally:
        for future in futures:
            future.cancel()


def _apart(families: Sequence[str]) -> list[list[str]]:
    """Families that can be worked on at once; a control reads the files of its ticket."""
    pair = [family for family in families if family in ("ticket", "reinitialized")]
    return [[family] for family in families if family not in pair] + [pair] * bool(pair)


def _unit_rows(
    study: PruningStudy, unit: Sequence[Work], done: frozenset[Key]
) -> Iterator[PruningRow]:
    """The rows of some families of one seed, one by one, without those that are done."""
    for work in unit:
        levels = study.levels(work.family)
        missing = [level for level in levels if (work.family, level, work.seed) not in done]
        with deterministic():
            for level, pruned in unit_networks(work, missing) if missing else ():
                if level in missing:
                    yield _row(study, work.dataset, (work.family, level, work.seed), pruned)


def _all_rows(study: PruningStudy, unit: Sequence[Work], done: frozenset[Key]) -> list[PruningRow]:
    """The same at once, for another process."""
    return list(_unit_rows(study, unit, done))


def _row(study: PruningStudy, dataset: Dataset, key: Key, pruned: Pruned) -> PruningRow:
    counted = pruned
    if pruned.bits is None and not pruned.seeded:
        counted = quantize(pruned.model, study.bits)
    family, level, seed = key
    return PruningRow(
        family=family,
        level=level,
        seed=seed,
        accuracy_percent=accuracy_on(counted.model, dataset),
        unrounded_accuracy_percent=accuracy_on(pruned.model, dataset),
        **asdict(counted.size(study.bits)),
    )


def _work(
    study: PruningStudy,
    dataset: Dataset,
    out: Path,
    family: str,
    seed: int,
    dense: nn.Module,
) -> Work:
    return Work(
        family=family,
        seed=seed,
        levels=study.levels(family),
        first=build_model(study.network, dataset.image_shape, dataset.classes, seed),
        dense=dense,
        dataset=dataset,
        training=replace(study.training, seed=seed),
        popup_lr=study.popup_lr,
        out=out,
    )


def _dense_networks(
    study: PruningStudy,
    dataset: Dataset,
    out: Path,
    shown: Shown | None,
    executor: Executor | None,
) -> Mapping[int, nn.Module]:
    make = partial(_dense_network, study, dataset, out)
    if executor is not None:
        list(executor.map(make, study.all_seeds))
    return {seed: make(seed, shown) for seed in study.all_seeds}


def _dense_network(
    study: PruningStudy, dataset: Dataset, out: Path, seed: int, shown: Shown | None = None
) -> nn.Module:
    path = out / f"dense-{seed}.safetensors"
    training = replace(study.training, seed=seed)
    return train_once(study.network, dataset, path, training, None, shown).module


def _identity(study: PruningStudy, dataset: Dataset) -> dict[str, Any]:
    from crossbar import __version__

    return {
        "version": __version__,
        "torch": str(torch.__version__),
        "study": asdict(study),
        "dataset": dataset.name,
        "dataset_sha256": dataset.checksum,
    }
