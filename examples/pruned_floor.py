"""Bits that a pruned layer can have where a segment's resistance times full scale is 1e-4.

Whatever chooses their subsets, the cells that are kept draw currents, and these flow over other
word lines into crossings that are pruned, which cannot take them back. For cells that draw at most
some multiple of full scale, in a layer of 128 x 64 weights of which 90 % are pruned on one tile of
128 x 128 lines, a table of:

* bits of conductances of any precision: each meets its weight, and what a column's sneak currents
  sum up to for mean inputs, but draws that much;
* bits of the best subsets that draw no more, by themselves, if all else were exact;
* bits of both together: to a tenth or so, no choice of subsets has more than the largest of these.

It takes about a minute of CPU. Run it with::

    python examples/pruned_floor.py [--polarity steered --radix 1.1 --resistors 10]
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from crossbar import Design, Wires, fabricate, measure, target_siemens
from spice_models import Array, nodal

Floats = NDArray[np.float64]

INPUTS, OUTPUTS, KEPT, LOAD = 128, 64, 0.1, 1e-4
DRAWN = (0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.4)
SAMPLE = 200
COMMON = 3.0
"""Square of the mean of uniform inputs, relative to their variance."""


def matrix(net: Floats, drawn: Floats, wires: Wires) -> Floats:
    """Transfer matrix of cells of these nets and totals, (inputs, outputs) [S]."""
    lines = np.stack([drawn + net, drawn - net], axis=2).reshape(INPUTS, 2 * OUTPUTS) / 2
    found = nodal.transfer_matrix(Array.from_siemens(lines, wires)).siemens.T
    return np.asarray(found[:, ::2] - found[:, 1::2])


def met(target: Floats, drawn: float, wires: Wires) -> tuple[Floats, Floats]:
    """Nets that meet the targets with such totals, and what their array makes [S]."""
    kept, net = target != 0, target.copy()
    for _ in range(40):
        total = np.where(kept, np.maximum(drawn, np.abs(net)), 0.0)
        found = matrix(net, total, wires)
        sneak = np.where(kept, 0.0, found).sum(axis=0)
        goal = target - np.where(kept, COMMON * sneak / (1 + COMMON * kept.sum(axis=0)), 0.0)
        net += np.where(kept, goal - found, 0.0)
    return net, found


def nearest(measured: Floats, design: Design, net: Floats, drawn: float) -> Floats:
    """How far the best subset of some cells that draws no more is from its net [S]."""
    way = design.signs if design.polarity == "paired" else np.ones(design.resistors)
    least = [0, 1] if design.polarity == "paired" else [-1, 0, 1]
    states = np.stack(np.meshgrid(*[least] * design.resistors), axis=-1)
    states = states.reshape(-1, design.resistors).astype(np.float32)
    found = [
        np.abs((states @ (way * on)) - asked)[np.abs(states) @ on <= max(drawn, abs(asked))]
        for on, asked in zip(measured, net, strict=True)
    ]
    return np.array(
        [missed.min(initial=abs(asked)) for missed, asked in zip(found, net, strict=True)]
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--polarity", choices=["paired", "steered"], default="paired")
    parser.add_argument("--radix", type=float, default=1.2)
    parser.add_argument("--resistors", type=int, default=16)
    given = parser.parse_args()
    most = {"paired": 20, "steered": 12}[given.polarity]
    if not 1 <= given.resistors <= most:
        parser.error(f"--resistors {given.resistors}: all subsets are listed, give 1 to {most}")
    design = Design(
        polarity=given.polarity, ladder="stagger", radix=given.radix, resistors=given.resistors
    )
    unit, random = design.full_scale_siemens, np.random.default_rng(0)
    weights = random.normal(size=(OUTPUTS, INPUTS))
    weights *= random.random(weights.shape) < KEPT
    target = target_siemens(design, weights)
    chip = measure(fabricate(design, INPUTS, OUTPUTS, 0), error=0.0, seed=1).on_siemens
    inputs = random.random((1000, INPUTS))
    span, kept = np.ptp(inputs @ target), np.argwhere(target != 0)
    some = tuple(kept[random.permutation(len(kept))[:SAMPLE]].T)
    wires = Wires(*[LOAD / unit] * 4)
    print(design.name, "drawn / full scale, bits of any precision, of subsets alone, of both")
    for drawn in np.array(DRAWN) * unit:
        net, found = met(target, drawn, wires)
        sneak = np.square(inputs @ (found - target)).mean()
        missed = nearest(chip[some], design, net[some], drawn)
        # errors of a column that cancel for mean inputs
        subset = np.square(missed).mean() * len(kept) / OUTPUTS * inputs.var()
        bits = [np.log2(span / np.sqrt(12 * square)) for square in (sneak, subset, sneak + subset)]
        print(f"{drawn / unit:5.1f} {bits[0]:6.1f} {bits[1]:6.1f} {bits[2]:6.1f}", flush=True)


if __name__ == "__main__":
    main()
