"""What a cost is asked for: a chip, or the chips of a study or of a model file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossbar.costs.networks import UsedChip
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.production import produce
from crossbar.simulation import Tile
from spice_models import Wires

if TYPE_CHECKING:
    from torch.nn import Module

    from crossbar.studies import Study

__all__ = ["Source", "of_chip", "of_model", "of_study"]

MEASUREMENT_ERROR = 1e-5
"""Of a model's chips, as in `crossbar.convert`."""


@dataclass(frozen=True)
class Source:
    """Chips, and the wires and tiles that were asked for with them, if any.

    `alone`: a single chip and no network. `digital`: layers with weights that stay digital and
    are not counted.
    """

    chips: tuple[UsedChip, ...]
    wires: Wires | None = None
    tile: Tile | None = None
    alone: bool = False
    digital: tuple[str, ...] = ()


def of_chip(path: Path) -> Source:
    """A programmed chip; see `files.load_chip`. Its wires where it was programmed for them."""
    from crossbar.files import load_chip

    made, settings = load_chip(path)
    chips = (UsedChip("chip", made),)
    if not (known := settings.get("wire_aware")):
        return Source(chips, alone=True)
    names = ("segment_ohm", "segment_ohm", "driver_ohm", "sense_ohm")
    wires = Wires(*(known[name] for name in names))
    return Source(chips, wires, Tile(known["tile_rows"], known["tile_lines"]), alone=True)


def of_study(path: Path) -> Source:
    """The chips of `Study.shown_task`, from a study's TOML file or its folder.

    Raises
    ------
    InputError
        For no study, or a folder whose network has no file there.
    """
    from crossbar.evaluation import produce_layer
    from crossbar.studies import load_study

    study = _study_in(path) if path.is_dir() else load_study(path)
    point, task = study.points[0], study.shown_task
    setting = point.setting()
    chips = []
    for number, label in enumerate(setting.layer_labels):
        made, placement = produce_layer(setting, task.design, task.chip, number)
        chips.append(UsedChip(f"layer {label}", made, tile=placement.tile))
    return Source(tuple(chips), point.wires, point.tile)


def _study_in(folder: Path) -> Study:
    """A folder has the name of its network, not where that was."""
    from crossbar.networks import SHIPPED_NAMES, load_network
    from crossbar.settings import build
    from crossbar.studies import Study
    from crossbar.studies.folder import read_state

    identity = read_state(folder)["identity"]
    study = build(Study, _numbers(identity["study"]), folder / "run.json")
    names = {point.network for point in study.points}
    shipped = names <= set(SHIPPED_NAMES)
    if not shipped or load_network(study.network).digest != identity["network_sha256"]:
        raise InputError(
            f"{folder}: its network {study.network!r} is not in it; give the study's TOML file"
        )
    return study


def _numbers(value: Any) -> Any:
    """Settings as they were: JSON has infinity as text."""
    if isinstance(value, Mapping):
        return {key: _numbers(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_numbers(part) for part in value]
    return float(value) if value in ("inf", "-inf", "nan") else value


def of_model(path: Path, design: Design, seed: int = 0) -> Source:
    """The first chip of `crossbar.convert` for a network in a ``.safetensors`` or ``.onnx`` file.

    A convolution's chip is used once for each place of its kernel, groups one by one. Outputs
    and inputs without any weight get no line and are not counted.

    Raises
    ------
    InputError
        For a file that `models.load_model` or `models.load_onnx` refuses, or an ``.onnx`` that
        takes no single image of one size.
    """
    from crossbar.models.optional import require

    require("torch", "onnx" if path.suffix == ".onnx" else "safetensors")
    from crossbar.models.making import works
    from crossbar.models.planning import plan_layers

    model, image_shape = _loaded(path)
    planned, digital = plan_layers(model, ("Linear", "Conv2d"))
    try:
        products = _products(model, image_shape)
    except RuntimeError as error:
        line = str(error).splitlines()[0]
        raise InputError(f"{path}: fails on one image: {line}: export it for any batch") from error
    chips = []
    for work in works(planned, bias_on_line=False):
        times = sum(products[layer.module] for layer in work.layers)
        pairs = zip(work.matrices, work.seeds(seed, 0), strict=True)
        for number, (matrix, own) in enumerate(pairs):
            outputs, inputs = (np.flatnonzero(matrix.any(axis=axis)) for axis in (1, 0))
            if not outputs.size:
                continue
            made = produce(
                design, matrix[np.ix_(outputs, inputs)], own, measurement_error=MEASUREMENT_ERROR
            )
            name = work.path if len(work.matrices) == 1 else f"{work.path}, group {number}"
            chips.append(UsedChip(name, made, times))
    return Source(tuple(chips), digital=tuple(layer.path for layer in digital))


def _loaded(path: Path) -> tuple[Module, tuple[int, ...]]:
    """The network of a file, and the shape of its images."""
    if path.suffix == ".onnx":
        from crossbar.models.onnx import image_shape, load_onnx

        model = load_onnx(path)
        try:
            return model, image_shape(model)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    from crossbar.models.model_files import load_model

    loaded = load_model(path)
    return loaded.module, loaded.about.image_shape


def _products(model: Module, image_shape: tuple[int, ...]) -> Counter[Module]:
    """How many products of each layer's matrix an image takes."""
    import torch
    from torch import nn

    found: Counter[Module] = Counter()

    def count(layer: Module, _: Any, output: torch.Tensor) -> None:
        channels = output.shape[1 if isinstance(layer, nn.Conv2d) else -1]
        found[layer] += output.numel() // channels

    layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        model(torch.zeros((1, *image_shape), dtype=next(model.parameters()).dtype))
    for hook in hooks:
        hook.remove()
    return found
