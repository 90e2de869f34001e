"""What `solvers` raises: for bad input, and when a search is interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from solvers.solution import Solution


class InvalidInput(ValueError):
    """Bad input; the message names the field, the value and the remedy."""


class SearchInterrupted(KeyboardInterrupt):
    """Ctrl-C during a search; what was found until then is kept.

    Parameters
    ----------
    solution : Solution
        The best choices so far, with what is proven about them. Cells that were not begun
        have an error of NaN.
    done : ndarray of bool, (cells,)
        Cells whose search had ended.
    """

    def __init__(self, solution: Solution, done: NDArray[np.bool_]) -> None:
        super().__init__(f"search interrupted: {np.count_nonzero(done)} of {done.size} cells done")
        self.solution = solution
        self.done = done
