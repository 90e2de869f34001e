"""`convert`: a PyTorch model whose linear layers and convolutions run on arrays."""

from __future__ import annotations

import copy
import numbers
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from torch import Tensor, nn

from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.models.arrays import AnalogMatrix, Making, make_matrix, with_bias_row
from crossbar.models.converters import Converters
from crossbar.models.layers import AnalogConv2d, AnalogLayer, AnalogLinear
from crossbar.models.planning import PlannedLayer, plan_layers
from crossbar.models.ranges import calibrate, checked_batches
from crossbar.models.reports import Conversion, ConvertedLayer, figures
from crossbar.simulation import SimulatorName, Tile
from spice_models import Wires
from spice_models.errors import CircuitError

Bias = Literal["digital", "word line"]
Progress = Callable[[int, int], None]


def convert(
    model: nn.Module,
    design: Design,
    *,
    wires: Wires | None = None,
    tile: Tile | None = None,
    simulator: SimulatorName = "nodal",
    measurement_error: float = 1e-5,
    seed: int = 0,
    chip: int = 0,
    method: str = "auto",
    kinds: Sequence[str] = ("Linear", "Conv2d"),
    bias: Bias = "digital",
    converters: Converters | None = None,
    calibration: Iterable[Any] | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> nn.Module:
    """Put the layers of a model on arrays.

    Each chosen layer is a matrix (outputs, inputs), a convolution's with its kernel among the
    inputs and one for each group. Outputs and inputs without any weight get no line; the rest is
    fabricated, measured, programmed and simulated tile by tile, and the layer then multiplies by
    what its arrays really conduct. Inputs may have either sign: a negative one is a negative
    voltage. Batch-norm directly behind such a layer is folded into it first, with its running
    statistics. A layer in two places, or weights tied between layers, are made once.

    Parameters
    ----------
    model : torch.nn.Module
        It is not changed.
    design : Design
        The cells of all arrays.
    wires : Wires, optional
        Default ``Wires()``.
    tile : Tile, optional
        Largest array; default 128 x 128.
    simulator : {"nodal", "ngspice", "ideal"}
        See `crossbar.transfer`.
    measurement_error : float
        Relative standard deviation, see `crossbar.measure`.
    seed, chip : int
        Layer k of chip c draws from ``SeedSequence(seed, spawn_key=(c, k))``, where k counts all
        Linear and Conv2d layers of the model in its own order; group g of a grouped convolution
        from the spawn key (c, k, g). So no layer's resistors depend on which others are chosen.
    method : str
        Subset-sum method, see `solvers.solve_batch`.
    kinds : sequence of {"Linear", "Conv2d"}
        Layers to convert.
    bias : {"digital", "word line"}
        ``digital``: added behind the arrays and converters. ``word line``: one more row of cells,
        driven by a constant that the report tells: the largest bias over the largest weight.
        No DAC drives it, and it passes the ADC with its tile.
    converters : Converters, optional
        Default none: arrays take and give real numbers.
    calibration : iterable, optional
        Batches for the ranges of the converters: tensors, or tuples of the model's inputs.
    executor : concurrent.futures.Executor, optional
        Where the tiles are simulated; changes no bit.
    progress : callable, optional
        Called with the number of matrices done and of all.

    Returns
    -------
    torch.nn.Module
        A copy in eval() mode, with `AnalogLinear` and `AnalogConv2d` layers, whose weights are
        buffers: they are saved, loaded and moved, but not trained. Its attribute ``conversion``
        is a `Conversion`. Effective weights are computed in double precision and kept in the type
        and on the device of the digital ones.

    Raises
    ------
    InputError
        For anything wrong with the model or the options, before long work starts.
    spice_models.NgspiceError
        When ngspice is missing or fails.
    """
    wires = Wires() if wires is None else wires
    tile = Tile(128, 128) if tile is None else tile
    making = Making(design, wires, tile, simulator, measurement_error, method, executor)
    _check_options(model, making, bias, converters, calibration)
    _check_seeds(seed, chip)
    analog = _copied(model).eval()
    planned, digital = plan_layers(analog, kinds)
    works = _works(planned, bias == "word line")
    _check_wires(works, making)
    _rehearse(making, seed)
    batches = [] if calibration is None else checked_batches(analog, calibration)
    total = sum(len(work.matrices) for work in works)
    done = 0
    for work in works:
        key = (chip, work.first.index)
        for group, matrix in enumerate(work.matrices):
            spawn_key = key if len(work.matrices) == 1 else (*key, group)
            work.made.append(
                make_matrix(matrix, making, np.random.SeedSequence(seed, spawn_key=spawn_key))
            )
            done += 1
            if progress:
                progress(done, total)
    layers = {
        layer.module: _analog_layer(work, layer, bias, converters)
        for work in works
        for layer in work.layers
    }
    replaced: dict[nn.Module, nn.Module] = {**layers}
    replaced |= {layer.norm: nn.Identity() for layer in planned if layer.norm is not None}
    paths = {module: path for path, module in analog.named_modules()}
    conversion = Conversion(tuple(_report(work, bias, paths) for work in works), tuple(digital))
    analog = _with_replaced(analog, replaced)
    if converters is not None:
        calibrate(analog, list(layers.values()), batches, converters.percentile)
    analog.conversion = cast(Any, conversion)
    return analog


def digital_twin(model: nn.Module, kinds: Sequence[str] = ("Linear", "Conv2d")) -> nn.Module:
    """The digital model with its batch-norms folded as `convert` folds them.

    Its layers stand at the same paths as the analog ones, so their outputs can be compared.

    Returns
    -------
    torch.nn.Module
        A copy in eval() mode.

    Raises
    ------
    InputError
        As `convert`.
    """
    twin = _copied(model).eval()
    planned, _ = plan_layers(twin, kinds)
    replaced: dict[nn.Module, nn.Module] = {}
    for layer in planned:
        if layer.norm is None:
            continue
        digital: Any = copy.deepcopy(layer.module)
        digital.weight = nn.Parameter(_weight(layer, layer.weight))
        digital.bias = nn.Parameter(_like(layer, layer.bias))
        replaced |= {layer.module: digital, layer.norm: nn.Identity()}
    return _with_replaced(twin, replaced)


@dataclass
class _Work:
    """Matrices to make, and the layers that use them."""

    layers: list[PlannedLayer]
    matrices: list[np.ndarray[Any, np.dtype[np.float64]]]
    constants: list[float]
    made: list[AnalogMatrix] = field(default_factory=list)

    @property
    def first(self) -> PlannedLayer:
        return self.layers[0]


def _works(planned: Sequence[PlannedLayer], bias_on_line: bool) -> list[_Work]:
    """Layers with the same weights, and bias where it matters, share their arrays."""
    works: dict[tuple[Any, ...], _Work] = {}
    for layer in planned:
        own = layer.module._parameters  # what hooks compute is not there, and not shared
        tied = own.get("weight", layer.module) if layer.norm is None else layer.module
        key: tuple[Any, ...] = (id(tied), layer.kind, layer.groups)
        key += (id(own.get("bias", layer.module)),) if bias_on_line else ()
        if key in works:
            works[key].layers.append(layer)
            continue
        matrices = np.split(layer.weight, layer.groups)
        constants = []
        if bias_on_line and layer.bias is not None:
            pairs = zip(matrices, np.split(layer.bias, layer.groups), strict=True)
            extended = [with_bias_row(matrix, part) for matrix, part in pairs]
            matrices = [matrix for matrix, _ in extended]
            constants = [constant for _, constant in extended]
        works[key] = _Work([layer], matrices, constants)
    return list(works.values())


def _analog_layer(
    work: _Work, layer: PlannedLayer, bias: Bias, converters: Converters | None
) -> AnalogLayer:
    products = [made.product for made in work.made]
    offset = layer.bias
    if work.constants:
        pairs = zip(products, work.constants, strict=True)
        offset = np.concatenate([product[:, -1] * constant for product, constant in pairs])
        products = [product[:, :-1] for product in products]
    weight = _weight(layer, np.concatenate(products))
    grid_row = torch.as_tensor(np.stack([made.grid_row for made in work.made]))
    options: dict[str, Any] = {
        "bias_on_line": bool(work.constants),
        "grid_row": grid_row.to(weight.device),
        "converters": converters,
    }
    offsets = None if offset is None else _like(layer, offset)
    if isinstance(layer.module, nn.Conv2d):
        return AnalogConv2d(layer.module, layer.paths[0], weight, offsets, **options)
    linear = cast(nn.Linear, layer.module)
    flat = layer.norm is not None
    return AnalogLinear(linear, layer.paths[0], weight, offsets, flat=flat, **options)


def _report(work: _Work, bias: Bias, paths: dict[nn.Module, str]) -> ConvertedLayer:
    first = work.first
    outputs, inputs = first.weight.shape
    others = [path for layer in work.layers for path in layer.paths][1:]
    return ConvertedLayer(
        path=first.paths[0],
        kind=first.kind,
        outputs=outputs // first.groups,
        inputs=inputs,
        groups=first.groups,
        bias="none" if first.bias is None else bias,
        constants=tuple(work.constants),
        folded="" if first.norm is None else paths[first.norm],
        shared_by=tuple(others),
        **figures(work.made),
    )


def _weight(layer: PlannedLayer, matrix: np.ndarray[Any, np.dtype[np.float64]]) -> Tensor:
    shape = cast(Any, layer.module).weight.shape
    return _like(layer, matrix).reshape(shape)


def _like(layer: PlannedLayer, values: Any) -> Tensor:
    """Values in the type and on the device of a layer's weights."""
    own: Tensor = cast(Any, layer.module).weight
    return torch.tensor(values, dtype=own.dtype, device=own.device)


def _copied(model: nn.Module) -> nn.Module:
    """A deep copy, also of models whose hooks left computed weights in their layers."""
    computed = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    return copy.deepcopy(model, cast(Any, computed))


def _with_replaced(model: nn.Module, replaced: dict[nn.Module, nn.Module]) -> nn.Module:
    for module in list(model.modules()):
        for name, child in list(module._modules.items()):
            if child in replaced:
                module._modules[name] = replaced[child]
    return replaced.get(model, model).eval()


def _check_options(
    model: nn.Module, making: Making, bias: str, converters: object, calibration: object
) -> None:
    expected: tuple[tuple[str, object, type, str], ...] = (
        ("model", model, nn.Module, "a torch.nn.Module"),
        ("design", making.design, Design, "a crossbar.Design"),
        ("wires", making.wires, Wires, "a crossbar.Wires"),
        ("tile", making.tile, Tile, "a crossbar.Tile"),
    )
    for name, value, kind, remedy in expected:
        if not isinstance(value, kind):
            raise InputError(f"{name} is a {type(value).__name__}: give {remedy}")
    if making.simulator not in get_args(SimulatorName):
        raise InputError(
            f"simulator = {making.simulator!r}: choose one of {', '.join(get_args(SimulatorName))}"
        )
    if bias not in get_args(Bias):
        raise InputError(f"bias = {bias!r}: choose one of {', '.join(get_args(Bias))}")
    if converters is not None and not isinstance(converters, Converters):
        raise InputError(f"converters = {converters!r}: give a crossbar.Converters or None")
    if (converters is None) != (calibration is None):
        given, missing = "converters", "calibration"
        if converters is None:
            given, missing = missing, given
        raise InputError(
            f"{given} without {missing}: give both, the ranges of converters come from batches"
        )


def _check_seeds(seed: int, chip: int) -> None:
    for name, value in (("seed", seed), ("chip", chip)):
        if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 0:
            raise InputError(f"{name} = {value!r}: give a whole number, 0 or more")


def _check_wires(works: Sequence[_Work], making: Making) -> None:
    """Wires given one by one must fit every tile."""
    for work in works:
        for matrix in work.matrices:
            columns, rows = (int(matrix.any(axis).sum()) for axis in (1, 0))
            for height in _sizes(rows, making.tile.rows):
                for width in _sizes(columns, making.tile.lines // 2):
                    try:
                        making.wires.each(height, 2 * width)
                    except CircuitError as error:
                        raise InputError(f"layer {work.first.paths[0]!r}: {error}") from None


def _sizes(length: int, most: int) -> set[int]:
    return {min(length, most), length % most or min(length, most)} - {0}


def _rehearse(making: Making, seed: int) -> None:
    """Make one cell, so that options and simulator fail now if they fail."""
    one = replace(making, wires=Wires(), executor=None)
    make_matrix(np.ones((1, 1)), one, np.random.SeedSequence(seed))
