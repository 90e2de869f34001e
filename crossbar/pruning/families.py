"""What a study makes of one trained network in each family.

A layer that loses all its weights does not end a study: its row tells what the network is worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from crossbar.datasets import Dataset
from crossbar.models.training import Training
from crossbar.pruning.baselines import low_rank, quantize
from crossbar.pruning.fitting import Fitting
from crossbar.pruning.magnitudes import magnitude
from crossbar.pruning.popup import edge_popup
from crossbar.pruning.pruned import Pruned, fine_tune
from crossbar.pruning.rounds import CONTROL_SEED, Rounds, prune_in_rounds, reinitialized
from crossbar.pruning.structured import prune_filters, shrink


@dataclass(frozen=True)
class Work:
    """One family and seed.

    Parameters
    ----------
    family, seed : str, int
        Which.
    levels : sequence of float
        What the family is asked for; fractions kept after each round, for those with rounds.
    first, dense : torch.nn.Module
        The network before and after training.
    dataset, training, popup_lr
        How networks are trained.
    out : Path
        Folder of networks.
    """

    family: str
    seed: int
    levels: Sequence[float]
    first: nn.Module
    dense: nn.Module
    dataset: Dataset
    training: Training
    popup_lr: float
    out: Path

    @property
    def fit(self) -> Fitting:
        """Trains rounds; its checkpoint is named by the family and seed."""
        return self._fitting(f"{self.family.replace(' ', '-')}-{self.seed}")

    def fit_at(self, level: float) -> Fitting:
        """Trains the network of one level; its checkpoint is named by that too.

        So levels can be gone through again after a stop, whichever it stopped at.
        """
        return self._fitting(f"{self.family.replace(' ', '-')}-{self.seed}-{level:.6g}")

    def _fitting(self, name: str) -> Fitting:
        self.out.mkdir(parents=True, exist_ok=True)
        lr = self.popup_lr if self.family == "edge-popup" else self.training.lr
        return Fitting(
            self.dataset, replace(self.training, lr=lr), self.out / f"{name}.checkpoint.safetensors"
        )


def unit_networks(work: Work, missing: Sequence[float]) -> Iterator[tuple[float, Pruned]]:
    """Make the networks of the missing levels, each with its level.

    Families with rounds yield all levels; their finished rounds are read from files.
    """
    if work.family in ("iterative", "ticket"):
        yield from zip(work.levels, _rounds(work), strict=True)
        return
    if work.family == "reinitialized":
        yield from _controls(work, missing)
        return
    for level in missing:
        yield level, _single(work, level)


def _single(work: Work, level: float) -> Pruned:
    """The network of one level, for families without rounds."""
    epochs, fit = work.training.epochs, work.fit_at(level)
    if work.family == "magnitude":
        return Pruned(fine_tune(magnitude(work.dense, level, allow_empty=True).model, fit, epochs))
    if work.family == "filters":
        small = shrink(prune_filters(work.dense, level).model)
        return Pruned(fine_tune(small, fit, epochs))
    if work.family == "low rank":
        return Pruned(fine_tune(low_rank(work.dense, level).model, fit, epochs))
    if work.family == "quantization":
        return quantize(work.dense, int(level), per="channel")
    return edge_popup(work.first, level, fit, epochs=epochs, seed=work.seed)


def _rounds(work: Work) -> Iterator[Pruned]:
    """The networks of the rounds; a control needs those of its ticket."""
    family = "iterative" if work.family == "iterative" else "ticket"
    networks = prune_in_rounds(
        work.first,
        work.levels,
        replace(work, family=family).fit,
        Rounds(
            work.training.epochs,
            "trained" if family == "iterative" else "rewound",
            allow_empty=True,
        ),
        work.out / f"{family}-{work.seed}",
        trained=work.dense,
    )
    next(networks)
    yield from networks


def _controls(work: Work, missing: Sequence[float]) -> Iterator[tuple[float, Pruned]]:
    """Each ticket's mask with other weights."""
    seed, epochs = CONTROL_SEED + work.seed, work.training.epochs
    for level, ticket in zip(work.levels, _rounds(work), strict=True):
        if level in missing:
            yield level, reinitialized(ticket.model, seed, work.fit_at(level), epochs)
