"""A wrong Python argument is one line that names it and what to give."""

from types import SimpleNamespace

import numpy as np
import pytest

from spice_models import (
    Array,
    Capacitances,
    CircuitError,
    check_netlist,
    layer_netlist,
    layer_subcircuit,
    netlist,
    ngspice,
    nodal,
    plots,
    step_response,
    transient_netlist,
)
from spice_models.transient import StepResponse

ARRAY = Array.from_siemens(np.full((2, 2), 1e-5))
VOLTS = np.ones(2)
FARAD = Capacitances(bit_farad=1e-15)
TIMES = {"stop_seconds": 1e-6, "rise_seconds": 1e-9}


@pytest.mark.parametrize(
    "call",
    [
        lambda bad: nodal.product(bad, VOLTS),
        lambda bad: nodal.currents(bad, VOLTS),
        lambda bad: nodal.operating_point(bad, VOLTS),
        lambda bad: nodal.transfer_matrix(bad),
        lambda bad: nodal.transfer_matrix(bad, keep=False),
        lambda bad: nodal.chosen_method(bad),
        lambda bad: ngspice.sweep(bad, VOLTS),
        lambda bad: ngspice.transfer_matrix(bad),
        lambda bad: netlist(bad),
        lambda bad: step_response(bad, VOLTS, FARAD),
        lambda bad: transient_netlist(bad, VOLTS, FARAD, **TIMES),
        lambda bad: plots.draw_array(bad),
        lambda bad: check_netlist("* text", bad),
    ],
)
@pytest.mark.parametrize("bad", [np.eye(2), None])
def test_what_is_no_array_is_named(call, bad):
    wanted = f"array = {type(bad).__name__}: give an Array, for example Array.from_siemens"
    with pytest.raises(CircuitError, match=wanted):
        call(bad)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: nodal.transfer_matrices([ARRAY, 3]), r"arrays\[1\] = int: give an Array"),
        (lambda: nodal.transfer_matrices(ARRAY), "arrays = Array: give a list of Array"),
        (lambda: nodal.transfer_matrices([ARRAY], executor=3), "executor = int: give an Executor"),
        (lambda: nodal.currents(ARRAY, VOLTS, "auto", None), "tolerance = None; give a finite"),
        (lambda: nodal.currents(ARRAY, VOLTS, ["auto"]), "method = .*; give one of auto"),
        (lambda: layer_netlist([[np.eye(2)]], VOLTS), r"tiles\[0\]\[0\] = ndarray: give an Array"),
        (lambda: layer_subcircuit([[ARRAY, 1]]), r"tiles\[0\]\[1\] = int: give an Array"),
        (lambda: layer_subcircuit(ARRAY), r"tiles = Array: .* for one array \[\[array\]\]"),
        (lambda: layer_subcircuit([ARRAY]), r"tiles = list: .* for one array \[\[array\]\]"),
        (lambda: layer_subcircuit([[ARRAY]], cells=["x"]), r"cells = \['x'\]; give 'folded'"),
        (lambda: netlist(ARRAY, cells=np.eye(2)), "cells = .*; give 'folded'"),
        (lambda: netlist(ARRAY, cells={}), "cells = {}; give 'folded'"),
        (lambda: ngspice.sweep(ARRAY, VOLTS, ["x"]), r"cells = \['x'\]; give 'folded'"),
        (lambda: transient_netlist(ARRAY, VOLTS, FARAD, **TIMES, cells=[]), r"cells = \[\]; give"),
        (lambda: step_response(ARRAY, VOLTS, 1e-15), "capacitances = float: give a Capacitances"),
        (
            lambda: transient_netlist(ARRAY, VOLTS, None, **TIMES),
            "capacitances = NoneType: give a Capacitances",
        ),
    ],
)
def test_other_wrong_arguments_are_named(call, told):
    with pytest.raises(CircuitError, match=told):
        call()


@pytest.mark.parametrize("seconds", [np.inf, np.nan, "soon", None, 0, -1.0])
@pytest.mark.parametrize(
    "call",
    [
        lambda seconds: ngspice.sweep(ARRAY, VOLTS, timeout_seconds=seconds),
        lambda seconds: ngspice.transfer_matrix(ARRAY, timeout_seconds=seconds),
        lambda seconds: ngspice.run("* t\nV1 a 0 1\n.op\n.end\n", seconds),
        lambda seconds: step_response(ARRAY, VOLTS, FARAD, timeout_seconds=seconds),
    ],
)
def test_a_time_that_is_none_is_named(call, seconds):
    with pytest.raises(CircuitError, match="timeout_seconds = .*; give a"):
        call(seconds)


@pytest.mark.parametrize(
    "call",
    [
        lambda volts: nodal.operating_point(ARRAY, volts),
        lambda volts: step_response(ARRAY, volts, FARAD),
        lambda volts: transient_netlist(ARRAY, volts, FARAD, **TIMES),
    ],
)
def test_voltages_beyond_all_use_are_blamed_themselves(call):
    with pytest.raises(CircuitError, match=r"inputs_volt\[0, 1\] = 1e\+200; give volts"):
        call(np.array([1.0, 1e200]))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "at least one"),
        ([0, 2], "lines holds 2: the bit lines go from 0 to 1"),
        ([0.5], "list"),
    ],
)
def test_bit_lines_that_are_not_there_are_not_drawn(lines, told):
    flat = np.ones((3, 2))
    response = StepResponse(np.arange(3.0), flat, flat[:, 0], flat[0], 1e-3, flat[0], 1.0)
    with pytest.raises(CircuitError, match=told):
        plots.plot_step_response(response, SimpleNamespace(), lines)
