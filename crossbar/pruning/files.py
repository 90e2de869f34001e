"""Prune the network of a file into another file, by any family; a stopped run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from crossbar.datasets import Dataset
from crossbar.errors import InputError
from crossbar.files import check_output
from crossbar.models.checkpoints import checkpoint_path
from crossbar.models.lenet import build_model
from crossbar.models.model_files import LAYERS, About, LoadedModel, save_model, tensors_sha256
from crossbar.models.pruning import plain_state
from crossbar.models.structures import structure_of
from crossbar.models.training import Progress, Training, accuracy_on, deterministic
from crossbar.pruning.baselines import low_rank, quantize
from crossbar.pruning.counting import Size, count
from crossbar.pruning.fitting import Fitting
from crossbar.pruning.magnitudes import magnitude
from crossbar.pruning.popup import edge_popup
from crossbar.pruning.pruned import Pruned, fine_tune
from crossbar.pruning.rounds import CONTROL_SEED, iterative_magnitude, lottery_ticket, reinitialized
from crossbar.pruning.rows import FAMILIES
from crossbar.pruning.structured import prune_filters, shrink

TAKEN: dict[str, tuple[str, ...]] = {
    "magnitude": ("keep", "scope"),
    "iterative": ("keep", "scope", "rate", "output_rate"),
    "ticket": ("keep", "scope", "rate", "output_rate", "rewind_epochs"),
    "reinitialized": (),
    "edge-popup": ("keep", "start"),
    "filters": ("keep", "norm", "shrink"),
    "quantization": ("bits", "per"),
    "low rank": ("keep", "rank"),
}
"""Options that each family takes."""

ALWAYS_TRAINED = ("iterative", "ticket", "reinitialized", "edge-popup")


@dataclass(frozen=True)
class Order:
    """What to do with a network.

    Parameters
    ----------
    family : str
        One of `rows.FAMILIES`.
    options : mapping
        Those of the family, by the names of `TAKEN`.
    training : Training
        Of the rounds, the scores, or of fine-tuning; its seed gives first weights too.
    fine_tune : bool
        Whether a family that needs no training is trained afterwards.

    Raises
    ------
    InputError
        For an unknown family, or an option it does not take.
    """

    family: str
    options: Mapping[str, Any] = field(default_factory=dict)
    training: Training = field(default_factory=Training)
    fine_tune: bool = False

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise InputError(f"family = {self.family!r}: choose one of {', '.join(FAMILIES)}")
        for name in self.options:
            if name not in TAKEN[self.family]:
                takes = ", ".join(TAKEN[self.family]) or "none"
                raise InputError(f"{name}: {self.family} does not take it; its options: {takes}")
        needed = {"keep", "bits"} & set(TAKEN[self.family])
        for name in needed - self.options.keys():
            if "rank" not in self.options:
                raise InputError(f"{name}: {self.family} needs it")
        if self.fine_tune and self.family == "quantization":
            raise InputError("epochs: quantization is not trained; drop it")


@dataclass(frozen=True)
class PrunedFile:
    """What was written.

    Parameters
    ----------
    made : LoadedModel
        The pruned network.
    size : Size
        What it takes.
    before_percent : float
        Accuracy of the given network [%].
    before_weights : int
        Weights of the given network.
    rounded : bool
        Whether the weights have the bits that are counted; else the accuracy is that before they
        are rounded.
    """

    made: LoadedModel
    size: Size
    before_percent: float
    before_weights: int
    rounded: bool


def prune_network(
    given: LoadedModel,
    dataset: Dataset,
    out: str | Path,
    order: Order,
    *,
    progress: Progress | None = None,
) -> PrunedFile:
    """Prune a network and write it to a ``.safetensors`` file that `load_model` reads.

    Families with rounds keep each in a folder beside `out`, trainings a checkpoint, until the end.

    Parameters
    ----------
    given : LoadedModel
        The trained network. ``ticket`` and ``edge-popup`` use its architecture, with first weights
        of the training's seed; ``reinitialized`` its zeros, with weights of a seed made from it.
    dataset : Dataset
        Learnt, and its test part tells the accuracy.
    out : str or Path
        File to write.
    order : Order
        What to do.
    progress : callable, optional
        See `training.Progress`.

    Raises
    ------
    InputError
        For a network of other images or whose layers are not its architecture's any more, a file
        that cannot be written, and as the family's function.
    """
    out = Path(out)
    check_output(out, (".safetensors",))
    if given.about.image_shape != dataset.image_shape or given.about.classes != dataset.classes:
        raise InputError(
            f"model: takes images {given.about.image_shape} of {given.about.classes} classes; "
            f"{dataset.name} has {dataset.image_shape} and {dataset.classes}"
        )
    fit = Fitting(dataset, order.training, checkpoint_path(out), progress)
    rounds = out.with_name(f"{out.stem}.rounds")
    with deterministic():
        before = accuracy_on(given.module, dataset)
        pruned = _pruned(given, order, fit, rounds)
        written = _write(out, given, pruned, order, dataset)
    for path in (*rounds.glob("round-*.safetensors"), *rounds.glob("start.safetensors")):
        path.unlink()
    if rounds.is_dir() and not any(rounds.iterdir()):
        rounds.rmdir()
    weights = count(given.module).weights
    return PrunedFile(written, pruned.size(), before, weights, pruned.bits is not None)


def _pruned(given: LoadedModel, order: Order, fit: Fitting, rounds: Path) -> Pruned:
    options, epochs, seed = dict(order.options), order.training.epochs, order.training.seed
    model, about = given.module, given.about
    if order.family == "iterative":
        return iterative_magnitude(model, fit=fit, epochs=epochs, folder=rounds, **options)
    if order.family == "reinitialized":
        return reinitialized(model, CONTROL_SEED + seed, fit, epochs)
    if order.family in ("ticket", "edge-popup"):
        if LAYERS in about.details:
            raise InputError(
                f"model: its layers are not those of {about.architecture}; give another"
            )
        first = build_model(about.architecture, about.image_shape, about.classes, seed)
        if order.family == "ticket":
            return lottery_ticket(first, fit=fit, epochs=epochs, folder=rounds, **options)
        return edge_popup(first, fit=fit, epochs=epochs, seed=seed, **options)
    if order.family == "quantization":
        return quantize(model, **options)
    if order.family == "magnitude":
        pruned = magnitude(model, **options).model
    elif order.family == "filters":
        smaller = options.pop("shrink", False)
        pruned = prune_filters(model, **options).model
        pruned = shrink(pruned) if smaller else pruned
    else:
        pruned = low_rank(model, **options).model
    return Pruned(fine_tune(pruned, fit, epochs if order.fine_tune else 0))


def _write(
    out: Path, given: LoadedModel, pruned: Pruned, order: Order, dataset: Dataset
) -> LoadedModel:
    from crossbar import __version__

    about = given.about
    size = pruned.size()
    like = build_model(about.architecture, about.image_shape, about.classes)
    structure = structure_of(pruned.model, like)
    details = {
        "version": __version__,
        "torch": str(torch.__version__),
        "family": order.family,
        "options": dict(order.options),
        "settings": asdict(order.training),
        "fine_tuned": order.fine_tune,
        "dataset": dataset.name,
        "dataset_sha256": dataset.checksum,
        "start_sha256": tensors_sha256(plain_state(given.module)),
        "accuracy_percent": accuracy_on(pruned.model, dataset),
        "pruned_fraction": 1 - size.kept_fraction,
        "size": asdict(size),
    }
    if structure:
        details[LAYERS] = structure
    described = About(about.architecture, about.image_shape, about.classes, details)
    save_model(out, pruned.model, described)
    module = pruned.model.eval()
    return LoadedModel(module, described)  # type: ignore[arg-type]
