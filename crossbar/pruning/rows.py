"""The table of all families: its columns, and its means over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crossbar.tables import NETWORK, read_table

FAMILIES = (
    "magnitude",
    "iterative",
    "ticket",
    "reinitialized",
    "edge-popup",
    "filters",
    "quantization",
    "low rank",
)


@dataclass(frozen=True, kw_only=True)
class PruningRow:
    """One pruned network.

    Parameters
    ----------
    family : str
        One of `FAMILIES`; ``reinitialized`` is the control of ``ticket``.
    level : float
        What the family was asked for: the fraction kept, of weights, of neurons (``filters``) or of
        what one matrix would hold (``low rank``); bits (``quantization``).
    seed : int
        Of first weights and order of the images.
    accuracy_percent : float
        Of the test images, with the weights as counted: rounded to `weight_bits` [%].
    unrounded_accuracy_percent : float
        Before that [%].
    weights, kept_weights, weight_bits, stored_bits, mask_bits
        See `counting.Size`.
    resistors_per_weight, resistors, array_resistors
        See `counting.Size`.
    """

    family: str
    level: float
    seed: int
    accuracy_percent: float
    unrounded_accuracy_percent: float
    weights: int
    kept_weights: int
    weight_bits: int
    stored_bits: int
    mask_bits: int
    resistors_per_weight: int
    resistors: int
    array_resistors: int

    @property
    def key(self) -> tuple[str, float, int]:
        """What names the network."""
        return self.family, self.level, self.seed

    @property
    def layer(self) -> str:
        """All layers together."""
        return NETWORK


def read_pruning_results(path: str | Path) -> list[PruningRow]:
    """Read the table of a study; see `tables.read_table`."""
    return read_table(path, PruningRow, "crossbar prune-study")


def by_level(rows: Sequence[PruningRow]) -> dict[tuple[str, float], list[PruningRow]]:
    """Rows of all seeds, by family and level, in the order of the table."""
    found: dict[tuple[str, float], list[PruningRow]] = {}
    for row in rows:
        found.setdefault((row.family, row.level), []).append(row)
    return found
