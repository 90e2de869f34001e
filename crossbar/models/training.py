"""Train a LeNet; a killed run continues and ends with the same bytes.

Adam (D. Kingma, J. Ba, arXiv 1412.6980) with cross entropy, its rate falling along a cosine from
epoch to epoch. Everything runs on one thread: sums of floats depend on how many share them, so the
bits of a result depend on the version of torch and the kind of processor, not on the number of
cores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crossbar.datasets import Dataset
from crossbar.errors import InputError
from crossbar.files import check_output, held
from crossbar.models.checkpoints import Checkpoint, checkpoint_path
from crossbar.models.lenet import build_model
from crossbar.models.model_files import LAYERS, About, LoadedModel, save_model, tensors_sha256
from crossbar.models.pruning import keep_zeros, plain_state, prune_smallest, pruned_fraction

Progress = Callable[[float, int, float | None], None]
"""Takes epochs done, in part, epochs in all, and the test accuracy [%] where an epoch ended."""

DEFAULTS: dict[str, dict[str, Any]] = {"digits": {"epochs": 60, "lr": 5e-3}}
"""Settings of datasets for which those of `Training`, meant for 60,000 images, do not do."""


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Parameters
    ----------
    epochs : int
        Times that every training image is seen.
    batch : int
        Images a step.
    lr : float
        First learning rate.
    seed : int
        Of the first weights and of the order of the images.
    prune : float
        Fraction of the weights that become zero, smallest first: before the first epoch of a
        network that is trained already, else after half of the epochs. The rest is fine-tuning.

    Raises
    ------
    InputError
        For a value out of its range.
    """

    epochs: int = 12
    batch: int = 60
    lr: float = 1.2e-3
    seed: int = 0
    prune: float = 0.0

    def __post_init__(self) -> None:
        for field in ("epochs", "batch"):
            if getattr(self, field) < 1:
                raise InputError(f"{field} = {getattr(self, field)}: give 1 or more")
        if not 0 < self.lr <= 1e30:
            raise InputError(f"lr = {self.lr}: give a rate above 0, at most 1e30")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"seed = {self.seed}: give 0 to 2^63 - 1")
        if not 0 <= self.prune < 1:
            raise InputError(f"prune = {self.prune}: give 0 (none) to below 1")


def train(
    architecture: str,
    dataset: Dataset,
    out: str | Path,
    training: Training | None = None,
    *,
    start: LoadedModel | None = None,
    progress: Progress | None = None,
) -> LoadedModel:
    """Train a network and write it to a ``.safetensors`` file.

    After each epoch a checkpoint stands beside `out`, until the end. The same call again goes on
    from it and writes the same bytes as a run that was never stopped.

    Parameters
    ----------
    architecture : str
        A name that `lenet.build_model` knows.
    dataset : Dataset
        Its training part is learnt; its test part only tells the accuracy.
    out : str or Path
        File to write; its description holds version, settings, dataset, checksum and accuracy.
    training : Training, optional
        The settings.
    start : LoadedModel, optional
        A trained network to go on from; its weights that are zero stay zero.
    progress : callable, optional
        See `Progress`.

    Returns
    -------
    LoadedModel
        The network as written, in evaluation mode.

    Raises
    ------
    InputError
        For an unknown network, one that does not fit dataset or start, a checkpoint of another
        training, a training that diverges, a file that cannot be written, or one that another
        run is writing.
    """
    training = training or Training()
    out = Path(out)
    check_output(out, (".safetensors",))
    with held(out), deterministic():
        model = _first_model(architecture, dataset, training, start)
        identity = training_identity(architecture, dataset, training, start)
        run = _begin(model, training, Checkpoint(checkpoint_path(out), identity), start)
        run.complete(dataset, progress)
        return _write(out, run.model, identity, dataset)


@dataclass
class _Run:
    """A network, its optimiser and its source of random numbers after some epochs."""

    model: nn.Sequential
    optimizer: torch.optim.Adam
    generator: torch.Generator
    training: Training
    checkpoint: Checkpoint
    prune_at: int
    epoch: int

    def complete(self, dataset: Dataset, progress: Progress | None) -> None:
        """Train what is left, a checkpoint after each epoch."""
        images = image_tensors(dataset, train=True)
        epochs = self.training.epochs
        while self.epoch < epochs:
            if self.training.prune and self.epoch == self.prune_at:
                prune_smallest(self.model, self.training.prune)
            run_epoch(
                self.model,
                self.optimizer,
                self.generator,
                images,
                self.training,
                self.epoch,
                progress,
            )
            self.epoch += 1
            self.checkpoint.write(self.model, self.optimizer, self.generator, self.epoch)
            if progress is not None:
                test = image_tensors(dataset, train=False)
                progress(self.epoch, epochs, accuracy_percent(self.model, *test))


def run_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    images: tuple[Tensor, Tensor],
    training: Training,
    epoch: int,
    progress: Progress | None = None,
) -> None:
    """Train for one epoch, number `epoch` from 0 of the training's.

    Parameters
    ----------
    images : tuple of Tensor
        Inputs and labels, as from `image_tensors`.

    Raises
    ------
    InputError
        When the training diverges.
    """
    inputs, labels = images
    fall = 0.5 * (1 + math.cos(math.pi * epoch / training.epochs))
    optimizer.param_groups[0]["lr"] = training.lr * fall
    model.train()
    order = torch.randperm(len(labels), generator=generator)
    batches = torch.split(order, training.batch)
    for number, batch in enumerate(batches):
        if progress is not None:
            progress(epoch + number / len(batches), training.epochs, None)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs[batch]), labels[batch])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    if not all(bool(torch.isfinite(value).all()) for value in model.parameters()):
        raise InputError(
            f"lr = {training.lr}: the training diverged in epoch {epoch + 1}; give a smaller rate"
        )


def _begin(
    model: nn.Sequential, training: Training, checkpoint: Checkpoint, start: LoadedModel | None
) -> _Run:
    """Start, or go on from the checkpoint."""
    if training.prune and start is None and training.epochs < 2:
        raise InputError("prune: needs 2 epochs, to train before and after; or a trained network")
    stored = checkpoint.read()
    if stored is not None:
        checkpoint.restore_model(model, stored)
    elif start is not None:
        keep_zeros(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=training.lr)
    generator = torch.Generator().manual_seed(training.seed)
    epoch = 0
    if stored is not None:
        epoch = checkpoint.restore_state(model, optimizer, generator, stored)
    prune_at = 0 if start else training.epochs // 2
    return _Run(model, optimizer, generator, training, checkpoint, prune_at, epoch)


def accuracy_percent(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of the images whose largest output is at their label [%]."""
    right = int((logits(model, images).argmax(dim=1) == labels).sum())
    return 100 * right / len(labels)


def accuracy_on(model: nn.Module, dataset: Dataset) -> float:
    """Share of a dataset's test images whose largest output is at their label [%]."""
    return accuracy_percent(model, *image_tensors(dataset, train=False))


def logits(model: nn.Module, inputs: Tensor, batch: int = 1000) -> Tensor:
    """Outputs (images, classes) of a network in evaluation mode, batch by batch."""
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        outputs = torch.cat([model(part) for part in torch.split(inputs, batch)])
    model.train(was_training)
    return outputs


def image_tensors(dataset: Dataset, train: bool) -> tuple[Tensor, Tensor]:
    """Images (count, channels, height, width) of 32-bit floats, and labels (count,)."""
    inputs = dataset.train_inputs if train else dataset.test_inputs
    labels = dataset.train_labels if train else dataset.test_labels
    images = torch.as_tensor(inputs).float().reshape(-1, *dataset.image_shape)
    return images, torch.as_tensor(labels)


def _first_model(
    architecture: str, dataset: Dataset, training: Training, start: LoadedModel | None
) -> nn.Sequential:
    model = build_model(architecture, dataset.image_shape, dataset.classes, training.seed)
    if start is None:
        return model
    found = (start.about.architecture, start.about.image_shape, start.about.classes)
    wanted = (architecture, dataset.image_shape, dataset.classes)
    if found != wanted:
        raise InputError(
            f"from: is a {found[0]} for images {found[1]} and {found[2]} classes; the training "
            f"asks for {wanted[0]}, {wanted[1]} and {wanted[2]}"
        )
    if LAYERS in start.about.details:
        raise InputError(
            f"from: its layers are not those of {architecture}; fine-tune it with "
            "'crossbar prune --epochs', from the network before"
        )
    model.load_state_dict(start.module.state_dict())
    return model


def training_identity(
    architecture: str, dataset: Dataset, training: Training, start: LoadedModel | None
) -> dict[str, Any]:
    """What a trained network follows from, as its file tells."""
    from crossbar import __version__

    return {
        "architecture": architecture,
        "image_shape": list(dataset.image_shape),
        "classes": dataset.classes,
        "version": __version__,
        "torch": str(torch.__version__),
        "settings": asdict(training),
        "dataset": dataset.name,
        "dataset_sha256": dataset.checksum,
        "start_sha256": None if start is None else tensors_sha256(plain_state(start.module)),
    }


def _write(
    out: Path, trained: nn.Sequential, identity: dict[str, Any], dataset: Dataset
) -> LoadedModel:
    model = build_model(identity["architecture"], dataset.image_shape, dataset.classes)
    model.load_state_dict(plain_state(trained))
    details = {
        key: value
        for key, value in identity.items()
        if key not in ("architecture", "image_shape", "classes")
    }
    details |= {
        "accuracy_percent": accuracy_on(model, dataset),
        "pruned_fraction": pruned_fraction(plain_state(model)),
    }
    about = About(identity["architecture"], dataset.image_shape, dataset.classes, details)
    save_model(out, model, about)
    checkpoint_path(out).unlink(missing_ok=True)
    return LoadedModel(model.eval(), about)


def stay_deterministic() -> None:
    """One thread and deterministic algorithms from now on."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


@contextmanager
def deterministic() -> Iterator[None]:
    """One thread and deterministic algorithms inside; outside as before."""
    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    warn = torch.is_deterministic_algorithms_warn_only_enabled()
    stay_deterministic()
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warn)
        torch.set_num_threads(threads)
