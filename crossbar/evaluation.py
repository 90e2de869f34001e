"""One chip, start to end: fabricate, measure, program, simulate, and compare with digital."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossbar.compensation import nothing_comes_of
from crossbar.datasets import Dataset
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.metrics import effective_bits, median_bits, worst_bits
from crossbar.networks import Network, Product, multiplied
from crossbar.nonidealities import Nonidealities, Ranges, Reading
from crossbar.placement import Placement, place
from crossbar.production import ProgrammedChip, check_programming, produce
from crossbar.results import NETWORK, Row
from crossbar.scaling import Scaling, described
from crossbar.simulation import SimulatorName, Tile, Transfer, layer_text, place_tiles, transfer
from spice_models import Wires

CALIBRATION_IMAGES = 1000
"""First ones of the training set, for ranges of converters and for wire-aware switches."""


@dataclass(frozen=True)
class Setting:
    """What every chip of a study shares; see `studies.Study` for the fields."""

    network: Network
    dataset: Dataset
    seed: int
    measurement_error: float
    simulator: SimulatorName
    method: str
    wires: Wires
    tile: Tile
    read_volt: float = 0.2
    nonidealities: Nonidealities = field(default_factory=Nonidealities)
    wire_aware: bool = False
    scaling: Scaling = "layer"

    def __post_init__(self) -> None:
        pixels = self.dataset.test_inputs.shape[1]
        classes = int(self.dataset.test_labels.max()) + 1
        if self.network.inputs != pixels or self.network.outputs != classes:
            raise InputError(
                f"network: takes {self.network.inputs} inputs and gives {self.network.outputs} "
                f"outputs; the dataset {self.dataset.name!r} has {pixels} pixels and "
                f"{classes} classes"
            )
        check_programming(self.wire_aware, self.scaling, self.simulator, (), self.nonidealities)
        self._check_activity()

    def _check_activity(self) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            seen = self.network.activations(self.dataset.test_inputs)
        for number, activations in enumerate(seen):
            where = f"layer {number} of {len(seen) - 1}" if number else "the dataset"
            if not np.isfinite(activations).all() or np.abs(activations).max() > 1e100:
                raise InputError(f"network: the outputs of {where} overflow; scale its weights")
            if np.ptp(activations) == 0:
                raise InputError(
                    f"network: {where} gives the same for every image; use a trained network"
                )

    @property
    def layer_labels(self) -> list[str]:
        """What the table calls the layers: their numbers from 1."""
        return [str(number) for number in range(1, len(self.network.layers) + 1)]


@dataclass(frozen=True)
class AnalogLayer:
    """A layer of the network on its chip, simulated.

    Parameters
    ----------
    weights : ndarray, (outputs, inputs)
        The digital layer's weights.
    placement : Placement
        Which of its inputs and outputs are where on the chip.
    made : ProgrammedChip
        Its chip.
    transfer : Transfer
        What the circuit does.
    seconds : float
        From fabrication to transfer matrix [s].
    reading : Reading, optional
        Noise and converters, of the chip's lines; None when products are read exactly.
    """

    weights: NDArray[np.float64]
    placement: Placement
    made: ProgrammedChip
    transfer: Transfer
    seconds: float
    reading: Reading | None = None

    @property
    def read(self) -> Product:
        """`product` as it is read, with noise and converters where there are any."""
        if self.reading is None:
            return self.product
        return partial(self.placement.products, self.reading)

    @property
    def ideal_read(self) -> Product:
        """`ideal_product` as it is read."""
        if self.reading is None:
            return self.ideal_product
        reading = replace(self.reading, matrix=self.made.ideal_product)
        return partial(self.placement.products, reading)

    @property
    def product(self) -> NDArray[np.float64]:
        """The matrix that the simulated array multiplies by, (outputs, inputs)."""
        return self.placement.restored(self.transfer.siemens / self.made.siemens_per_weight)

    @property
    def ideal_product(self) -> NDArray[np.float64]:
        """The same without any wire resistance, (outputs, inputs)."""
        return self.placement.restored(self.made.ideal_product)


def produce_layer(
    setting: Setting, design: Design, chip: int, number: int
) -> tuple[ProgrammedChip, Placement]:
    """Fabricate, measure and program layer `number` (from 0) of a chip.

    Where its switches know the wires, its lines lie in a good order, too.
    """
    weights, aware = setting.network.layers[number].weights, setting.wire_aware
    inputs = _calibration(setting, number) if aware else None
    placement = (
        place(design, weights, setting.wires, setting.tile, scaling=setting.scaling)
        if aware
        else Placement.whole(weights, setting.tile)
    )
    made = produce(
        design,
        weights[placement.cells],
        _layer_seed(setting, chip, number),
        measurement_error=setting.measurement_error,
        method=setting.method,
        nonidealities=setting.nonidealities,
        scaling=setting.scaling,
        wires=setting.wires if aware else None,
        tile=placement.tile,
        inputs=None if inputs is None else inputs[:, placement.inputs],
    )
    return made, placement


def _calibration(setting: Setting, number: int) -> NDArray[np.float64] | None:
    """What the digital network gives a layer on the first training images; None if it makes 0."""
    images = setting.dataset.train_inputs[:CALIBRATION_IMAGES]
    inputs = setting.network.activations(images)[number]
    return None if nothing_comes_of(inputs, setting.network.layers[number].weights.T) else inputs


def analog_layer(setting: Setting, design: Design, chip: int, number: int) -> AnalogLayer:
    """Produce layer `number` (from 0) of a chip and extract its transfer matrix."""
    start = time.perf_counter()
    made, placement = produce_layer(setting, design, chip, number)
    answer = transfer(
        made.chip,
        made.program,
        setting.wires,
        tile=placement.tile,
        simulator=setting.simulator,
    )
    weights = setting.network.layers[number].weights
    layer = AnalogLayer(weights, placement, made, answer, time.perf_counter() - start)
    if setting.nonidealities.reads_exactly:
        return layer
    return replace(layer, reading=_reading(setting, layer, chip, number))


def _layer_seed(setting: Setting, chip: int, number: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(setting.seed, spawn_key=(chip, number))


def _reading(setting: Setting, layer: AnalogLayer, chip: int, number: int) -> Reading:
    """Ranges are those of the digital network on the training images."""
    inputs = setting.network.activations(setting.dataset.train_inputs)[number]
    return Reading(
        matrix=layer.transfer.siemens / layer.made.siemens_per_weight,
        chip=layer.made.chip,
        enabled=layer.made.program.enabled,
        siemens_per_weight=layer.made.siemens_per_weight,
        read_volt=setting.read_volt,
        ranges=Ranges.of(inputs[:, layer.placement.inputs], inputs @ layer.weights.T),
        nonidealities=setting.nonidealities,
        seed=_layer_seed(setting, chip, number),
    )


def evaluate(setting: Setting, design: Design, chip: int) -> list[Row]:
    """Run one chip of one design and compare it with the digital network.

    Returns
    -------
    list of Row
        One for each layer, then one for the network.
    """
    numbers = range(len(setting.network.layers))
    layers = [analog_layer(setting, design, chip, number) for number in numbers]
    inputs = setting.dataset.test_inputs
    digital = setting.network.activations(inputs)
    rows = [
        _layer_row(design, chip, number, layer, seen)
        for number, (layer, seen) in enumerate(zip(layers, digital[:-1], strict=True), 1)
    ]
    rows.append(_network_row(setting, design, chip, layers, digital[-1]))
    return rows


def digital_accuracy_percent(setting: Setting) -> float:
    """Test accuracy of the digital network [%]."""
    logits = setting.network.activations(setting.dataset.test_inputs)[-1]
    return _accuracy_percent(logits, setting.dataset.test_labels)


def layer_netlists(setting: Setting, design: Design, chip: int, read_volt: float) -> dict[str, str]:
    """Netlist of each layer reading the first test image, by file name.

    The largest digital activation of a layer on the training images becomes `read_volt`.
    """
    train = setting.network.activations(setting.dataset.train_inputs)
    image = setting.network.activations(setting.dataset.test_inputs[:1])
    texts = {}
    for number in range(len(setting.network.layers)):
        made, placement = produce_layer(setting, design, chip, number)
        largest = float(train[number][:, placement.inputs].max())
        volt_per_activation = read_volt / (largest or 1.0)
        texts[f"layer_{number + 1}.cir"] = layer_text(
            place_tiles(made.chip, made.program, setting.wires, placement.tile),
            image[number][0][placement.inputs] * volt_per_activation,
            title=(
                f"layer {number + 1} of {len(setting.network.layers)}: {design.label}, "
                f"{design.resistors} resistors per weight, chip {chip}, seed {setting.seed}"
            ),
            design=f"{design.label}, {design.resistors} resistors per weight",
            seed=setting.seed,
            comments=[
                f"inputs: first test image of {setting.dataset.name}, "
                f"{volt_per_activation!r} V for an activation of 1",
                *described(made.siemens_per_weight),
                *(placement.comments() if setting.wire_aware else ()),
            ],
        )
    return texts


def _layer_row(
    design: Design, chip: int, number: int, layer: AnalogLayer, inputs: NDArray[np.float64]
) -> Row:
    digital = inputs @ layer.weights.T
    return Row(
        layer=str(number),
        logit_error_percent=None,
        flips=None,
        accuracy_percent=None,
        **_hardware_columns(design, chip, [layer]),
        **_product_columns(
            digital, multiplied(inputs, layer.read), multiplied(inputs, layer.ideal_read)
        ),
    )


def _network_row(
    setting: Setting,
    design: Design,
    chip: int,
    layers: list[AnalogLayer],
    digital: NDArray[np.float64],
) -> Row:
    inputs = setting.dataset.test_inputs
    analog = setting.network.activations(inputs, [layer.read for layer in layers])[-1]
    ideal = setting.network.activations(inputs, [layer.ideal_read for layer in layers])[-1]
    rms = float(np.sqrt(np.mean((analog - digital) ** 2)))
    return Row(
        layer=NETWORK,
        logit_error_percent=100 * rms / float(np.ptp(digital)),
        flips=int((analog.argmax(axis=1) != digital.argmax(axis=1)).sum()),
        accuracy_percent=_accuracy_percent(analog, setting.dataset.test_labels),
        **_hardware_columns(design, chip, layers),
        **_product_columns(digital, analog, ideal),
    )


def _hardware_columns(design: Design, chip: int, layers: list[AnalogLayer]) -> dict[str, Any]:
    """Columns about the chips of some layers, their errors taken together."""
    errors = np.concatenate([layer.made.cell_errors for layer in layers])
    return {
        "design": design.label,
        "resistors_per_weight": design.resistors,
        "chip": chip,
        "tiles": sum(layer.transfer.tiles for layer in layers),
        "weights": sum(layer.weights.size for layer in layers),
        "kept_weights": sum(int(np.count_nonzero(layer.weights)) for layer in layers),
        "enabled_resistors": sum(
            int(np.count_nonzero(layer.made.program.enabled)) for layer in layers
        ),
        "unreachable_weights": sum(int((~layer.made.program.reachable).sum()) for layer in layers),
        "weight_worst_bits": worst_bits(errors, 1),
        "weight_median_bits": median_bits(errors, 1),
        "weight_effective_bits": effective_bits(errors, 2),
        "simulator_mismatch": float(np.max([layer.transfer.mismatch for layer in layers])),
        "seconds": sum(layer.seconds for layer in layers),
    }


def _product_columns(
    digital: NDArray[np.float64], analog: NDArray[np.float64], ideal: NDArray[np.float64]
) -> dict[str, Any]:
    """Columns about products (images, outputs), with wires and with ideal ones."""
    extent = float(np.ptp(digital))
    return {
        "product_worst_bits": worst_bits(analog - digital, float(np.abs(digital).max())),
        "product_effective_bits": effective_bits(analog - digital, extent),
        "ideal_wires_product_effective_bits": effective_bits(ideal - digital, extent),
    }


def _accuracy_percent(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return float(100 * np.mean(logits.argmax(axis=1) == labels))
