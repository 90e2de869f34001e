"""Prune any PyTorch network, and compare the ways to do it.

Each family is a function that takes a model and returns a `Pruned`: a copy, and what it takes.

    pruned = magnitude(model, 0.1)
    ticket = lottery_ticket(model, 0.036, fit, epochs=12)  # fit(model, epochs) trains in place
    print(ticket.size(bits=8))

Names that need torch load it when they are asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from crossbar.models.optional import require

if TYPE_CHECKING:
    from crossbar.pruning.baselines import low_rank as low_rank
    from crossbar.pruning.baselines import quantize as quantize
    from crossbar.pruning.counting import Size as Size
    from crossbar.pruning.counting import count as count
    from crossbar.pruning.fitting import Fitting as Fitting
    from crossbar.pruning.magnitudes import magnitude as magnitude
    from crossbar.pruning.popup import edge_popup as edge_popup
    from crossbar.pruning.pruned import Pruned as Pruned
    from crossbar.pruning.pruned import fine_tune as fine_tune
    from crossbar.pruning.rounds import iterative_magnitude as iterative_magnitude
    from crossbar.pruning.rounds import lottery_ticket as lottery_ticket
    from crossbar.pruning.rounds import reinitialized as reinitialized
    from crossbar.pruning.structured import prune_filters as prune_filters
    from crossbar.pruning.structured import shrink as shrink

_WITH_TORCH = {
    "Fitting": "fitting",
    "Pruned": "pruned",
    "Size": "counting",
    "count": "counting",
    "edge_popup": "popup",
    "fine_tune": "pruned",
    "iterative_magnitude": "rounds",
    "lottery_ticket": "rounds",
    "low_rank": "baselines",
    "magnitude": "magnitudes",
    "prune_filters": "structured",
    "quantize": "baselines",
    "reinitialized": "rounds",
    "shrink": "structured",
}


def __getattr__(name: str) -> Any:
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("torch", "safetensors")
    return getattr(import_module(f"{__name__}.{_WITH_TORCH[name]}"), name)
