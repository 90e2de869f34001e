"""Arrays as PySpice subcircuits, and the example that reads one out with op-amps."""

import ctypes.util
import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from spice_models import CircuitError, Wires, nodal, pyspice_adapter

EXAMPLE = Path(__file__).parents[2] / "examples" / "opamp_readout.py"
HAS_LIBRARY = bool(os.environ.get("NGSPICE_LIBRARY_PATH") or ctypes.util.find_library("ngspice"))
SHARED = pytest.param(
    "shared", marks=pytest.mark.skipif(not HAS_LIBRARY, reason="libngspice is not installed")
)
PARTS = {"feedback_ohm": 2e3, "driver_ohm": 75.0}


@pytest.fixture(scope="module")
def example():
    return runpy.run_path(str(EXAMPLE))


@pytest.mark.parametrize("runner", ["native", SHARED])
@pytest.mark.parametrize("gain", [30.0, 1e5])
def test_the_amplifiers_read_minus_feedback_times_current(gain, runner, example, make_array):
    array = make_array(6, 4)
    volts = np.random.default_rng(3).uniform(-0.3, 0.3, 6)
    found = example["readout"](array, volts, gain=gain, runner=runner, **PARTS)
    wanted = example["expected"](array, volts, gain=gain, **PARTS)
    assert np.abs(found - wanted).max() <= 1e-9 * np.abs(wanted).max()


def test_a_high_gain_gives_minus_feedback_times_the_current_of_the_array(example, make_array):
    """No driver resistance but the array's own: the comparison knows nothing of op-amps."""
    array = make_array(6, 4)
    volts = np.random.default_rng(3).uniform(-0.3, 0.3, 6)
    found = example["readout"](array, volts, feedback_ohm=2e3, driver_ohm=1e-6, gain=1e7)
    wanted = -2e3 * nodal.currents(array, volts)
    # 1/gain in the amplifier, 2e-4 ohm at its input and 1e-6 ohm at the driver against some kohm.
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()
    assert np.abs(found - wanted).max() > 0


def test_the_example_prints_both_columns(example, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["opamp_readout.py"])
    example["main"]()
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert len(rows) == 4
    for _, output, product in rows:
        assert float(output) == pytest.approx(float(product), rel=1e-4)
        assert abs(float(output)) > 0.1


@pytest.mark.parametrize("cells", ["folded", "branches"])
def test_two_instances_and_two_arrays_in_one_design(cells, make_array):
    from PySpice.Spice.Netlist import Circuit

    one, two = make_array(2, 3), make_array(2, 3, seed=1, wires=Wires.ideal())
    design = Circuit("two arrays")
    for name, array in (("first", one), ("second", two)):
        design.subcircuit(pyspice_adapter.subcircuit(array, name=name, cells=cells))
    design.V("a", "a", design.gnd, 0.3)
    design.V("b", "b", design.gnd, -0.2)
    for label, name in (("x", "first"), ("y", "second"), ("z", "first")):
        ends = [f"{label}{j}" for j in range(3)]
        design.X(label, name, "a", "b", *ends)
        for end in ends:
            design.V(end, end, design.gnd, 0)
    found = pyspice_adapter.simulate(design)
    for label, array in (("x", one), ("y", two), ("z", one)):
        wanted = nodal.currents(array, [0.3, -0.2])
        currents = np.array([found[f"i(v{label}{j})"][0] for j in range(3)])
        assert np.abs(currents - wanted).max() <= 1e-9 * np.abs(wanted).max()


@pytest.mark.parametrize("name", ["", "a b", "a\n.control", "1st", "é", "a;b", "a+", "x{y}"])
def test_a_name_cannot_smuggle_anything_in(name, make_array):
    with pytest.raises(CircuitError, match="name = "):
        pyspice_adapter.subcircuit(make_array(1, 1), name=name)


def test_unknown_cells_are_refused(make_array):
    with pytest.raises(CircuitError, match="cells"):
        pyspice_adapter.subcircuit(make_array(1, 1), cells="cubic")
