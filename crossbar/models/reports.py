"""What a conversion did: which layers are analog, what they took, and which stayed digital."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crossbar.metrics import effective_bits, worst_bits
from crossbar.models.arrays import AnalogMatrix, joined_errors
from crossbar.models.text import as_text

_HEADINGS = (
    "layer",
    "kind",
    "matrix",
    "tiles",
    "resistors",
    "enabled",
    "unreachable",
    "matrix bits",
)


@dataclass(frozen=True, kw_only=True)
class ConvertedLayer:
    """One analog layer.

    Parameters
    ----------
    path : str
        In the model.
    kind : str
        Of the digital layer.
    outputs, inputs, groups : int
        Shape of each matrix and how many there are; a convolution's inputs include the kernel,
        a bias on a word line is not counted.
    kept_weights : int
        Cells that are not zero, those of a bias on a word line included.
    tiles : int
        Arrays, at most one tile large each; 0 for a layer whose weights are all zero.
    resistors, enabled : int
        On these arrays, and those whose switch is closed.
    unreachable : int
        Cells that cannot reach their weight.
    mismatch : float
        What the simulator found missing in its own answer; see `crossbar.Transfer`.
    cell_worst_bits, cell_effective_bits : float
        Of the kept weights, without wires.
    matrix_worst_bits, matrix_effective_bits : float
        Of the effective weights with wires, on the lines that exist: the largest and the rms error
        relative to the largest weight; see `crossbar.metrics`.
    bias : {"none", "digital", "word line"}
    constants : tuple of float
        Input that drives the bias line of each matrix, in the units of the layer's inputs.
    folded : str
        Path of the batch-norm that is folded in; empty for none.
    shared_by : tuple of str
        Other paths of the same layer or the same weights, which use these arrays.
    programming_seconds, extraction_seconds : float
        Time that it took [s].
    """

    path: str
    kind: str
    outputs: int
    inputs: int
    groups: int
    kept_weights: int
    tiles: int
    resistors: int
    enabled: int
    unreachable: int
    mismatch: float
    cell_worst_bits: float
    cell_effective_bits: float
    matrix_worst_bits: float
    matrix_effective_bits: float
    bias: str
    constants: tuple[float, ...]
    folded: str
    shared_by: tuple[str, ...]
    programming_seconds: float
    extraction_seconds: float

    @property
    def weights(self) -> int:
        """Elements of its matrices, zeros included."""
        return self.outputs * self.inputs * self.groups


@dataclass(frozen=True)
class DigitalLayer:
    """A layer with parameters that stays PyTorch's own, and why."""

    path: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Conversion:
    """What `crossbar.convert` did; prints as a short table.

    Its column "matrix bits" is `matrix_effective_bits`, of the effective weights with wires;
    "weight bits" of `comparison.Comparison` are `cell_effective_bits`, of the cells without wires.

    Parameters
    ----------
    converted : tuple of ConvertedLayer
    digital : tuple of DigitalLayer
    """

    converted: tuple[ConvertedLayer, ...]
    digital: tuple[DigitalLayer, ...]

    def total(self, field: str) -> Any:
        """Sum of a column, such as ``tiles`` or ``resistors``, over the converted layers."""
        return sum(getattr(layer, field) for layer in self.converted)

    def __str__(self) -> str:
        """One line for each layer and one for all."""
        totals = (str(self.total(field)) for field in _HEADINGS[3:7])
        rows = [*map(_cells, self.converted), ("all", "", "", *totals, "")]
        lines = [as_text(_HEADINGS, rows)]
        for layer in self.converted:
            notes = [f"batch-norm {layer.folded!r} folded in"] if layer.folded else []
            notes += [f"also at {', '.join(map(repr, layer.shared_by))}"] if layer.shared_by else []
            if layer.constants:
                notes.append(
                    f"bias line driven by {', '.join(f'{c:.4g}' for c in layer.constants)}"
                )
            lines += [f"{layer.path or '(model)'}: {'; '.join(notes)}"] if notes else []
        lines += [
            f"digital: {one.path or '(model)'} ({one.kind}): {one.reason}" for one in self.digital
        ]
        return "\n".join(lines)


def figures(matrices: Sequence[AnalogMatrix]) -> dict[str, Any]:
    """The columns of a `ConvertedLayer` that its matrices give."""
    cells = joined_errors([one.cell_errors for one in matrices])
    products = joined_errors([one.matrix_errors for one in matrices])
    summed = (
        "tiles",
        "resistors",
        "enabled",
        "unreachable",
        "programming_seconds",
        "extraction_seconds",
    )
    return {
        "kept_weights": sum(one.cell_errors.size for one in matrices),
        **{field: sum(getattr(one, field) for one in matrices) for field in summed},
        "mismatch": max(one.mismatch for one in matrices),
        "cell_worst_bits": worst_bits(cells, 1),
        "cell_effective_bits": effective_bits(cells, 2),
        "matrix_worst_bits": worst_bits(products, 1),
        "matrix_effective_bits": effective_bits(products, 2),
    }


def _cells(layer: ConvertedLayer) -> tuple[str, ...]:
    groups = f" x {layer.groups} groups" if layer.groups > 1 else ""
    return (
        layer.path or "(model)",
        layer.kind,
        f"{layer.outputs} x {layer.inputs}{groups}",
        f"{layer.tiles}",
        f"{layer.resistors}",
        f"{layer.enabled}",
        f"{layer.unreachable}",
        f"{layer.matrix_effective_bits:.1f}",
    )
