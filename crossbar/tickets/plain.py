"""Networks whose weights are subset sums of plain random numbers, not of products of two layers."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import solvers
from crossbar.errors import InputError
from crossbar.tickets.checks import check_whole
from crossbar.tickets.choices import beyond_reach, subset_sum
from crossbar.tickets.pairs import Approximated

_SUMS_AT_ONCE = 1 << 16


@dataclass(frozen=True, eq=False)
class PlainSums:
    """A network each of whose weights is a subset sum of plain random numbers.

    Parameters
    ----------
    target, network : torch.nn.Sequential
        As asked for, and with the sums in place of the weights.
    layers : tuple of Approximated
        The weights and the sums.
    n, kept : int
        Random numbers for each weight; those that are in a subset, over all weights.
    seconds : float
        Wall time of the subset sums [s].
    """

    target: nn.Sequential
    network: nn.Sequential
    layers: tuple[Approximated, ...]
    n: int
    kept: int
    seconds: float


def plain_sums(
    target: nn.Sequential,
    n: int,
    *,
    low: float = -1.0,
    high: float = 1.0,
    seed: int = 0,
    shared: bool = False,
) -> PlainSums:
    """Replace each weight by the best subset sum of n numbers uniform in [low, high).

    Parameters
    ----------
    target : torch.nn.Sequential
        The Linear and Conv2d layers in it are replaced, biases included.
    n : int
        Numbers for each weight.
    low, high : float
        Their range.
    seed : int
        Of the numbers.
    shared : bool
        Whether all weights of a row share their n numbers, as in the script that A. Pensia et
        al. published; else each has its own.

    Raises
    ------
    InputError
        For an empty or infinite range, no numbers, a seed below 0, or a target that is no
        Sequential.
    """
    if not isinstance(target, nn.Sequential):
        raise InputError(f"target is {type(target).__name__}: give a torch.nn.Sequential")
    check_whole("n", n, 1)
    check_whole("seed", seed, 0)
    if not -math.inf < low < high < math.inf:
        raise InputError(f"low = {low}, high = {high}: give a finite range that is not empty")
    rng = np.random.default_rng(seed)
    network = copy.deepcopy(target)
    begun = time.perf_counter()
    layers, kept = [], 0
    for layer in network:
        if not isinstance(layer, (nn.Linear, nn.Conv2d)):
            continue
        wanted, beyond = _matrix(layer), 0
        for tensor in layer.parameters():
            matrix = tensor.detach().double().numpy().reshape(len(tensor), -1)
            sets = (len(matrix), 1 if shared else matrix.shape[1], n)
            values = np.broadcast_to(rng.uniform(low, high, sets), (*matrix.shape, n))
            sums, closed, far = _sums(values, matrix)
            kept, beyond = kept + closed, beyond + far
            with torch.no_grad():
                tensor.copy_(torch.from_numpy(sums.reshape(tensor.shape)))
        found = _matrix(layer)
        layers.append(Approximated(wanted, found, found, layer.bias is not None, beyond))
    return PlainSums(target, network, tuple(layers), n, kept, time.perf_counter() - begun)


def _sums(
    values: NDArray[np.float64], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int, int]:
    """Sums (rows, columns) closest to a matrix, how many numbers they have, and how many are far.

    Some rows at a time, for the sake of memory.
    """
    sums = np.empty(matrix.shape)
    kept = far = 0
    step = max(1, _SUMS_AT_ONCE // matrix.shape[1])
    for start in range(0, len(matrix), step):
        rows = slice(start, start + step)
        cells = values[rows].reshape(-1, values.shape[-1])
        solution = solvers.solve_batch(cells, matrix[rows].ravel())
        sums[rows] = solution.achieved.reshape(sums[rows].shape)
        kept += int(np.count_nonzero(solution.mask))
        far += int(np.count_nonzero(beyond_reach(cells, matrix[rows].ravel(), subset_sum)))
    return sums, kept, far


def _matrix(layer: nn.Linear | nn.Conv2d) -> NDArray[np.float64]:
    """Weights (outputs, inputs), the bias as the last column if there is one."""
    parts = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
    return np.hstack([one.detach().double().numpy().reshape(len(one), -1) for one in parts])
