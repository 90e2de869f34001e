"""What every method returns."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from solvers.problem import BINARY, Problem


class Certificate(enum.IntEnum):
    """What proves that a choice is best on its grid; its text says it in words."""

    NONE = 0
    END = 1
    EXHAUSTIVE = 2
    FILTER = 3
    PROGRAM = 4
    ZERO = 5

    @property
    def text(self) -> str:
        """One line for a reader."""
        return _TEXTS[self]


_TEXTS = {
    Certificate.NONE: "none: a better choice may exist",
    Certificate.END: "the target lies at or beyond an end of the reachable range",
    Certificate.EXHAUSTIVE: "every choice was compared",
    Certificate.FILTER: "every choice within a bound was compared, and one was found there",
    Certificate.PROGRAM: "OR-Tools proved the integer program",
    Certificate.ZERO: "an error of zero",
}


@dataclass(frozen=True, eq=False)
class Solution:
    """Chosen subsets, how good they are, and what is proven about them.

    Shapes are those of `solvers.solve_batch`; `solvers.solve` returns the same without
    the leading axis. For vectors ``achieved`` and ``error`` have one more axis, the
    components (d,), and the error that is bounded is the largest component. Numbers are
    in the units of the values that were given.

    Parameters
    ----------
    mask : ndarray of bool or int8, (cells, n)
        True where a number belongs to the chosen subset; where coefficients can be -1,
        the coefficients.
    achieved : ndarray, (cells,)
        Sum of the chosen numbers, correctly rounded (`math.fsum`).
    error : ndarray, (cells,)
        achieved - target, signed, for the target as it was given, reachable or not;
        one correct rounding of the exact difference.
    reachable : ndarray of bool, (cells,)
        True where the target lies between the smallest and the largest sum. Where it is
        False the nearest end was chosen.
    lower_bound : ndarray, (cells,)
        Proven: no choice has a smaller error magnitude. 0 where nothing is known.
    quantum : ndarray, (cells,)
        Step of the grid that numbers and target were rounded to for the search; 0 where
        nothing was rounded. An optimal choice has at most (n + 1) * quantum more error
        than the best choice in exact arithmetic: each of the n + 1 roundings moves each
        of the two errors by at most half a step.
    certificates : ndarray of uint8, (cells,)
        What proves each choice best on its grid, as `Certificate`.
    method : str
        The method that answered, ``auto`` resolved.
    seconds : float
        Wall time of the whole call [s].
    problem : Problem
        What was asked: the arrays are the caller's own where they had the right type.

    Raises
    ------
    ValueError
        For fields whose shapes do not belong together.
    """

    mask: NDArray[np.bool_] | NDArray[np.int8]
    achieved: NDArray[np.float64]
    error: NDArray[np.float64]
    reachable: NDArray[np.bool_]
    lower_bound: NDArray[np.float64]
    quantum: NDArray[np.float64]
    certificates: NDArray[np.uint8]
    method: str
    seconds: float
    problem: Problem

    def __post_init__(self) -> None:
        cells = self.mask.shape[:-1]
        components = self.problem.values.shape[2:]
        for field in _PER_CELL:
            shape = getattr(self, field).shape
            expected = cells + components if field in _PER_COMPONENT else cells
            if shape != expected:
                raise ValueError(
                    f"{field} has shape {shape}, mask {self.mask.shape}: give {expected}"
                )

    @property
    def optimal(self) -> NDArray[np.bool_]:
        """True where the choice is proven best on the grid of ``quantum``; (cells,)."""
        return np.not_equal(self.certificates, Certificate.NONE)

    @property
    def status(self) -> Literal["optimal", "feasible"]:
        """``optimal`` when every choice is proven best, else ``feasible``."""
        return "optimal" if bool(np.all(self.optimal)) else "feasible"

    @property
    def certificate(self) -> str:
        """What proves the choices best, in words, with the number of cells of each proof."""
        found, counts = np.unique(self.certificates, return_counts=True)
        texts = [Certificate(int(code)).text for code in found]
        if self.certificates.ndim == 0:
            return texts[0]
        parts = zip(texts, counts, strict=True)
        return "; ".join(f"{text} ({count} cells)" for text, count in parts) or "empty batch"

    def cell(self, index: int) -> Solution:
        """The solution of one cell of a batch, as `solvers.solve` shapes it."""
        picked: dict[str, Any] = {
            name: np.asarray(getattr(self, name)[index]) for name in ("mask", *_PER_CELL)
        }
        cell = index if index >= 0 else index + self.problem.cells
        return replace(self, **picked, problem=self.problem.part(slice(cell, cell + 1)))


_PER_CELL = tuple(
    field.name
    for field in fields(Solution)
    if field.name not in ("mask", "method", "seconds", "problem")
)

_PER_COMPONENT = ("achieved", "error")


def as_mask(
    coefficients: NDArray[np.int8], alphabet: tuple[int, ...]
) -> NDArray[np.bool_] | NDArray[np.int8]:
    """Coefficients as a solution holds them: booleans where they are 0 and 1."""
    return coefficients.view(np.bool_) if alphabet == BINARY else coefficients
