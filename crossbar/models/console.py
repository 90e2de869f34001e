"""What the commands about networks show: progress, and the table of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from crossbar.models.rows import ModelRow
from crossbar.models.text import as_text
from crossbar.progress import progress_bar
from crossbar.tables import NETWORK

__all__ = ["network_table", "progress_bar"]

_COLUMNS = {
    "weight_effective_bits": 1,
    "product_effective_bits": 1,
    "logit_error_percent": 2,
    "flips": 1,
    "accuracy_percent": 2,
}
_HEADINGS = (
    "version", "wires", "converters", "n",
    "weight bits", "logit bits", "logit error [%]", "flips", "accuracy [%]",
)  # fmt: skip


def network_table(
    name: str,
    rows_of: Mapping[str, Sequence[ModelRow]],
    digital_percent: Mapping[str, float] | None = None,
) -> str:
    """Means over chips, a line for each version, setting and number of resistors.

    The last column is the digital accuracy of each version [%], where it is given.
    """
    headings = (*_HEADINGS, "digital [%]") if digital_percent else _HEADINGS
    lines = []
    for version, rows in rows_of.items():
        network = [row for row in rows if row.layer == NETWORK]
        settings = [(row.wires, row.converter_bits, row.resistors_per_weight) for row in network]
        for wires, bits, count in sorted(dict.fromkeys(settings), key=settings.index):
            setting = (wires, bits, count)
            same = [row for row, its in zip(network, settings, strict=True) if its == setting]
            means = [float(np.mean([getattr(row, column) for row in same])) for column in _COLUMNS]
            said = [
                f"{mean:.{digit}f}" for mean, digit in zip(means, _COLUMNS.values(), strict=True)
            ]
            said += [f"{digital_percent[version]:.2f}"] if digital_percent else []
            lines.append((version, wires, f"{bits or '-'}", f"{count}", *said))
    return f"{name}\n{as_text(headings, lines)}"
