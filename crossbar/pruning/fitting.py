"""A ready training for the families that train: Adam on one of the datasets, resumed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from crossbar.datasets import Dataset
from crossbar.models.checkpoints import Checkpoint
from crossbar.models.model_files import tensors_sha256
from crossbar.models.training import (
    Progress,
    Training,
    accuracy_on,
    deterministic,
    image_tensors,
    run_epoch,
)


@dataclass(frozen=True)
class Fitting:
    """Trains any model on a dataset, as `crossbar.models.training` does; a `Fit`.

    The same model and number of epochs give the same bytes, stopped in between or not; so do layers
    that draw random numbers, such as Dropout.

    Parameters
    ----------
    dataset : Dataset
        Its training part is learnt.
    training : Training
        Batch, rate and seed; its epochs are those of each call, its pruning is not used.
    checkpoint : Path, optional
        File that holds the last finished epoch while a call runs; another training's is refused.
    progress : callable, optional
        See `training.Progress`.
    """

    dataset: Dataset
    training: Training = field(default_factory=Training)
    checkpoint: Path | None = None
    progress: Progress | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What the result follows from, besides model and epochs."""
        from crossbar import __version__

        return {
            "version": __version__,
            "torch": str(torch.__version__),
            "settings": asdict(replace(self.training, epochs=1, prune=0.0)),
            "dataset": self.dataset.name,
            "dataset_sha256": self.dataset.checksum,
        }

    def __call__(self, model: nn.Module, epochs: int) -> None:
        """Train the parameters that require a gradient, in place."""
        training = replace(self.training, epochs=epochs)
        with deterministic():
            trained = [value for value in model.parameters() if value.requires_grad]
            optimizer = torch.optim.Adam(trained, lr=training.lr)
            generator = torch.Generator().manual_seed(training.seed)
            kept = self._checkpoint(model, epochs)
            stored = kept.read() if kept else None
            first = 0
            if kept and stored is not None:
                model.load_state_dict(kept.model_state(stored))
                first = kept.restore_state(model, optimizer, generator, stored)
            images = image_tensors(self.dataset, train=True)
            for epoch in range(first, epochs):
                with _drawn_from(training.seed, epoch):
                    run_epoch(model, optimizer, generator, images, training, epoch, self.progress)
                if kept:
                    kept.write(model, optimizer, generator, epoch + 1)
                if self.progress is not None:
                    self.progress(epoch + 1, epochs, accuracy_on(model, self.dataset))
            if kept:
                kept.path.unlink(missing_ok=True)

    def _checkpoint(self, model: nn.Module, epochs: int) -> Checkpoint | None:
        if self.checkpoint is None:
            return None
        start = tensors_sha256(model.state_dict())
        return Checkpoint(
            self.checkpoint, {**self.identity, "start_sha256": start, "epochs": epochs}
        )


@contextmanager
def _drawn_from(seed: int, epoch: int) -> Iterator[None]:
    """Let layers draw from the seed and epoch inside; outside the generator stays as it was."""
    drawn = np.random.SeedSequence(seed, spawn_key=(epoch,)).generate_state(1, np.uint64)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(drawn[0]))
        yield
