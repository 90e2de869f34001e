"""Why no cell meets a specification, found by taking one nuisance after another away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crossbar.designing.families import families
from crossbar.designing.specification import Specification
from crossbar.designing.trade import TradeRow
from crossbar.designing.trials import worst_errors

CELLS = 64
WORTH_BITS = 1.0
"""What a nuisance must cost to be called the cause."""
_SPAWN_KEY = 1 << 21
"""Apart from the cells of the search and of the verification."""


def remedy(specification: Specification, rows: Sequence[TradeRow], workers: int = 1) -> str:
    """What keeps cells from the specification, and what to ask for instead, in words.

    The largest simulated cell of the best kind is simulated again with the error of the
    measurement, the stuck branches or the leakage left out, the same resistors each time. What
    costs most bits of the worst of 64 cells, and at least one, is the cause.
    """
    s = specification
    names = {family.name: family for family in families(s)}
    simulated = [row for row in rows if row.cells and row.family in names]
    if simulated:
        best = max(simulated, key=lambda row: row.worst_bits or 0)
        size = max(row.resistors for row in simulated if row.family == best.family)

        def bits(one: Specification) -> float:
            errors = worst_errors(
                names[best.family].design(one, size),
                CELLS,
                np.random.SeedSequence(s.seed, spawn_key=(_SPAWN_KEY,)),
                measurement_error=one.measurement_error,
                stuck=one.stuck,
                workers=workers,
            )
            return float(-np.log2(errors.max()))

        found = bits(s)
        gains = []
        for name, given, other, instead in (
            (
                "measurement_error",
                s.measurement_error,
                replace(s, measurement_error=0.0),
                "measure more precisely",
            ),
            ("stuck", s.stuck, replace(s, stuck=0.0), "have fewer stuck branches"),
            ("off_ohm", s.off_ohm, replace(s, off_ohm=math.inf), "take switches that leak less"),
        ):
            if other != s:
                without = bits(other)
                gains.append((without - found, name, given, without, instead))
        gain, name, given, without, instead = max(gains, default=(0.0, "", 0.0, 0.0, ""))
        if gain >= WORTH_BITS:
            return (
                f"{name} = {given:g} caps cells of {size} resistors at {found:.1f} bits "
                f"(without it {without:.1f}): {instead}, or ask for fewer bits"
            )
    return _others(s)


def _others(s: Specification) -> str:
    """What of a specification can still be changed."""
    ask = ["fewer bits", "a lower yield"]
    if s.tolerance:
        ask.append("a smaller tolerance")
    allow = ["more sums"] if s.most_sums < 1 << 24 else []
    proven = s.distribution != "uniform conductance" and not s.stuck
    if proven and "guaranteed" not in s.ladders:
        allow.append("the guaranteed ladder")
    text = f"ask for {', '.join(ask[:-1])} or {ask[-1]}"
    return text + (f"; or allow {' or '.join(allow)}" if allow else "")
