import ctypes.util
import os
import subprocess
import sys

import numpy as np
import pytest

from spice_models import CircuitError, SingularMatrix, ngspice, nodal, pyspice_adapter

pytestmark = pytest.mark.skipif(
    not (os.environ.get("NGSPICE_LIBRARY_PATH") or ctypes.util.find_library("ngspice")),
    reason="libngspice is not installed",
)


@pytest.mark.parametrize("cells", ["folded", "branches"])
@pytest.mark.parametrize("points", [1, 5])
def test_the_library_gives_the_currents_of_nodal_analysis(points, cells, make_array):
    array = make_array(6, 4)
    inputs = np.random.default_rng(0).normal(size=(points, 6))
    found = pyspice_adapter.currents(array, inputs, cells=cells)
    wanted = nodal.currents(array, inputs)
    assert found.shape == (points, 4)
    assert np.abs(found - wanted).max() <= 1e-9 * np.abs(wanted).max()


def test_many_runs_in_one_process(make_array):
    for seed in range(10):
        array = make_array(3, 3, seed=seed)
        found = pyspice_adapter.currents(array, np.eye(3))
        wanted = nodal.transfer_matrix(array).siemens.T
        assert np.abs(found - wanted).max() <= 1e-9 * wanted.max()


def test_an_array_can_be_extended_as_a_pyspice_circuit(make_array):
    array = make_array(2, 2)
    circuit = pyspice_adapter.circuit(array, title="mine")
    circuit.V("one", "in0", circuit.gnd, 1)
    circuit.V("two", "in1", circuit.gnd, -2)
    for j in range(2):
        circuit.V(f"s{j}", f"s{j}", circuit.gnd, 0)
    text = "* mine\n" + str(circuit).removeprefix(".title mine\n") + ".op\n.end\n"
    found = ngspice.run(text)
    wanted = nodal.currents(array, [1.0, -2.0])
    scale = np.abs(wanted).max()
    values = np.array([found["i(vs0)"][0], found["i(vs1)"][0]])
    # Default tolerances of ngspice, gmin = 1e-12 S included.
    assert values == pytest.approx(wanted, rel=0, abs=1e-6 * scale)


def test_an_error_is_typed_and_does_not_spoil_the_next_run(make_array, monkeypatch):
    array = make_array(2, 2)
    extra = "Vloop1 loop 0 1\nVloop2 loop 0 2\n"
    original = pyspice_adapter.array_text
    monkeypatch.setattr(pyspice_adapter, "array_text", lambda *a: extra + original(*a))
    with pytest.raises(SingularMatrix):
        pyspice_adapter.currents(array, np.eye(2))
    monkeypatch.undo()
    assert pyspice_adapter.currents(array, np.eye(2)).shape == (2, 2)


def test_bad_input_is_found_before_ngspice_starts(make_array):
    with pytest.raises(CircuitError, match="inputs_volt"):
        pyspice_adapter.currents(make_array(2, 2), [[1.0]])
    with pytest.raises(CircuitError, match="title"):
        pyspice_adapter.circuit(make_array(1, 1), title="a\n.control")


def test_the_package_imports_neither_pyspice_nor_scipy():
    code = "import sys, spice_models; print([m for m in ('PySpice', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
