from importlib.metadata import version

import numpy as np
import pytest

from spice_models import (
    Capacitances,
    CircuitError,
    layer_netlist,
    layer_subcircuit,
    netlist,
    transient_netlist,
)


def every_writer(array, **head):
    capacitances = Capacitances(bit_farad=5e-15)
    return {
        "array": netlist(array, **head),
        "hierarchical": netlist(array, hierarchical=True, **head),
        "layer": layer_netlist([[array]], np.zeros(array.rows), **head),
        "include": layer_subcircuit([[array]], **head),
        "transient": transient_netlist(
            array,
            np.zeros(array.rows),
            capacitances,
            stop_seconds=1e-9,
            rise_seconds=1e-12,
            **head,
        ),
    }


def test_every_netlist_says_design_seed_version_and_units(make_array):
    array = make_array(2, 3)
    head = {"design": "paired stagger, 8 resistors", "seed": 7, "comments": ["more"]}
    for name, text in every_writer(array, title="mine", **head).items():
        lines = text.splitlines()
        comments = lines[: next(k for k, line in enumerate(lines) if line[0] != "*")]
        assert comments[0] == "* mine", name
        for wanted in (
            "* design: paired stagger, 8 resistors; seed: 7",
            "* units: V, A, ohm, F, s; no suffixes",
            f"* written by resistive-crossbar {version('resistive-crossbar')}",
            "* more",
        ):
            assert comments.count(wanted) == 1, (name, wanted)
    for text in every_writer(array).values():
        assert "* design: not given; seed: not given\n" in text


@pytest.mark.parametrize("seed", [-1, 1.5, True, "7\n.control", np.nan])
def test_a_seed_that_is_none_is_refused(seed, make_array):
    with pytest.raises(CircuitError, match="seed = .*give an integer from 0 on") as caught:
        netlist(make_array(1, 1), seed=seed)
    assert "\n" not in str(caught.value)
