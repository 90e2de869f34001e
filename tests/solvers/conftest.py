"""Brute force in exact rational arithmetic: the reference of every solver test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import pytest


@dataclass(frozen=True)
class Best:
    """The best subset: its exact error magnitude, and its mask by the tie rule."""

    error: Fraction
    mask: list[bool]
    reachable: bool


def enumerate_subsets(values: Sequence[float], target: float) -> Best:
    """Try all 2**n subsets; ties by fewest enabled, then by smallest mask."""
    exact = [Fraction(float(value)) for value in values]
    wanted = Fraction(float(target))
    scale = max([wanted.denominator, *(value.denominator for value in exact)])
    sums = [0]
    for value in exact:
        step = int(value * scale)
        sums += [one + step for one in sums]
    goal = int(wanted * scale)
    error, _, mask = min((abs(s - goal), m.bit_count(), m) for m, s in enumerate(sums))
    return Best(
        error=Fraction(error, scale),
        mask=[bool(mask >> k & 1) for k in range(len(exact))],
        reachable=min(sums) <= goal <= max(sums),
    )


@pytest.fixture(scope="session")
def brute_force() -> Callable[[Sequence[float], float], Best]:
    return enumerate_subsets
