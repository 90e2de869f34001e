"""Random values by name or by function, and draws that do not depend on the workers."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from solvers.errors import InvalidInput
from solvers.method import nearest

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]
"""Draws values of shape (sets, n), one set a row."""


def uniform(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Values uniform in (-1, 1)."""
    return rng.uniform(-1, 1, size)


def products(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Products of two values uniform in (-1, 1): a weight behind another weight."""
    return rng.uniform(-1, 1, size) * rng.uniform(-1, 1, size)


def balanced(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Magnitudes uniform in (0, 1), signs +, -, +, -, ...: as many of each, one more + if odd."""
    signs = np.where(np.arange(size[1]) % 2, -1.0, 1.0)
    return rng.uniform(0, 1, size) * signs


def normal(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Normal values of mean 0 and standard deviation 1."""
    return rng.normal(0, 1, size)


DISTRIBUTIONS: dict[str, Draw] = {
    "uniform": uniform,
    "products": products,
    "balanced": balanced,
    "normal": normal,
}
"""The distributions by name; wherever a name is taken, a function of your own is too."""

_VALUES_A_BLOCK = 1 << 18


def drawing(distribution: str | Draw) -> Draw:
    """The function that draws.

    Raises
    ------
    InvalidInput
        For an unknown name.
    """
    if not isinstance(distribution, str):
        if not callable(distribution):
            raise InvalidInput(
                f"distribution = {distribution!r}: give a name or a function (rng, size) -> values"
            )
        return distribution
    if distribution not in DISTRIBUTIONS:
        known = ", ".join(DISTRIBUTIONS)
        hint = nearest(distribution, DISTRIBUTIONS)
        raise InvalidInput(f"distribution = {distribution!r}: choose one of {known}{hint}")
    return DISTRIBUTIONS[distribution]


def drawn(draw: Draw, rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Checked draws.

    Raises
    ------
    InvalidInput
        When they have another shape, or are not finite.
    """
    values = np.ascontiguousarray(draw(rng, size), dtype=np.float64)
    if values.shape != size or not np.isfinite(values).all():
        raise InvalidInput(
            f"distribution returned values of shape {values.shape} for size {size}: return finite "
            "values of that shape"
        )
    return values


def blocks(count: int, n: int, seed: int) -> Iterator[tuple[slice, np.random.Generator]]:
    """Parts of ``count`` sets of n values, each with its own generator, a child of the seed."""
    step = max(1, _VALUES_A_BLOCK // max(n, 1))
    for number, start in enumerate(range(0, count, step)):
        sequence = np.random.SeedSequence(seed, spawn_key=(n, number))
        yield slice(start, min(start + step, count)), np.random.default_rng(sequence)


def checked_real(name: str, given: object) -> float:
    """A real number, infinity included.

    Raises
    ------
    InvalidInput
        When it is something else.
    """
    if isinstance(given, bool) or not isinstance(given, numbers.Real) or math.isnan(given):
        raise InvalidInput(f"{name} = {given!r}: give a real number")
    return float(given)
