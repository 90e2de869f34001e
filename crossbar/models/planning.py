"""Which layers of a model become analog, what their weights are, and why the others do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from crossbar.errors import InputError
from crossbar.models.folding import NORMS, Foldable, fold, foldable, is_a
from crossbar.models.reports import DigitalLayer
from crossbar.programming import checked_weights

Floats = NDArray[np.float64]
SUPPORTED: dict[str, type[nn.Module]] = {
    "Linear": nn.Linear,
    "Conv1d": nn.Conv1d,
    "Conv2d": nn.Conv2d,
}
OPAQUE = (nn.MultiheadAttention, nn.TransformerEncoderLayer)
WEIGHT_HOOKS = (BasePruningMethod, SpectralNorm, WeightNorm)
_UNSUPPORTED = "only Linear, Conv1d and Conv2d can be analog"


@dataclass(frozen=True, eq=False)
class PlannedLayer:
    """A layer that becomes analog.

    Parameters
    ----------
    paths : tuple of str
        Where it stands in the model; more than one where it is shared.
    module : nn.Module
        The digital layer.
    kind : str
        A key of `SUPPORTED`.
    index : int
        Its place among all layers of these kinds, from 0, chosen or not; seeds its arrays.
    weight : ndarray, (outputs, inputs)
        In double precision; inputs are those of one group, kernel included.
    bias : ndarray, (outputs,), optional
    norm : nn.Module, optional
        The batch-norm that is folded into weight and bias.
    """

    paths: tuple[str, ...]
    module: nn.Module
    kind: str
    index: int
    weight: Floats
    bias: Floats | None
    norm: nn.Module | None

    @property
    def groups(self) -> int:
        """Matrices that the weights make."""
        return int(getattr(self.module, "groups", 1))


def plan_layers(
    model: nn.Module, kinds: Sequence[str]
) -> tuple[list[PlannedLayer], list[DigitalLayer]]:
    """Find the layers to convert and check their weights.

    Parameters
    ----------
    model : nn.Module
        In eval() mode. Weights that hooks compute (pruning, norms) are brought up to date.
    kinds : sequence of str
        Keys of `SUPPORTED`.

    Raises
    ------
    InputError
        For an unsupported kind, a layer that was never initialised, a type or device that
        holds no real numbers, NaN or infinity, or nothing to convert.
    """
    _check_kinds(model, kinds)
    _check_parameters(model)
    paths: dict[nn.Module, list[str]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        paths.setdefault(module, []).append(path)
    hidden = _hidden(model)
    norms = foldable(model)
    candidates = [m for m in paths if _kind(m) is not None and m not in hidden]
    planned = [
        _planned(module, index, paths[module], norms.behind.get(module))
        for index, module in enumerate(candidates)
        if _kind(module) in kinds
    ]
    folded = {layer.norm for layer in planned}
    done = {layer.module for layer in planned} | folded
    digital = [
        DigitalLayer(places[0], type(module).__name__, _reason(module, kinds, hidden, norms))
        for module, places in paths.items()
        if module not in done and next(module.parameters(recurse=False), None) is not None
    ]
    if not planned:
        raise _nothing(kinds, digital)
    if not any(layer.weight.any() for layer in planned):
        raise InputError("model: every weight of its layers is zero; give a trained model")
    return planned, digital


def _nothing(kinds: Sequence[str], digital: Sequence[DigitalLayer]) -> InputError:
    """The error for a model without a layer to convert, with the first reasons."""
    known = sorted(digital, key=lambda layer: layer.reason == _UNSUPPORTED)
    reasons = [f"{layer.path or '(model)'} ({layer.kind}): {layer.reason}" for layer in known[:3]]
    reasons += [f"{len(known) - 3} more"] if len(known) > 3 else []
    said = f": {'; '.join(reasons)}" if reasons else ""
    return InputError(f"model: has no {' or '.join(kinds)} layer that can be analog{said}")


def _check_kinds(model: nn.Module, kinds: Sequence[str]) -> None:
    if isinstance(kinds, str) or not kinds:
        raise InputError(f"kinds = {kinds!r}: give a tuple of {', '.join(SUPPORTED)}")
    for kind in kinds:
        if kind in SUPPORTED:
            continue
        for path, module in model.named_modules():
            if type(module).__name__ == kind:
                raise InputError(
                    f"layer {path!r} is a {kind}: {_UNSUPPORTED}; leave {kind} out of kinds, "
                    "then it stays digital"
                )
        raise InputError(f"kinds = {kind!r}: choose from {', '.join(SUPPORTED)}")


def _check_parameters(model: nn.Module) -> None:
    for path, module in model.named_modules():
        if type(module).__module__.startswith(("torch.ao.nn.", "torch.nn.quantized")):
            raise InputError(
                f"layer {path!r} is a quantised {type(module).__name__}: give the float model"
            )
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
            raise InputError(
                f"{name} is not initialised yet: run the model once on a batch, then convert it"
            )
        if tensor.is_meta:
            raise InputError(f"{name} is on the meta device and holds no numbers: load its weights")
        if tensor.is_quantized:
            raise InputError(f"{name} is quantised ({tensor.dtype}): give the float model")
    for name, tensor in model.named_parameters():
        _check_finite(name, tensor.detach())


def _check_finite(name: str, values: Tensor) -> None:
    dense = values.to_dense()
    if not torch.isfinite(dense).all():
        place = (~torch.isfinite(dense)).nonzero()[0].tolist()
        raise InputError(
            f"{name}{place} = {dense[tuple(place)].item()}: every weight must be finite"
        )


def _kind(module: nn.Module) -> str | None:
    return next((name for name, kind in SUPPORTED.items() if is_a(module, kind)), None)


def _hidden(model: nn.Module) -> dict[nn.Module, str]:
    """Modules whose weights PyTorch reads past their forward method, and in which kind."""
    return {
        part: type(module).__name__
        for module in model.modules()
        if isinstance(module, OPAQUE)
        for part in module.modules()
        if part is not module
    }


def _reason(
    module: nn.Module, kinds: Sequence[str], hidden: dict[nn.Module, str], norms: Foldable
) -> str:
    if module in hidden:
        return f"PyTorch reads its weights directly inside {hidden[module]}"
    if isinstance(module, NORMS):
        if norms.untraced:
            return f"not folded: the model cannot be traced ({norms.untraced})"
        return (
            "not folded: it needs running statistics, and before it a converted layer that runs "
            "once and feeds it alone"
        )
    kind = _kind(module)
    if kind is not None and kind not in kinds:
        return "not among the chosen kinds"
    if isinstance(module, tuple(SUPPORTED.values())):
        return "it has a forward method of its own"
    return _UNSUPPORTED


def _planned(
    module: nn.Module, index: int, paths: list[str], norm: nn.Module | None
) -> PlannedLayer:
    with torch.no_grad():
        _run_weight_hooks(module)
        path = paths[0]
        weight, bias = (_double(path, module, name) for name in ("weight", "bias"))
        assert weight is not None
        if norm is not None:
            weight, bias = fold(weight, bias, norm)
    for name, values in (("weight", weight), ("bias", bias)):
        if values is not None:
            part = " with its batch-norm folded in" if norm is not None else ""
            _check_finite(f"layer {path!r}{part}: {name}", values)
    matrix = weight.flatten(1).numpy()
    if matrix.any():
        try:
            checked_weights(matrix)
        except InputError as error:
            raise InputError(f"layer {path!r}: {error}") from None
    kind = _kind(module)
    assert kind is not None
    return PlannedLayer(
        tuple(paths), module, kind, index, matrix, None if bias is None else bias.numpy(), norm
    )


def _double(path: str, module: nn.Module, name: str) -> Tensor | None:
    values: Any = getattr(module, name)
    if values is None:
        return None
    if not values.is_floating_point():
        raise InputError(
            f"layer {path!r}: {name} has type {values.dtype}; only real floating weights can be "
            "analog, convert it first or leave it out"
        )
    return torch.as_tensor(values).detach().cpu().to_dense().double()


def _run_weight_hooks(module: nn.Module) -> None:
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WEIGHT_HOOKS):
            hook(module, ())
