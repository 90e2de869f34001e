"""The experiment on LeNets: train them, prune them, put them on arrays, draw what happens."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

from crossbar.datasets import Dataset
from crossbar.errors import InputError
from crossbar.figures import save_figure
from crossbar.folders import read_digital_accuracy
from crossbar.models.lenet import build_model
from crossbar.models.model_files import LoadedModel
from crossbar.models.plots import model_figure
from crossbar.models.rows import ModelRow
from crossbar.models.studies import ModelStudy, run_model_study
from crossbar.models.trained import Shown, step, train_once
from crossbar.models.training import DEFAULTS, Training

PRUNED = 0.9
NETWORKS = ("lenet-300-100", "lenet-5")
SMALL_NETWORKS = ("lenet-300-100", "lenet-5-digits")


def networks_for(dataset: Dataset) -> tuple[str, ...]:
    """The LeNets that the dataset's images are large enough for."""
    try:
        build_model("lenet-5", dataset.image_shape, dataset.classes)
    except InputError:
        return SMALL_NETWORKS
    return NETWORKS


def run_lenets(
    dataset: Dataset,
    study: ModelStudy,
    out: Path,
    *,
    settings: Mapping[str, Any] | None = None,
    executor: Executor | None = None,
    shown: Shown | None = None,
) -> dict[str, dict[str, list[ModelRow]]]:
    """Train each LeNet dense and pruned, simulate both on chips, and draw a figure for each.

    What is there already is not done again, so a stopped run continues.

    Parameters
    ----------
    dataset : Dataset
        What to learn.
    study : ModelStudy
        The chips.
    out : Path
        Folder: ``NETWORK-dense.safetensors`` and ``NETWORK-pruned.safetensors``, a folder for each
        with its ``results.csv`` and ``run.json``, and ``NETWORK.png`` and ``.svg``.
    settings : mapping, optional
        Fields of `Training` that differ from the dataset's defaults.
    executor : concurrent.futures.Executor, optional
        Where chips are simulated.
    shown : callable, optional
        Draws progress.

    Returns
    -------
    dict of dict of list of ModelRow
        By network and version.

    Raises
    ------
    InputError
        For a folder of another experiment, or bad settings.
    """
    out.mkdir(parents=True, exist_ok=True)
    results: dict[str, dict[str, list[ModelRow]]] = {}
    for name in networks_for(dataset):
        versions = _trained(name, dataset, out, dict(settings or {}), shown)
        results[name] = {}
        for version, made in versions.items():
            folder = out / f"{name}-{version}"
            with step(shown, f"{name}, {version}", "chips") as progress:
                results[name][version] = run_model_study(
                    study, made.module, dataset, folder, executor=executor, progress=progress
                )
        digital = {
            version: read_digital_accuracy(out / f"{name}-{version}", "crossbar lenets")
            for version in versions
        }
        draw = partial(model_figure, results[name], digital, f"{name} on {dataset.name}")
        save_figure(draw, out, name)
    return results


def _trained(
    name: str, dataset: Dataset, out: Path, settings: dict[str, Any], shown: Shown | None
) -> dict[str, LoadedModel]:
    training = Training(**(DEFAULTS.get(dataset.name, {}) | settings))
    dense = train_once(name, dataset, out / f"{name}-dense.safetensors", training, None, shown)
    pruning = Training(**(DEFAULTS.get(dataset.name, {}) | settings | {"prune": PRUNED}))
    pruned = train_once(name, dataset, out / f"{name}-pruned.safetensors", pruning, dense, shown)
    return {"dense": dense, "pruned": pruned}
