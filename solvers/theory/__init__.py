"""The theory of random subset sums, sampled: growth, failure, and bits against n.

- `growth`: which targets the first t values reach (f_t, v_t), the recursion for uniform
  values, and how many values an error needs.
- `failure`: how often no subset comes close enough, and the size of the smallest that does.
- `bits`: how the worst target of a random set (`solvers.covering_radius`) falls with its size.
- `plots`: the figures.

Values are drawn from a distribution by name (`DISTRIBUTIONS`) or by a function of your own.

Examples
--------
>>> from solvers import theory
>>> theory.values_needed(0.01)
17
"""

from __future__ import annotations

from solvers.theory.bits import (
    BitsRow,
    bits_against_n,
    bits_for_each_value,
    sample_bits,
)
from solvers.theory.failure import Failure, failure_probability, smallest_sizes
from solvers.theory.growth import (
    Reached,
    reached,
    recursion,
    sample_growth,
    values_needed,
    values_to_reach,
)
from solvers.theory.sampling import DISTRIBUTIONS

__all__ = [
    "DISTRIBUTIONS",
    "BitsRow",
    "Failure",
    "Reached",
    "bits_against_n",
    "bits_for_each_value",
    "failure_probability",
    "reached",
    "recursion",
    "sample_bits",
    "sample_growth",
    "smallest_sizes",
    "values_needed",
    "values_to_reach",
]
