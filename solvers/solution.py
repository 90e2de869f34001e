"""What every method returns."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Solution:
    """Chosen subsets, how good they are, and what is proven about them.

    Shapes are those of `solvers.solve_batch`; `solvers.solve` returns the same without
    the leading axis. Numbers are in the units of the values that were given.

    Parameters
    ----------
    mask : ndarray of bool, (cells, n)
        True where a number belongs to the chosen subset.
    achieved : ndarray, (cells,)
        Sum of the chosen numbers, correctly rounded (`math.fsum`).
    error : ndarray, (cells,)
        achieved - target, signed, for the target as it was given, reachable or not;
        one correct rounding of the exact difference.
    reachable : ndarray of bool, (cells,)
        True where the target lies between the sum of the negative numbers and the sum
        of the positive ones. Where it is False the nearest end was chosen.
    lower_bound : ndarray, (cells,)
        Proven: no subset has a smaller error magnitude. 0 where nothing is known.
    optimal : ndarray of bool, (cells,)
        True where the subset is proven best on the grid of ``quantum``.
    quantum : ndarray, (cells,)
        Step of the grid that numbers and target were rounded to for the search; 0 where
        nothing was rounded. An optimal subset has at most (n + 1) * quantum more error
        than the best subset in exact arithmetic: each of the n + 1 roundings moves each
        of the two errors by at most half a step.
    certificate : str
        What proves it.
    method : str
        The method that answered, ``auto`` resolved.
    seconds : float
        Wall time of the whole call [s].

    Raises
    ------
    ValueError
        For fields whose shapes do not belong together.
    """

    mask: NDArray[np.bool_]
    achieved: NDArray[np.float64]
    error: NDArray[np.float64]
    reachable: NDArray[np.bool_]
    lower_bound: NDArray[np.float64]
    optimal: NDArray[np.bool_]
    quantum: NDArray[np.float64]
    certificate: str
    method: str
    seconds: float

    def __post_init__(self) -> None:
        cells = self.mask.shape[:-1]
        for field in _PER_CELL:
            shape = getattr(self, field).shape
            if shape != cells:
                raise ValueError(f"{field} has shape {shape}, mask {self.mask.shape}: give {cells}")

    @property
    def status(self) -> Literal["optimal", "feasible"]:
        """``optimal`` when every subset is proven best, else ``feasible``."""
        return "optimal" if bool(np.all(self.optimal)) else "feasible"

    def cell(self, index: int) -> Solution:
        """The solution of one cell of a batch, as `solvers.solve` shapes it."""
        picked: dict[str, Any] = {
            name: np.asarray(getattr(self, name)[index]) for name in ("mask", *_PER_CELL)
        }
        return replace(self, **picked)


_PER_CELL = tuple(
    field.name
    for field in fields(Solution)
    if field.name not in ("mask", "certificate", "method", "seconds")
)
