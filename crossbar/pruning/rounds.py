"""Prune in rounds, with training in between: iterative magnitude pruning and lottery tickets.

A ticket's kept weights go back to what they were before training, or after an early epoch, and are
trained again: J. Frankle, M. Carbin, The lottery ticket hypothesis, ICLR 2019, arXiv 1803.03635;
early epochs: arXiv 1903.01611. The control keeps the mask and draws the weights anew.

They prune each layer by itself, the output layer at half the rate of the others, and train at a
constant rate. That is ``scope="layer", output_rate=0.5`` here; the default compares the weights of
all layers with each other. `fitting.Fitting` differs: its rate falls along a cosine.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import nn

from crossbar.errors import InputError
from crossbar.models.model_files import tensors_sha256
from crossbar.models.pruning import matrix_layers
from crossbar.pruning.keeping import KeptNetworks, state_on_cpu
from crossbar.pruning.magnitudes import Scope, magnitude, schedule
from crossbar.pruning.pruned import (
    Fit,
    Pruned,
    check_epochs,
    check_fraction,
    check_seed,
    copied,
    fine_tune,
    make_plain,
    masks_of,
    put_masks,
)

CONTROL_SEED = 1_000_000
"""Added to the seed of a ticket for that of its control, which must not draw the same weights."""

Weights = Literal["trained", "rewound"]


@dataclass(frozen=True)
class Rounds:
    """How to prune in rounds.

    Parameters
    ----------
    epochs : int
        Of the first training, and of the training in each round.
    weights : {"trained", "rewound"}
        What a round trains: the kept weights as they are, or put back (a lottery ticket).
    rewind_epochs : int
        Epochs of training after which stand the weights that are put back; 0 for the first ones.
        These come before the first training.
    scope, allow_empty
        See `magnitude`.
    output_rate : float
        Share that a round prunes of the last layer, relative to that of the others: above 0 and
        at most 1. For scope "layer".

    Raises
    ------
    InputError
        For a value out of range.
    """

    epochs: int
    weights: Weights = "trained"
    rewind_epochs: int = 0
    scope: Scope = "global"
    allow_empty: bool = False
    output_rate: float = 1.0

    def __post_init__(self) -> None:
        check_epochs(self.epochs, 1)
        check_epochs(self.rewind_epochs)
        for name, kind in (("weights", Weights), ("scope", Scope)):
            if getattr(self, name) not in get_args(kind):
                raise InputError(
                    f"{name} = {getattr(self, name)!r}: choose one of {', '.join(get_args(kind))}"
                )
        check_fraction("output_rate", self.output_rate)
        if self.output_rate < 1 and self.scope != "layer":
            raise InputError(
                f"output_rate = {self.output_rate}: is for scope 'layer'; choose that or drop it"
            )

    def output_keep(self, keeps: Sequence[float]) -> float:
        """Fraction of the last layer that is left after rounds that leave these of the others."""
        pruned = [1 - later / earlier for earlier, later in pairwise([1.0, *keeps])]
        return math.prod(1 - self.output_rate * share for share in pruned)


def prune_in_rounds(
    model: nn.Module,
    keeps: Sequence[float],
    fit: Fit,
    rounds: Rounds,
    folder: Path | None = None,
    *,
    trained: nn.Module | None = None,
) -> Iterator[Pruned]:
    """Train a network, then prune and train it in rounds.

    Parameters
    ----------
    model : torch.nn.Module
        Not trained yet, or a trained one to go on from.
    keeps : sequence of float
        Fraction kept after each round, falling; see `schedule`.
    fit : Fit
        Trains. Its attribute `identity`, where it has one, tells runs in a folder apart.
    rounds : Rounds
        How.
    folder : Path, optional
        Where each round is written when it ends. What is there already is read, not done again.
    trained : torch.nn.Module, optional
        The network after the first training, where that was done already.

    Yields
    ------
    Pruned
        The trained network before any pruning, then that of each round, trained.

    Raises
    ------
    InputError
        For fractions that do not fall, a folder of another run, and as `magnitude`.
    """
    for keep in keeps:
        check_fraction("keep", keep)
    if any(later >= earlier for earlier, later in pairwise(keeps)):
        raise InputError(f"keeps = {list(keeps)}: must fall from round to round")
    kept = KeptNetworks(folder, _identity(model, fit, rounds, trained))
    given = first = copied(model)
    if rounds.rewind_epochs:
        first = kept.made("start", {}, given, lambda: _fitted(given, fit, rounds.rewind_epochs))
    if trained is not None:
        now = copied(trained)
    else:
        now = kept.made("round-00", {}, first, lambda: _fitted(first, fit, rounds.epochs))
    yield Pruned(copy.deepcopy(now))
    for number in range(1, len(keeps) + 1):
        now = kept.made(
            f"round-{number:02}",
            {"keeps": list(keeps[:number])},
            first,
            partial(_round, first, now, keeps[:number], fit, rounds),
        )
        yield Pruned(copy.deepcopy(now))


def iterative_magnitude(
    model: nn.Module,
    keep: float,
    fit: Fit,
    *,
    epochs: int,
    rate: float = 0.2,
    scope: Scope = "global",
    output_rate: float = 1.0,
    folder: Path | None = None,
) -> Pruned:
    """Prune a share of the weights left of a trained model and train on, until a fraction is left.

    See `Rounds` and `prune_in_rounds`; `epochs` are those of each round.
    """
    rounds = Rounds(epochs, scope=scope, output_rate=output_rate)
    return _last(prune_in_rounds(model, schedule(keep, rate), fit, rounds, folder, trained=model))


def lottery_ticket(
    model: nn.Module,
    keep: float,
    fit: Fit,
    *,
    epochs: int,
    rate: float = 0.2,
    scope: Scope = "global",
    rewind_epochs: int = 0,
    output_rate: float = 1.0,
    folder: Path | None = None,
) -> Pruned:
    """Find a winning ticket: as `iterative_magnitude`, with the weights put back in each round.

    `model` must not be trained yet. See `Rounds` and `prune_in_rounds`.
    """
    rounds = Rounds(epochs, "rewound", rewind_epochs, scope, output_rate=output_rate)
    return _last(prune_in_rounds(model, schedule(keep, rate), fit, rounds, folder))


def reinitialized(model: nn.Module, seed: int, fit: Fit, epochs: int) -> Pruned:
    """Train the control of a ticket: its mask, with weights drawn anew.

    Every layer that knows how to (`reset_parameters`) draws its weights; zeros of Linear and Conv2d
    layers stay zeros.

    Parameters
    ----------
    model : torch.nn.Module
        The ticket.
    seed : int
        Of the new weights, another one than the ticket's; torch's global generator stays as it
        was.
    fit, epochs
        Trains, how long.
    """
    check_seed(seed)
    fresh = copied(model)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for layer in fresh.modules():
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
    return Pruned(_trained(fresh, model, fit, epochs))


def _last(networks: Iterator[Pruned]) -> Pruned:
    *_, last = networks
    return last


def _round(
    first: nn.Module, before: nn.Module, keeps: Sequence[float], fit: Fit, rounds: Rounds
) -> nn.Module:
    """The network after the last of some rounds, from that before it."""
    keep: float | dict[str, float] = keeps[-1]
    if rounds.output_rate < 1:
        paths = list(matrix_layers(before))
        keep = dict.fromkeys(paths, keeps[-1]) | {paths[-1]: rounds.output_keep(keeps)}
    pruned = magnitude(before, keep, scope=rounds.scope, allow_empty=rounds.allow_empty).model
    if rounds.weights == "trained":
        return fine_tune(pruned, fit, rounds.epochs)
    return _trained(first, pruned, fit, rounds.epochs)


def _trained(weights: nn.Module, ticket: nn.Module, fit: Fit, epochs: int) -> nn.Module:
    """The weights of one model under the zeros of another, trained."""
    model = copied(weights)
    put_masks(model, masks_of(ticket))
    fit(model, epochs)
    make_plain(model)
    return model


def _fitted(model: nn.Module, fit: Fit, epochs: int) -> nn.Module:
    trained = copied(model)
    fit(trained, epochs)
    return trained


def _identity(
    model: nn.Module, fit: Fit, rounds: Rounds, trained: nn.Module | None
) -> dict[str, Any]:
    given = asdict(rounds)
    if rounds.output_rate == 1:
        del given["output_rate"]  # folders without it stay valid
    return {
        "rounds": given,
        "fit": getattr(fit, "identity", None),
        "start_sha256": tensors_sha256(state_on_cpu(model)),
        "trained_sha256": None if trained is None else tensors_sha256(state_on_cpu(trained)),
    }
