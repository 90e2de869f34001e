"""What `solvers` raises: for bad input, and when a search is interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from solvers.method import Answer


class InvalidInput(ValueError):
    """Bad input; the message names the field, the value and the remedy."""


class SearchInterrupted(KeyboardInterrupt):
    """Ctrl-C during a search; what was found until then is kept.

    Parameters
    ----------
    answer : Answer
        The best choices so far on the grid, with what is proven about them. Cells that
        were not begun have all coefficients 0.
    done : ndarray of bool, (cells,)
        Cells whose search had ended.
    """

    def __init__(self, answer: Answer, done: NDArray[np.bool_]) -> None:
        super().__init__(f"search interrupted: {np.count_nonzero(done)} of {done.size} cells done")
        self.answer = answer
        self.done = done

    @property
    def mask(self) -> NDArray[np.int8]:
        """The best coefficients so far on the grid; (cells, n)."""
        return self.answer.mask
