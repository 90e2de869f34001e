"""An array between drivers and transimpedance amplifiers, in a PySpice design of one's own.

Each word line is driven by a source with an output resistance. Each bit line ends at the virtual
ground of an op-amp, an ideal voltage-controlled source, whose feedback resistor turns the current
into a voltage: v(out) = -R_f x current. The gain of the op-amp is finite, so the bit line sees
R_f / (1 + gain) instead of 0 ohm, and v(out) = -R_f x current x gain / (1 + gain). Run it with::

    python examples/opamp_readout.py
    python examples/opamp_readout.py --runner shared --gain 1e4
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spice_models import Array, Wires, nodal, pyspice_adapter

if TYPE_CHECKING:
    from PySpice.Spice.Netlist import Circuit

    from spice_models.runners import Runner, RunnerName

Floats = NDArray[np.float64]


def design(
    array: Array, volts: Floats, feedback_ohm: float, driver_ohm: float, gain: float
) -> Circuit:
    """Return the circuit: drivers, the array as a subcircuit, and one amplifier a bit line.

    Parameters
    ----------
    array : Array
    volts : ndarray, shape (rows,)
        Voltages of the drivers without load [V].
    feedback_ohm, driver_ohm : float
        Feedback resistor and output resistance of each driver [ohm].
    gain : float
        Open-loop gain of the op-amps.
    """
    from PySpice.Spice.Netlist import Circuit

    made = Circuit("array with op-amps")
    made.subcircuit(pyspice_adapter.subcircuit(array, name="tile"))
    for i, volt in enumerate(volts.tolist()):
        made.V(f"dac{i}", f"dac{i}", made.gnd, volt)
        made.R(f"dac{i}", f"dac{i}", f"word{i}", driver_ohm)
    words = [f"word{i}" for i in range(array.rows)]
    bits = [f"bit{j}" for j in range(array.lines)]
    made.X("tile", "tile", *words, *bits)
    for j, bit in enumerate(bits):
        made.R(f"f{j}", bit, f"out{j}", feedback_ohm)
        made.VCVS(f"amp{j}", f"out{j}", made.gnd, made.gnd, bit, voltage_gain=gain)
    return made


def readout(
    array: Array,
    volts: Floats,
    *,
    feedback_ohm: float = 1e3,
    driver_ohm: float = 50.0,
    gain: float = 1e6,
    runner: RunnerName | Runner = "native",
) -> Floats:
    """Output voltages of the amplifiers, shape (lines,) [V]; parameters as for `design`."""
    made = design(array, volts, feedback_ohm, driver_ohm, gain)
    vectors = pyspice_adapter.simulate(made, ".op", runner=runner)
    return np.array([vectors[f"v(out{j})"][0] for j in range(array.lines)])


def expected(
    array: Array, volts: Floats, *, feedback_ohm: float, driver_ohm: float, gain: float
) -> Floats:
    """The same by nodal analysis: drivers and amplifiers as resistances in series, [V]."""
    wires = replace(
        array.wires,
        driver_ohm=array.wires.driver_ohm + driver_ohm,
        sense_ohm=array.wires.sense_ohm + feedback_ohm / (1 + gain),
    )
    currents = nodal.currents(replace(array, wires=wires), volts)
    return -feedback_ohm * currents * gain / (1 + gain)


def main() -> None:
    """Print the outputs of a random array beside -R_f x current."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runner", choices=("native", "shared", "wasm"), default="native")
    parser.add_argument("--gain", type=float, default=1e6, help="open-loop gain of the op-amps")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    random = np.random.default_rng(given.seed)
    array = Array.from_siemens(random.uniform(1e-6, 1e-4, (8, 4)), Wires())
    volts = random.uniform(-0.2, 0.2, 8)
    parts = {"feedback_ohm": 1e3, "driver_ohm": 50.0}
    found = readout(array, volts, gain=given.gain, runner=given.runner, **parts)
    ideal = expected(array, volts, gain=1e18, **parts)
    print("line   op-amp [mV]   -R_f x current [mV]")
    for j, (output, product) in enumerate(zip(1e3 * found, 1e3 * ideal, strict=True)):
        print(f"{j:4d}{output:14.6f}{product:22.6f}")


if __name__ == "__main__":
    main()
