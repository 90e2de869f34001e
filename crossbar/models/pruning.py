"""Prune a network: its smallest weights become exact zeros and stay zero."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from crossbar.errors import InputError

MASK = ".weight_mask"


def matrix_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Return the layers whose weights an array can hold, by path."""
    kinds = (nn.Linear, nn.Conv2d)
    return {path: layer for path, layer in model.named_modules() if isinstance(layer, kinds)}


def prune_smallest(
    model: nn.Module, fraction: float | None = None, *, kept: int | None = None
) -> None:
    """Prune the smallest weights of all layers together until a fraction is zero or some are left.

    Biases stay, and do not count. What is pruned already stays so and counts.

    Parameters
    ----------
    model : torch.nn.Module
        Its Linear and Conv2d layers are pruned, in place, by masks.
    fraction : float, optional
        Share of the weights that is zero afterwards.
    kept : int, optional
        In its place: the weights that are left. Of a fraction to keep and its complement a half
        would round to different numbers.

    Raises
    ------
    InputError
        When more than the fraction is zero already, fewer than that many weights are left, or not
        one of the two is given.
    """
    if (fraction is None) == (kept is None):
        raise InputError("fraction, kept: give one of the two")
    pairs = [(layer, "weight") for layer in matrix_layers(model).values()]
    weights = [getattr(*pair) for pair in pairs]
    total = sum(weight.numel() for weight in weights)
    left = sum(int(torch.count_nonzero(weight)) for weight in weights)
    wanted = total - round(fraction * total) if fraction is not None else kept
    assert wanted is not None
    if wanted > left and fraction is not None:
        raise InputError(
            f"prune = {fraction}: {1 - left / total:.4f} of the weights are zero already; give more"
        )
    if not 0 <= wanted <= left:
        raise InputError(f"kept = {wanted}: {left} weights are left; give a number from 0 to that")
    masked = sum(_masked(layer) for layer, _ in pairs)
    zeros = total - left - masked  # pruned first: they are the smallest without a mask
    amount = left - wanted + zeros
    prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=amount)


def _masked(layer: nn.Module) -> int:
    """Weights that a mask holds at zero."""
    mask = getattr(layer, MASK.removeprefix("."), None)
    return 0 if mask is None else int((mask == 0).sum())


def keep_zeros(model: nn.Module) -> None:
    """Let weights that are zero stay zero in training."""
    if not pruned_fraction(plain_state(model)):
        return
    for layer in matrix_layers(model).values():
        weight = layer.weight
        assert isinstance(weight, Tensor)
        prune.custom_from_mask(layer, "weight", (weight != 0).to(weight.dtype))  # type: ignore[no-untyped-call]


def restore_masks(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Prune a fresh model as the one was whose state is given."""
    for path, layer in matrix_layers(model).items():
        if path + MASK in state:
            prune.custom_from_mask(layer, "weight", state[path + MASK])  # type: ignore[no-untyped-call]


def plain_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the state without masks: the weights as they act, their zeros positive."""
    state = {}
    for path, layer in model.named_modules():
        for name, value in layer.named_parameters(prefix=path, recurse=False):
            plain = name.removesuffix("_orig")
            mask = getattr(layer, f"{plain.rpartition('.')[2]}_mask", None)
            acting = value.detach() if mask is None else value.detach() * mask
            state[plain] = (acting + 0.0).contiguous()
        state |= {
            name: value.detach().clone().contiguous()
            for name, value in layer.named_buffers(prefix=path, recurse=False)
            if not name.endswith("_mask")
        }
    return state


def pruned_fraction(state: Mapping[str, Tensor]) -> float:
    """Return the share of weights that are exactly zero; vectors such as biases do not count."""
    weights = [value for value in state.values() if value.ndim > 1]
    zeros = sum(int(torch.count_nonzero(weight == 0)) for weight in weights)
    return zeros / max(1, sum(weight.numel() for weight in weights))
