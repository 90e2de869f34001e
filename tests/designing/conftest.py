"""A search small enough for a second."""

import pytest

from crossbar.designing import Specification


@pytest.fixture
def small() -> Specification:
    """Six bits in 90 % of cells: 29 cells without a failure decide."""
    return Specification(
        bits=6,
        yield_=0.9,
        polarities=("paired", "steered"),
        ladders=("guaranteed", "stagger"),
        radix=1.2,
    )
