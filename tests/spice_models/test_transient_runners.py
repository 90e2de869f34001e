import ctypes.util
import math
import os
import warnings

import numpy as np
import pytest

from spice_models import (
    Array,
    Capacitances,
    NgspiceNotFound,
    SlowSolverWarning,
    Wires,
    ngspice,
    step_response,
    transient_netlist,
    wasm,
)

FIVE_FEMTOFARAD = Capacitances(bit_farad=5e-15)


def why_no_wasm():
    try:
        wasm.engine()
        wasm.node()
    except NgspiceNotFound as error:
        return str(error)
    return ""


HAS_LIBRARY = bool(os.environ.get("NGSPICE_LIBRARY_PATH") or ctypes.util.find_library("ngspice"))
NO_LIBRARY = pytest.mark.skipif(not HAS_LIBRARY, reason="libngspice is not installed")
NO_WASM = pytest.mark.skipif(bool(why_no_wasm()), reason=why_no_wasm())
EVERY = [
    pytest.param("shared", "folded", marks=NO_LIBRARY),
    pytest.param("shared", "transistors", marks=NO_LIBRARY),
    pytest.param("wasm", "folded", marks=NO_WASM),
]


@pytest.mark.parametrize(("runner", "cells"), EVERY)
def test_every_runner_settles_alike(runner, cells, make_array):
    array = make_array(2, 3, 2, wires=Wires(1.0, 1.0, 10.0, 1e3))
    native = step_response(array, np.full(2, 0.2), FIVE_FEMTOFARAD, cells=cells)
    found = step_response(array, np.full(2, 0.2), FIVE_FEMTOFARAD, cells=cells, runner=runner)
    # reltol is 1e-6, and the versions of ngspice may choose other steps of time.
    assert found.settling_seconds == pytest.approx(native.settling_seconds, rel=1e-4, abs=0)
    assert found.energy_joule == pytest.approx(native.energy_joule, rel=1e-4, abs=0)
    assert found.final == pytest.approx(native.final, rel=1e-6, abs=0)


def test_an_unknown_runner_is_refused(make_array):
    with pytest.raises(ValueError, match="give 'native', 'shared', 'wasm'"):
        step_response(make_array(1, 1), [0.1], FIVE_FEMTOFARAD, runner="spice")


class Recorder:
    """Answers no run, and says whether it has KLU."""

    def __init__(self, klu):
        self.klu = klu

    def run(self, text, timeout_seconds, vectors=(), points=None):
        raise NgspiceNotFound("asked")

    def has_klu(self):
        return self.klu


@pytest.mark.parametrize(
    ("rows", "klu", "wires"), [(32, False, 1.0), (33, True, 1.0), (33, 0, 0.0)]
)
def test_quick_arrays_raise_no_warning(rows, klu, wires):
    array = Array.from_siemens(np.full((rows, 32), 1e-5), Wires(wires, wires, 10.0, 1e3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NgspiceNotFound, match="asked"):
            step_response(array, np.full(rows, 0.2), FIVE_FEMTOFARAD, runner=Recorder(klu))


def test_a_large_array_without_KLU_is_said_to_be_slow():
    array = Array.from_siemens(np.full((33, 32), 1e-5), Wires(1.0, 1.0, 10.0, 1e3))
    with (
        pytest.warns(SlowSolverWarning, match="33 x 32 cells.*use runner='wasm'"),
        pytest.raises(NgspiceNotFound, match="asked"),
    ):
        step_response(array, np.full(33, 0.2), FIVE_FEMTOFARAD, runner=Recorder(False))


@NO_WASM
def test_a_log_larger_than_a_pipe_comes_through():
    count = 3000  # the initial solution takes a line for each node, 64 kB fill a pipe
    nodes = "".join(f"R{k} a node_of_a_long_name_{k} 1\n" for k in range(count))
    text = f"log\nV1 a 0 1\n{nodes}R a 0 1\n.tran 1e-9 3e-9\n.save v(a)\n.end\n"
    assert ngspice.run(text, runner="wasm")["v(a)"][-1] == pytest.approx(1.0, rel=1e-9)


def test_equal_cells_of_five_femtofarad_settle_after_466_picoseconds():
    """tau = 16 C / (1 / Rs + 16 G); 0.1 % after tau ln 1000 = 466 ps is where G = 11.6 uS."""
    siemens, sense_ohm = 11.6e-6, 1e3
    array = Array.from_siemens(np.full((16, 16), siemens), Wires(1.0, 1.0, 10.0, sense_ohm))
    found = step_response(array, np.full(16, 0.2), FIVE_FEMTOFARAD)
    tau = 16 * 5e-15 / (1 / sense_ohm + 16 * siemens)
    # 16 segments of 1 ohm beside 1 kohm of sense; the rise takes 0.5 % of tau.
    assert found.settling_seconds == pytest.approx(tau * math.log(1e3), rel=0.02, abs=0)
    assert found.settling_seconds.max() == pytest.approx(466e-12, rel=0.02, abs=0)
    static = 0.2 * found.final.sum() * found.settling_seconds.max()
    assert found.energy_joule > static


@pytest.mark.parametrize("cells", ["folded", "branches", "switches", "transistors"])
@pytest.mark.parametrize("dialect", ["ngspice", "xyce", "ltspice"])
def test_the_step_in_every_dialect(dialect, cells, make_array):
    text = transient_netlist(
        make_array(3, 2),
        np.full(3, 0.2),
        FIVE_FEMTOFARAD,
        stop_seconds=1e-9,
        rise_seconds=1e-12,
        cells=cells,
        dialect=dialect,
    )
    assert "\n.tran 2e-12 1e-09 0 2e-12\n" in text
    assert "\nVin2 in2 0 pwl(0 0 1e-12 0.2)\n" in text
    assert (" klu" in text) == (" noinit" in text) == (dialect == "ngspice")
    assert ("\n.save" in text) == (dialect != "xyce")
    assert ("\n.print tran" in text) == (dialect != "ltspice")
    assert ("\n.width" in text) == (dialect == "ngspice")
    assert " ? " not in text or dialect != "ltspice"
    assert ("\n.options timeint reltol=1e-6\n" in text) == (dialect == "xyce")
