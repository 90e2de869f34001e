"""Networks that an experiment needs, trained once and kept in its folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from crossbar.datasets import Dataset
from crossbar.errors import InputError
from crossbar.models.model_files import LoadedModel, load_model
from crossbar.models.training import Training, train


class Shown(Protocol):
    """Draws the progress of one step."""

    def __call__(self, step: str, unit: str) -> AbstractContextManager[Callable[..., None] | None]:
        """Return a progress callback for as long as the step lasts."""
        ...


def train_once(
    name: str,
    dataset: Dataset,
    path: Path,
    training: Training,
    start: LoadedModel | None = None,
    shown: Shown | None = None,
) -> LoadedModel:
    """Train a network, unless its file is there; see `training.train`.

    Raises
    ------
    InputError
        For a file of another training, or as `training.train`.
    """
    if path.exists():
        found = load_model(path, name)
        details = found.about.details
        if details.get("dataset_sha256") != dataset.checksum or details.get("settings") != asdict(
            training
        ):
            raise InputError(f"{path}: was trained in another way; name another folder with --out")
        return found
    with step(shown, f"{path.stem}, training", "epochs") as progress:
        return train(name, dataset, path, training, start=start, progress=progress)


def step(
    shown: Shown | None, name: str, unit: str
) -> AbstractContextManager[Callable[..., None] | None]:
    """What `shown` shows of one step, or nothing."""
    return nullcontext() if shown is None else shown(name, unit)
