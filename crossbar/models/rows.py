"""The table of a network's study: its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossbar.models.comparison import Comparison
from crossbar.models.reports import ConvertedLayer
from crossbar.tables import NETWORK, check_network_fields, read_table


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """One line: a layer of a network on a chip, or the whole network.

    Parameters
    ----------
    design : str
        Label of the cell design.
    resistors_per_weight, chip : int
        Branches in a cell; which chip.
    wires : str
        ``real``, or ``ideal`` for none of any resistance.
    converter_bits : int or None
        Of the DACs and the ADCs; None for none.
    layer : str
        Path in the model, or ``network``.
    tiles, resistors, enabled_resistors : int
        Arrays; resistors on them; closed switches.
    weights, kept_weights, unreachable_weights : int
        All; those that are not zero; those that their cell cannot reach.
    weight_worst_bits, weight_effective_bits : float
        Of the kept weights, without wires; on the network's line, the worst and the mean over the
        layers.
    product_worst_bits, product_effective_bits : float
        Of the layer's products on the test images, given the digital activations; on the network's
        line, of its logits.
    logit_error_percent, flips, accuracy_percent
        Of the network: see `comparison.Comparison`.
    simulator_mismatch : float
        See `crossbar.Transfer`.
    """

    design: str
    resistors_per_weight: int
    chip: int
    wires: str
    converter_bits: int | None
    layer: str
    tiles: int
    resistors: int
    enabled_resistors: int
    weights: int
    kept_weights: int
    unreachable_weights: int
    weight_worst_bits: float
    weight_effective_bits: float
    product_worst_bits: float
    product_effective_bits: float
    logit_error_percent: float | None
    flips: int | None
    accuracy_percent: float | None
    simulator_mismatch: float

    def __post_init__(self) -> None:
        check_network_fields(self)

    @property
    def key(self) -> tuple[str, int, int]:
        """What names the task that the row belongs to."""
        return self.design, self.resistors_per_weight, self.chip


def read_model_results(path: str | Path) -> list[ModelRow]:
    """Read a network's ``results.csv``; see `tables.read_table`."""
    return read_table(path, ModelRow, "crossbar lenets")


def model_rows(named: dict[str, Any], compared: Comparison) -> list[ModelRow]:
    """Rows of one network on one chip.

    Parameters
    ----------
    named : dict
        The columns from `design` to `converter_bits`.
    compared : Comparison
        The rest.
    """
    converted = compared.conversion.converted
    rows = [
        ModelRow(
            **named,
            layer=made.path,
            **_hardware([made]),
            product_worst_bits=layer.worst_bits,
            product_effective_bits=layer.effective_bits,
            logit_error_percent=None,
            flips=None,
            accuracy_percent=None,
        )
        for made, layer in zip(converted, compared.layers, strict=True)
    ]
    network = ModelRow(
        **named,
        layer=NETWORK,
        **_hardware(converted),
        product_worst_bits=compared.worst_bits,
        product_effective_bits=compared.effective_bits,
        logit_error_percent=compared.logit_error_percent,
        flips=compared.flips,
        accuracy_percent=compared.accuracy_percent,
    )
    return [*rows, network]


def _hardware(layers: Sequence[ConvertedLayer]) -> dict[str, Any]:
    effective = [layer.cell_effective_bits for layer in layers]
    return {
        "tiles": sum(layer.tiles for layer in layers),
        "resistors": sum(layer.resistors for layer in layers),
        "enabled_resistors": sum(layer.enabled for layer in layers),
        "weights": sum(layer.weights for layer in layers),
        "kept_weights": sum(layer.kept_weights for layer in layers),
        "unreachable_weights": sum(layer.unreachable for layer in layers),
        "weight_worst_bits": min(layer.cell_worst_bits for layer in layers),
        "weight_effective_bits": sum(effective) / len(effective),
        "simulator_mismatch": max(layer.mismatch for layer in layers),
    }
