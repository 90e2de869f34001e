"""A trained network on many chips, with ideal and real wires, with and without converters."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crossbar.datasets import Dataset
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.evaluation import CALIBRATION_IMAGES
from crossbar.folders import RunFolder
from crossbar.models.comparison import compare
from crossbar.models.conversion import convert
from crossbar.models.converters import Converters
from crossbar.models.layers import AnalogLayer
from crossbar.models.model_files import tensors_sha256
from crossbar.models.planning import plan_layers
from crossbar.models.rows import ModelRow, model_rows
from crossbar.models.training import deterministic, image_tensors, logits, stay_deterministic
from crossbar.production import check_programming
from crossbar.scaling import Scaling
from crossbar.simulation import SimulatorName, Tile
from crossbar.tables import NETWORK
from crossbar.workers import completed
from spice_models import Wires

Progress = Callable[[int, int], None]
"""Takes the numbers of finished and of all chips."""

_WIRES = ("ideal", "real")


@dataclass(frozen=True, kw_only=True)
class ModelStudy:
    """What to put a network on.

    Each chip is simulated with ideal and with real wires, and each of these read with and without
    converters.

    Parameters
    ----------
    design : Design
        The cell; `resistors` replaces its number of resistors.
    resistors : tuple of int
        Resistors per weight to try.
    chips : int
        Chips of each number of resistors.
    wires : Wires
        The real ones.
    converters : Converters
        Their ranges are taken from the first 1,000 training images.
    tile : Tile
        Largest array.
    simulator : {"nodal", "ngspice"}
        For real wires.
    measurement_error : float
        See `crossbar.measure`.
    wire_aware : bool
        Whether chips with real wires are placed and programmed for these, see `placement.place` and
        `compensation.compensate`.
    scaling : {"layer", "column", "tile"}
        What has a full scale of its own, see `scaling.scaled_siemens_per_weight`.
    images : int, optional
        Test images to use, the first ones; default all.
    seed : int
        Root of all random numbers.

    Raises
    ------
    InputError
        For a value out of range.
    """

    design: Design = field(default_factory=Design)
    resistors: tuple[int, ...] = (4, 6, 8, 10, 12, 16)
    chips: int = 3
    wires: Wires = field(default_factory=Wires)
    converters: Converters = field(default_factory=Converters)
    tile: Tile = field(default_factory=lambda: Tile(128, 128))
    simulator: SimulatorName = "nodal"
    measurement_error: float = 1e-5
    wire_aware: bool = False
    scaling: Scaling = "layer"
    images: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.resistors or len(set(self.resistors)) < len(self.resistors):
            raise InputError(f"resistors = {list(self.resistors)}: give each number once")
        if self.chips < 1:
            raise InputError(f"chips = {self.chips}: give at least 1")
        if self.images is not None and self.images < 1:
            raise InputError(f"images = {self.images}: give at least 1")
        if self.simulator not in ("nodal", "ngspice"):
            raise InputError(f"simulator = {self.simulator!r}: choose nodal or ngspice")
        if self.converters.dac_bits is None or self.converters.adc_bits is None:
            raise InputError("converters: give dac_bits and adc_bits; none are compared anyway")
        # refused here, not after an hour
        cells = [replace(self.design, resistors=count) for count in self.resistors]
        check_programming(self.wire_aware, self.scaling, self.simulator, cells)

    def tasks(self) -> list[tuple[int, int]]:
        """Resistors per weight and chip of each task, in the order of the finished table."""
        return [(count, chip) for count in self.resistors for chip in range(self.chips)]


def run_model_study(
    study: ModelStudy,
    model: nn.Module,
    dataset: Dataset,
    out: str | Path,
    *,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[ModelRow]:
    """Run a study of one network, or what is left of it, into a folder.

    Parameters
    ----------
    study : ModelStudy
        What to run.
    model : torch.nn.Module
        A network of 32-bit floats that takes the dataset's images.
    dataset : Dataset
        Its test part is compared, its training part calibrates the converters.
    out : str or Path
        Folder for ``results.csv`` and ``run.json``; made when missing.
    executor : concurrent.futures.Executor, optional
        Where chips are simulated; changes no bit.
    progress : callable, optional
        See `Progress`.

    Returns
    -------
    list of ModelRow
        The whole table.

    Raises
    ------
    InputError
        Before any work: a folder of another study, a network that does not fit the dataset, a
        layer called ``network``.
    """
    with deterministic():
        data = _data(study, dataset)
        check_images(model, data.images)
        layers = _labels(model)
        shared = _Shared(study, model, data)
        said = logits(model, data.images).argmax(dim=1)
        digital = 100 * int((said == data.labels).sum()) / len(said)
        identity = _identity(study, model, dataset, said)
        keys = {(study.design.label, count, chip): (count, chip) for count, chip in study.tasks()}
        with RunFolder(Path(out), identity, ModelRow) as folder:
            rows_of = folder.finished(layers, "crossbar lenets")
            todo = [task for key, task in keys.items() if key not in rows_of]
            if progress:
                progress(len(keys) - len(todo), len(keys))
            if not (folder.complete and not todo):
                folder.start(rows_of, digital)
            for _, rows in completed(_evaluate, shared, todo, executor):
                folder.append(rows)
                rows_of[rows[0].key] = rows
                if progress:
                    progress(len(rows_of), len(keys))
            table = [row for key in keys for row in rows_of[key]]
            folder.finish(table, digital)
    return table


@dataclass(frozen=True)
class _Data:
    images: Tensor
    labels: Tensor
    calibration: Tensor


def _data(study: ModelStudy, dataset: Dataset) -> _Data:
    images, labels = image_tensors(dataset, train=False)
    train, _ = image_tensors(dataset, train=True)
    return _Data(images[: study.images], labels[: study.images], train[:CALIBRATION_IMAGES].clone())


def check_images(model: nn.Module, images: Tensor) -> None:
    """Raise an InputError unless the model takes such images (count, channels, height, width)."""
    try:
        logits(model, images[:1])
    except RuntimeError as error:
        said = " ".join(str(error).split())[:120]
        raise InputError(
            f"model: does not take images of shape {tuple(images.shape[1:])} ({said}); "
            "use the network of this dataset"
        ) from None


@dataclass(frozen=True)
class _Shared:
    """What all chips of a study share."""

    study: ModelStudy
    model: nn.Module
    data: _Data


def _evaluate(shared: _Shared, task: tuple[int, int]) -> list[ModelRow]:
    """All rows of one chip."""
    stay_deterministic()  # in a worker process too
    return _rows(shared.study, shared.model, shared.data, task)


def _rows(
    study: ModelStudy, model: nn.Module, data: _Data, task: tuple[int, int]
) -> list[ModelRow]:
    count, chip = task
    rows = []
    for wires in _WIRES:
        analog = convert(
            model,
            replace(study.design, resistors=count),
            wires=study.wires,
            tile=study.tile,
            simulator="ideal" if wires == "ideal" else study.simulator,
            measurement_error=study.measurement_error,
            seed=study.seed,
            chip=chip,
            converters=study.converters,
            calibration=[data.calibration],
            wire_aware=study.wire_aware and wires != "ideal",
            scaling=study.scaling,
        )
        for bits, one in ((None, without_converters(analog)), (study.converters.adc_bits, analog)):
            named = {
                "design": study.design.label,
                "resistors_per_weight": count,
                "chip": chip,
                "wires": wires,
                "converter_bits": bits,
            }
            rows += model_rows(named, compare(model, one, data.images, data.labels))
    return rows


def without_converters(analog: nn.Module) -> nn.Module:
    """A copy of an analog model whose arrays take and give real numbers."""
    bare = copy.deepcopy(analog)
    for layer in bare.modules():
        if isinstance(layer, AnalogLayer):
            layer.converters = None
    return bare


def _labels(model: nn.Module) -> list[str]:
    """The column `layer` of a complete task."""
    planned, _ = plan_layers(copy.deepcopy(model).eval(), ("Linear", "Conv2d"))
    once = [layer.paths[0] for layer in planned]
    if NETWORK in once:
        raise InputError(f"layer = {NETWORK!r}: the table has this name for the whole; rename it")
    return [*once, NETWORK] * (2 * len(_WIRES))


def _identity(
    study: ModelStudy, model: nn.Module, dataset: Dataset, said: Tensor
) -> dict[str, Any]:
    """What a table follows from.

    The forward pass counts by the model's text and, for what that does not show, the labels
    that it predicts, `said`.
    """
    from crossbar import __version__

    usual = {"wire_aware": False, "scaling": "layer"}  # tables from before have neither
    settings = asdict(study)
    return {
        "version": __version__,
        "torch": str(torch.__version__),
        "study": {name: settings[name] for name in settings if usual.get(name) != settings[name]},
        "model_sha256": tensors_sha256(model.state_dict()),
        "architecture_sha256": hashlib.sha256(str(model).encode()).hexdigest(),
        "predicted_labels_sha256": tensors_sha256({"labels": said}),
        "dataset": dataset.name,
        "dataset_sha256": dataset.checksum,
    }
