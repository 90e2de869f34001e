"""`convert`: a PyTorch model whose linear layers and convolutions run on arrays."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from typing import Any, TypeVar, cast

from torch import Tensor, nn

from crossbar.design import Design
from crossbar.models.arrays import Making, make_matrix
from crossbar.models.checks import (
    Bias,
    check_helpers,
    check_options,
    check_seeds,
    check_wires,
    rehearse,
)
from crossbar.models.converters import Converters
from crossbar.models.inputs import note_inputs
from crossbar.models.layers import AnalogLayer
from crossbar.models.making import Work, analog_layer, report, shaped_like, typed_like, works
from crossbar.models.planning import WEIGHT_HOOKS, plan_layers
from crossbar.models.ranges import calibrate, checked_batches
from crossbar.models.reports import Conversion
from crossbar.nonidealities import Nonidealities
from crossbar.scaling import Scaling
from crossbar.simulation import SimulatorName, Tile
from spice_models import Wires

Module = TypeVar("Module", bound=nn.Module)
Progress = Callable[[int, int], None]
_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
)


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
    wire_aware: bool = False,
    scaling: Scaling = "layer",
    converters: Converters | None = None,
    calibration: Iterable[Any] | None = None,
    nonidealities: Nonidealities | None = None,
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
        Largest array; default 128 x 128: 128 bit lines hold 64 columns of weights, a pair each,
        or of offset cells 128, the last one of the layer being the reference.
    simulator : {"nodal", "ngspice", "ideal"}
        See `crossbar.transfer`.
    measurement_error : float
        Relative standard deviation, see `crossbar.measure`.
    seed, chip : int
        Layer k of chip c draws from ``SeedSequence(seed, spawn_key=(c, k))``, where k counts all
        Linear, Conv1d and Conv2d layers of the model in its own order; group g of a grouped
        convolution from the spawn key (c, k, g). So no layer's resistors depend on which others
        are chosen. Its children are, in this order, for fabrication, measurement and solver;
        the next ones are for the non-idealities.
    method : str
        Subset-sum method, see `solvers.solve_batch`.
    kinds : sequence of {"Linear", "Conv1d", "Conv2d"}
        Layers to convert. Batch-norm behind a Conv1d is not folded.
    bias : {"digital", "word line"}
        ``digital``: added behind the arrays and converters. ``word line``: one more row of cells,
        driven by a constant that the report tells: the largest bias over the largest weight.
        No DAC drives it, and it passes the ADC with its tile.
    wire_aware : bool
        Whether lines are placed and switches are chosen for the wires, see `crossbar.place` and
        `crossbar.compensation.compensate`; where there is a `calibration`, such that products
        with its inputs come out best.
    scaling : {"layer", "column", "tile"}
        What has a full scale of its own, see `crossbar.scaling`.
    converters : Converters, optional
        Default none: arrays take and give real numbers.
    calibration : iterable, optional
        Batches for the ranges of the converters, and for wire-aware switches of paired and
        steered cells, for which some hundred images will do: tensors, or tuples of the model's
        inputs, each a tensor or lists, tuples and dicts of tensors.
    nonidealities : Nonidealities, optional
        What the chips suffer: gradients, faults, temperature, drift; default nothing. Layers are
        read without noise, and converters are given above.
    executor : concurrent.futures.Executor, optional
        Where the tiles are simulated; changes no bit.
    progress : callable, optional
        Called with the number of matrices done and of all.

    Returns
    -------
    torch.nn.Module
        A copy in eval() mode, with `AnalogLinear`, `AnalogConv2d`, ... layers, whose weights are
        buffers: they are saved, loaded and moved, but not trained. Its attribute ``conversion``
        is a `Conversion`. To keep a chip, save its ``state_dict()`` and load it into a fresh
        conversion with the same options; the report is not in it, so that of another chip stays
        as it was. Layers inside PyTorch's own attention and transformer encoder layers stay
        digital. Effective weights are computed in double precision and kept in the type
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
    making = Making(
        design,
        wires,
        tile,
        simulator,
        measurement_error,
        method,
        executor,
        Nonidealities() if nonidealities is None else nonidealities,
        wire_aware,
        scaling,
    )
    check_options(model, making, bias, converters, calibration)
    check_helpers(executor, progress, calibration)
    check_seeds(seed, chip)
    analog = _copied(model)
    planned, digital = plan_layers(analog, kinds)
    todo = works(planned, bias == "word line")
    check_wires(todo, making)
    rehearse(making, seed)
    batches = [] if calibration is None else checked_batches(analog, calibration)
    if wire_aware:
        note_inputs(analog, todo, batches)
    _make(todo, making, seed, chip, progress)
    paths = {module: path for path, module in analog.named_modules()}
    made = tuple(report(work, bias, paths) for work in todo)
    layers = [_become(*pair) for pair in _analog_layers(todo, converters)]
    for layer in planned:
        if layer.norm is not None:
            _become(layer.norm, nn.Identity())
    if converters is not None:
        calibrate(analog, layers, batches, converters.percentile)
    analog.conversion = cast(Any, Conversion(made, tuple(digital)))
    return analog.eval()


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
    twin = _copied(model)
    planned, _ = plan_layers(twin, kinds)
    for layer in planned:
        if layer.norm is not None and layer.bias is not None:
            digital = _unfilled(layer.module)
            digital.weight = nn.Parameter(shaped_like(layer, layer.weight))
            digital.bias = nn.Parameter(typed_like(layer, layer.bias))
            _become(layer.module, digital)
            _become(layer.norm, nn.Identity())
    return twin.eval()


def _make(
    todo: Sequence[Work], making: Making, seed: int, chip: int, progress: Progress | None
) -> None:
    total = sum(len(work.matrices) for work in todo)
    done = 0
    for work in todo:
        for matrix, seeds, points in zip(
            work.matrices, work.seeds(seed, chip), work.inputs, strict=True
        ):
            work.made.append(make_matrix(matrix, making, seeds, points))
            done += 1
            if progress:
                progress(done, total)


def _analog_layers(
    todo: Sequence[Work], converters: Converters | None
) -> list[tuple[nn.Module, AnalogLayer]]:
    return [
        (layer.module, analog_layer(work, layer, converters))
        for work in todo
        for layer in work.layers
    ]


def _unfilled(layer: nn.Module) -> nn.Linear | nn.Conv2d:
    """A layer of the same geometry with a bias, its numbers still to be given."""
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.in_features, layer.out_features, device="meta")
    assert isinstance(layer, nn.Conv2d)
    return nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        cast(Any, layer.kernel_size),
        cast(Any, layer.stride),
        cast(Any, layer.padding),
        cast(Any, layer.dilation),
        layer.groups,
        padding_mode=layer.padding_mode,
        device="meta",
    )


def _become(module: nn.Module, other: Module) -> Module:
    """Turn a module into another in place, so that it changes wherever the model refers to it.

    The model's own hooks stay; those that computed the weights go.
    """
    hooks = {name: getattr(module, name) for name in _HOOKS}
    weight_hooks = [
        key for key, hook in module._forward_pre_hooks.items() if isinstance(hook, WEIGHT_HOOKS)
    ]
    for key in weight_hooks:
        del module._forward_pre_hooks[key]
    module.__class__ = type(other)
    module.__dict__.clear()
    module.__dict__.update(other.__dict__)
    module.__dict__.update(hooks)
    return cast(Module, module)


def _copied(model: nn.Module) -> nn.Module:
    """A deep copy in eval() mode, also of models whose hooks left computed weights in it."""
    computed = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    return copy.deepcopy(model, cast(Any, computed)).eval()
