"""The options of `convert`, checked before anything long is done."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import torch
from torch import nn

from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.models.arrays import Making, make_matrix
from crossbar.models.converters import Converters
from crossbar.models.making import Work
from crossbar.nonidealities import Nonidealities
from crossbar.production import check_programming
from crossbar.simulation import SimulatorName, Tile
from solvers import METHODS
from spice_models import Wires
from spice_models.errors import CircuitError

Bias = Literal["digital", "word line"]


def check_options(
    model: nn.Module, making: Making, bias: str, converters: object, calibration: object
) -> None:
    """Raise an InputError for an option of a wrong type or value."""
    expected: tuple[tuple[str, object, type, str], ...] = (
        ("model", model, nn.Module, "a torch.nn.Module"),
        ("design", making.design, Design, "a crossbar.Design"),
        ("wires", making.wires, Wires, "a crossbar.Wires"),
        ("tile", making.tile, Tile, "a crossbar.Tile"),
        ("nonidealities", making.nonidealities, Nonidealities, "a crossbar.Nonidealities"),
    )
    for name, value, kind, remedy in expected:
        if not isinstance(value, kind):
            raise InputError(f"{name} is a {type(value).__name__}: give {remedy}")
    if making.nonidealities.noisy:
        raise InputError(
            "noise_bandwidth_hertz, flicker_relative: layers of models are read without noise; "
            "drop them, or use a study"
        )
    if not making.nonidealities.reads_exactly:
        raise InputError("dac_bits, adc_bits of nonidealities: for models give converters instead")
    if isinstance(model, torch.jit.ScriptModule):
        raise InputError("model is a scripted module: give the Python one")
    if "conversion" in {*model._modules, *model._parameters, *model._buffers}:
        raise InputError(
            "model.conversion is a part of the model: rename it, the report has this name"
        )
    if making.simulator not in get_args(SimulatorName):
        raise InputError(
            f"simulator = {making.simulator!r}: choose one of {', '.join(get_args(SimulatorName))}"
        )
    if making.method not in METHODS:
        raise InputError(f"method = {making.method!r}: choose one of {', '.join(METHODS)}")
    check_programming(making.wire_aware, making.scaling, making.simulator, [making.design])
    if bias not in get_args(Bias):
        raise InputError(f"bias = {bias!r}: choose one of {', '.join(get_args(Bias))}")
    if converters is not None and not isinstance(converters, Converters):
        raise InputError(f"converters = {converters!r}: give a crossbar.Converters or None")
    if converters is not None and calibration is None:
        raise InputError(
            "converters without calibration: give both, the ranges of converters come from batches"
        )
    if calibration is not None and converters is None and not making.wire_aware:
        raise InputError(
            "calibration without converters and without wire_aware: nothing would use it; give "
            "one of them, or drop calibration"
        )


def check_helpers(executor: object, progress: object, calibration: object) -> None:
    """Raise an InputError for helpers of `convert` that cannot do what they are for."""
    able = all(callable(getattr(executor, name, None)) for name in ("submit", "map"))
    if executor is not None and not able:
        raise InputError(
            f"executor is a {type(executor).__name__}: give a concurrent.futures.Executor or None"
        )
    if progress is not None and not callable(progress):
        raise InputError(f"progress is a {type(progress).__name__}: give a function or None")
    if calibration is not None and not isinstance(calibration, Iterable):
        raise InputError(
            f"calibration is a {type(calibration).__name__}: give batches, such as [images]"
        )


def check_seeds(seed: int, chip: int) -> None:
    """Raise an InputError unless both are natural numbers."""
    for name, value in (("seed", seed), ("chip", chip)):
        if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 0:
            raise InputError(f"{name} = {value!r}: give a whole number, 0 or more")


def check_wires(works: Sequence[Work], making: Making) -> None:
    """Raise an InputError unless wires given one by one fit every tile."""
    design, side = making.design, making.design.lines_per_column
    for work in works:
        for matrix in work.matrices:
            columns, rows = (int(matrix.any(axis).sum()) for axis in (1, 0))
            for height in _sizes(rows, making.tile.rows):
                for width in _sizes(columns + design.has_reference, making.tile.lines // side):
                    try:
                        making.wires.each(height, side * width)
                    except CircuitError as error:
                        raise InputError(f"layer {work.path!r}: {error}") from None


def _sizes(length: int, most: int) -> set[int]:
    return {min(length, most), length % most or min(length, most)} - {0}


def rehearse(making: Making, seed: int) -> None:
    """Make one cell, so that options and simulator fail now if they fail."""
    one = replace(making, wires=Wires(), executor=None)
    make_matrix(np.ones((1, 1)), one, np.random.SeedSequence(seed))
