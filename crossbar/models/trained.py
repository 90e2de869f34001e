"""Networks that an experiment needs, trained once and kept in its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from crossbar.datasets import Dataset
from crossbar.errors import InputError
from crossbar.folders import difference
from crossbar.models.model_files import LoadedModel, load_model
from crossbar.models.training import Training, train, training_identity

COMPARED = ("image_shape", "classes", "dataset_sha256", "settings", "start_sha256")
"""Fields of a training's identity that a file must share; versions may be older."""


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

    A file that another version of torch or of this package trained from the same data, settings and
    start is taken as it is: it says which, and what is made of it counts by its weights.

    Raises
    ------
    InputError
        For a file of another training, or as `training.train`.
    """
    if path.exists():
        found = load_model(path, name)
        _check(path, found, training_identity(name, dataset, training, start))
        return found
    with step(shown, f"{path.stem}, training", "epochs") as progress:
        return train(name, dataset, path, training, start=start, progress=progress)


def _check(path: Path, found: LoadedModel, identity: Mapping[str, Any]) -> None:
    """Refuse a network of other data, settings or start."""
    about = found.about
    described = {**about.details, "image_shape": list(about.image_shape), "classes": about.classes}
    was, wanted = ({key: one.get(key) for key in COMPARED} for one in (described, identity))
    if was != wanted:
        raise InputError(
            f"{path}: was trained in another way ({difference(was, wanted)}); "
            "name another folder with --out"
        )


def step(
    shown: Shown | None, name: str, unit: str
) -> AbstractContextManager[Callable[..., None] | None]:
    """What `shown` shows of one step, or nothing."""
    return nullcontext() if shown is None else shown(name, unit)
