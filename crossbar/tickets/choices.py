"""Which random numbers stay, so that they stand for a target weight.

Each function takes candidates (cells, n) and targets (cells,), and returns the mask (cells, n)
of those that stay; what stands for the target is their sum.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import solvers

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Choice = Callable[[Floats, Floats], Mask]


def one_of_many(candidates: Floats, targets: Floats) -> Mask:
    """Keep the candidate closest to the target, or none where zero is closer.

    E. Malach et al., "Proving the lottery ticket hypothesis: pruning is all you need", ICML
    2020, arXiv 2002.00585. There both factors of a product must be close to those wanted; here
    the product is, so that the same random network does at least as well.
    """
    cells = np.arange(len(targets))
    gaps = np.abs(candidates - targets[:, None])
    nearest = np.argmin(gaps, axis=1)
    mask = np.zeros(candidates.shape, np.bool_)
    mask[cells, nearest] = gaps[cells, nearest] < np.abs(targets)
    return mask


def subset_sum(candidates: Floats, targets: Floats) -> Mask:
    """Keep the subset whose sum is closest to the target, which is proven best.

    A. Pensia et al., "Optimal lottery tickets via subset sum", NeurIPS 2020, arXiv 2006.07990.
    """
    return np.asarray(solvers.solve_batch(candidates, targets).mask, np.bool_)


def binary_decomposition(candidates: Floats, targets: Floats) -> Mask:
    """Keep one candidate after another, each the closest to what is still missing.

    L. Orseau, M. Hutter and O. Rivasplata, "Logarithmic pruning is all you need", NeurIPS
    2020, arXiv 2006.12156: a weight is written digit by digit. A candidate between half and
    three halves of what is missing halves it at least; with hyperbolic candidates there is one
    as likely at any scale.
    """
    cells = np.arange(len(targets))
    mask = np.zeros(candidates.shape, np.bool_)
    missing = targets.copy()
    for _ in range(candidates.shape[1]):
        gaps = np.where(mask, np.inf, np.abs(candidates - missing[:, None]))
        nearest = np.argmin(gaps, axis=1)
        helps = gaps[cells, nearest] < np.abs(missing)
        if not helps.any():
            break
        mask[cells[helps], nearest[helps]] = True
        missing[helps] -= candidates[cells[helps], nearest[helps]]
    return mask


def beyond_reach(candidates: Floats, targets: Floats, choose: Choice) -> Mask:
    """Whether a target lies beyond all that a choice can make of its candidates, (cells,).

    That is beyond the candidates themselves for `one_of_many`, and beyond the sums of all
    positive and of all negative ones for the others.
    """
    if choose is one_of_many:
        low, high = candidates.min(axis=1, initial=0), candidates.max(axis=1, initial=0)
    else:
        low, high = (
            np.minimum(candidates, 0).sum(axis=1),
            np.maximum(candidates, 0).sum(axis=1),
        )
    return np.asarray((targets < low) | (targets > high), np.bool_)
