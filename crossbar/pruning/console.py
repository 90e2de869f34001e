"""The table of all families as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crossbar.models.text import as_text
from crossbar.pruning.rows import PruningRow, by_level

_HEADINGS = (
    "family", "asked for", "weight bits", "weights", "kept [%]", "stored kbit",
    "resistors", "on full arrays", "accuracy [%]", "lowest", "highest",
)  # fmt: skip


def families_table(rows: Sequence[PruningRow], dense_weights: int | None = None) -> str:
    """Means over seeds, a line for each family and level; the lowest and highest accuracy.

    Parameters
    ----------
    rows : sequence of PruningRow
        The table.
    dense_weights : int, optional
        Weights of the network before pruning, to which ``kept [%]`` refers; by default those of
        the largest network of the table.
    """
    if dense_weights is None:
        dense_weights = max((row.weights for row in rows), default=0)
    lines = []
    for (family, level), seeds in by_level(rows).items():
        accuracy = [row.accuracy_percent for row in seeds]
        kept = 100 * _mean(seeds, "kept_weights") / dense_weights
        lines.append(
            (
                family,
                f"{level:.3g}",
                f"{seeds[0].weight_bits}",
                f"{_mean(seeds, 'kept_weights'):.0f}",
                f"{kept:.1f}",
                f"{_mean(seeds, 'stored_bits') / 1000:.1f}",
                f"{_mean(seeds, 'resistors'):.0f}",
                f"{_mean(seeds, 'array_resistors'):.0f}",
                f"{np.mean(accuracy):.2f}",
                f"{min(accuracy):.2f}",
                f"{max(accuracy):.2f}",
            )
        )
    return as_text(_HEADINGS, lines)


def _mean(rows: Sequence[PruningRow], column: str) -> float:
    return float(np.mean([getattr(row, column) for row in rows]))
