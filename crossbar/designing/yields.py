"""Exact binomial bounds of a yield, and a test of it that stops as soon as it is decided.

Clopper and Pearson (Biometrika 26, 1934): of n cells k failed; the yield is at least y with
confidence c when, were it y, k or fewer failures had a probability of at most 1 - c.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from crossbar.errors import InputError

MOST_CELLS = 100_000_000


def yield_at_least(cells: int, failures: int, confidence: float = 0.95) -> float:
    """Lower bound of the yield after `failures` of `cells` failed, one-sided, exact."""
    from scipy.stats import beta

    if not 0 <= failures <= cells or not cells:
        raise InputError(f"failures = {failures} of {cells} cells: give 0 to {cells}, of 1 or more")
    if failures == cells:
        return 0.0
    return float(beta.ppf(1 - confidence, cells - failures, failures + 1))


def yield_at_most(cells: int, failures: int, confidence: float = 0.95) -> float:
    """Upper bound of the yield, one-sided, exact."""
    return 1 - yield_at_least(cells, cells - failures, confidence)


@lru_cache(maxsize=64)
def cells_needed(wanted: float, confidence: float = 0.95, failures: int = 0) -> int:
    """Smallest number of cells of which so many may fail and the yield is still shown.

    Parameters
    ----------
    wanted, confidence : float
        Yield and confidence, each between 0 and 1.
    failures : int
        Cells that fail.

    Raises
    ------
    InputError
        For a yield or a confidence out of range, or more than 100 million cells.

    Examples
    --------
    >>> [cells_needed(0.999, 0.95, failures) for failures in (0, 1)]
    [2995, 4742]
    """
    for field, value in (("yield", wanted), ("confidence", confidence)):
        if not 0 < value < 1:
            raise InputError(f"{field} = {value}: give a fraction between 0 and 1, such as 0.999")
    if failures < 0:
        raise InputError(f"failures = {failures}: give 0 or more")
    low, high = failures, failures + 1  # low is never enough
    while yield_at_least(high, failures, confidence) < wanted:
        low, high = high, 2 * high
        if low > MOST_CELLS:
            raise InputError(
                f"yield = {wanted}: would take more than {MOST_CELLS:,} cells; lower it, or the "
                "confidence"
            )
    while high - low > 1:
        middle = (low + high) // 2
        if yield_at_least(middle, failures, confidence) < wanted:
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True)
class YieldTest:
    """A test whose number of cells is fixed before the first one is made.

    At most `failures` of `cells_needed` cells may fail. It ends as soon as the outcome is sure:
    nothing is looked at twice, so stopping early costs no confidence.

    Parameters
    ----------
    wanted, confidence : float
        Yield to be shown, and how sure that is.
    failures : int
        Cells that may fail.
    """

    wanted: float
    confidence: float = 0.95
    failures: int = 0

    @property
    def cells(self) -> int:
        """Cells that the test takes when it is passed."""
        return cells_needed(self.wanted, self.confidence, self.failures)

    def decided(self, failed: NDArray[np.bool_]) -> bool | None:
        """Whether cells that came out so, in the order in which they were made, pass the test.

        None while either is possible.
        """
        tested = failed[: self.cells]
        failures = int(np.count_nonzero(tested))
        if failures > self.failures:
            return False
        left = self.cells - tested.size
        return True if failures + left <= self.failures else None
