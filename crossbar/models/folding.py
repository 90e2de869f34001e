"""Batch-norms that stand directly behind a layer, so that they can become part of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

BEHIND: dict[type[nn.Module], tuple[type[nn.Module], ...]] = {
    nn.Linear: (nn.BatchNorm1d,),
    nn.Conv2d: (nn.BatchNorm2d, nn.SyncBatchNorm),
}
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Foldable:
    """The batch-norms of a model that can be folded.

    Parameters
    ----------
    behind : dict
        From a layer to the batch-norm behind it.
    untraced : str
        Why the model could not be traced; empty where it could.
    """

    behind: dict[nn.Module, nn.Module]
    untraced: str = ""


def is_a(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a module computes just what a layer of this kind does, subclasses included."""
    replaced = "forward" in module.__dict__
    return isinstance(module, kind) and type(module).forward is kind.forward and not replaced


def foldable(model: nn.Module) -> Foldable:
    """Find batch-norms whose only input is a layer, and whose layer feeds nothing else.

    Both must run once in a forward pass, which `torch.fx` finds by tracing it.
    """
    if not any(isinstance(module, NORMS) for module in model.modules()):
        return Foldable({})
    try:
        with _ONE_AT_A_TIME:
            graph = _Tracer().trace(model)
    except Exception as error:  # whatever the model's own code raises
        reason = str(error).strip().splitlines()
        return Foldable({}, reason[0] if reason else type(error).__name__)
    calls: dict[nn.Module, list[fx.Node]] = {}
    for node in graph.nodes:
        if node.op == "call_module":
            calls.setdefault(model.get_submodule(str(node.target)), []).append(node)
    read = [str(node.target) for node in graph.nodes if node.op == "get_attr"]
    behind = {}
    for norm, norm_calls in calls.items():
        layer = _layer_before(model, norm_calls)
        if layer is None or len(calls[layer]) > 1 or not _fit(layer, norm):
            continue
        path = str(calls[layer][0].target)
        if not any(name.startswith(f"{path}.") for name in read):
            behind[layer] = norm
    return Foldable(behind)


def fold(weight: Tensor, bias: Tensor | None, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of a layer with the batch-norm behind it, in double precision."""
    statistics: Any = norm
    fused = fuse_conv_bn_weights(
        weight,
        bias,
        statistics.running_mean.detach().cpu().double(),
        statistics.running_var.detach().cpu().double(),
        statistics.eps,
        None if statistics.weight is None else statistics.weight.detach().cpu().double(),
        None if statistics.bias is None else statistics.bias.detach().cpu().double(),
    )
    return fused[0].detach(), fused[1].detach()


class _Tracer(fx.Tracer):
    """Keeps subclasses of the layers whole, and what other threads run meanwhile out of the graph.

    `torch.fx` replaces ``nn.Module.__call__`` in the whole process while it traces.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        leaf = any(is_a(m, kind) for kind in BEHIND)
        return leaf or super().is_leaf_module(m, module_qualified_name)


def _layer_before(model: nn.Module, calls: list[fx.Node]) -> nn.Module | None:
    if len(calls) > 1 or len(calls[0].all_input_nodes) != 1:
        return None
    before = calls[0].all_input_nodes[0]
    if before.op != "call_module" or len(before.users) > 1:
        return None
    return model.get_submodule(str(before.target))


def _fit(layer: nn.Module, norm: nn.Module) -> bool:
    for kind, norms in BEHIND.items():
        if is_a(layer, kind) and type(norm) in norms and "forward" not in norm.__dict__:
            statistics: Any = norm
            outputs = len(getattr(layer, "weight"))  # noqa: B009
            return statistics.running_mean is not None and statistics.num_features == outputs
    return False
