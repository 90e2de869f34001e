"""What one image takes on a network's chips, its layers one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from crossbar.costs.arrays import Settling
from crossbar.costs.assumptions import Assumptions
from crossbar.costs.estimate import Cost, estimate
from crossbar.errors import InputError
from crossbar.production import ProgrammedChip
from crossbar.simulation import Tile
from spice_models import Wires

__all__ = ["LayerCost", "NetworkCost", "UsedChip", "estimate_network"]


@dataclass(frozen=True, eq=False)
class UsedChip:
    """A chip of a network, and how many products an image takes of it, one after another.

    `tile`: how its array is cut, unless another is asked for.
    """

    name: str
    made: ProgrammedChip
    products: int = 1
    tile: Tile | None = None


@dataclass(frozen=True)
class LayerCost:
    """One product on a layer's chip, and how many an image takes."""

    name: str
    one: Cost
    products: int

    @property
    def joule(self) -> float:
        """Energy for an image [J]."""
        return self.products * self.one.joule

    @property
    def seconds(self) -> float:
        """Time for an image [s]."""
        return self.products * self.one.seconds


@dataclass(frozen=True)
class NetworkCost:
    """What one image takes on all layers; each has chips of its own, read when its turn comes.

    The figures are those of `Cost`: energies and times are sums over all products, areas over all
    chips.
    """

    layers: tuple[LayerCost, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError("network: has no layer on a chip; give one with weights")

    @property
    def energy_joule(self) -> dict[str, float]:
        """Parts of the energy of an image [J]."""
        return self._summed(lambda layer: layer.one.energy_joule, every_product=True)

    @property
    def latency_seconds(self) -> dict[str, float]:
        """Parts of the time of an image [s]."""
        return self._summed(lambda layer: layer.one.latency_seconds, every_product=True)

    @property
    def area_square_metre(self) -> dict[str, float]:
        """Parts of the area of all chips [m^2]."""
        return self._summed(lambda layer: layer.one.area_square_metre, every_product=False)

    @property
    def joule(self) -> float:
        """All energy of an image [J]."""
        return sum(layer.joule for layer in self.layers)

    @property
    def seconds(self) -> float:
        """From image to logits [s]."""
        return sum(layer.seconds for layer in self.layers)

    @property
    def multiplications(self) -> int:
        """Multiply-accumulates that digital hardware does for an image."""
        return sum(layer.products * layer.one.multiplications for layer in self.layers)

    @property
    def kept(self) -> int:
        """Those of weights that are not zero."""
        return sum(layer.products * layer.one.kept for layer in self.layers)

    @property
    def tiles(self) -> int:
        """Circuits."""
        return sum(layer.one.tiles for layer in self.layers)

    @property
    def resistors(self) -> int:
        """Branches."""
        return sum(layer.one.resistors for layer in self.layers)

    @property
    def power_watt(self) -> float:
        """Static, of the layer that takes most while it is read [W]."""
        return max(layer.one.power_watt for layer in self.layers)

    @property
    def pitch_metre(self) -> float:
        """Side of the largest cell [m]."""
        return max(layer.one.pitch_metre for layer in self.layers)

    @property
    def settling(self) -> Settling:
        """How the settling times were found."""
        return self.layers[0].one.settling

    @property
    def shape(self) -> str:
        """Inputs and outputs of each layer, and products of it."""
        return " + ".join(
            f"{layer.products} ({layer.one.shape})" if layer.products > 1 else layer.one.shape
            for layer in self.layers
        )

    def _summed(
        self, parts_of: Callable[[LayerCost], Mapping[str, float]], every_product: bool
    ) -> dict[str, float]:
        total = dict.fromkeys(parts_of(self.layers[0]), 0.0)
        for layer in self.layers:
            for name, value in parts_of(layer).items():
                total[name] += (layer.products if every_product else 1) * value
        return total


def estimate_network(
    chips: Sequence[UsedChip],
    assumptions: Assumptions | None = None,
    *,
    wires: Wires | None = None,
    tile: Tile | None = None,
    settling: Settling = "estimate",
) -> NetworkCost:
    """Estimate what one image takes on a network's chips; every word line is at ``read_volt``.

    See `estimate`, whose bounds and omissions hold; nor are activation functions and pooling
    counted.

    Raises
    ------
    InputError
        For no chips, or tiles too large for a transient.
    """
    return NetworkCost(
        tuple(
            LayerCost(
                used.name,
                estimate(
                    used.made,
                    assumptions,
                    wires=wires,
                    tile=tile or used.tile,
                    settling=settling,
                ),
                used.products,
            )
            for used in chips
        )
    )
