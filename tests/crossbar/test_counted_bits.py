"""What wire-aware programming counts bits by, and says where there is nothing to count."""

from __future__ import annotations

import numpy as np
import pytest

from crossbar import Design, InputError, Wires, fabricate, measure
from crossbar.compensation import compensate

WIRES = Wires(10.0, 10.0, 10.0, 10.0)
UNIT = 1e-5  # full scale [S]


def compensated(target, inputs=None, polarity="paired", tile=None):
    target = UNIT * np.array(target, dtype=float)
    design = Design(polarity=polarity, ladder="guaranteed", resistors=6)
    measured = measure(fabricate(design, *target.shape, seed=1), error=0.0, seed=2)
    return compensate(measured, target, WIRES, inputs=inputs, passes=2, tile=tile)


def bits(found):
    return found.ideal_wires_bits, found.uncompensated_bits, found.compensated_bits


DENSE = [[1.0, -0.5], [1.0, -0.5], [0.2, 0.6]]
PRUNED_ROW = [[1.0, -0.5], [0.3, 0.7], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("target", "inputs", "said"),
    [
        (DENSE, [[0, 0, 0], [0, 0, 0]], "inputs = 0 everywhere: .*; give other inputs, or none"),
        (DENSE, [[1, -1, 0]], "inputs: all their products .* are 0, .*; give inputs that rows"),
        ([[0.1], [0.2], [0.3]], [[0.1, 0.4, -0.3]], "inputs: all their products"),  # but for 1e-17
        (PRUNED_ROW, [[0, 0, 5]], "inputs: all their products"),
        (DENSE, [[1e-200, 0, 0]], "inputs of up to 1e-200: scale them"),
        (DENSE, [[1e200, 0, 0]], r"inputs of up to 1e\+200: scale them"),
    ],
)
def test_inputs_that_tell_no_bits_are_refused(target, inputs, said):
    with pytest.raises(InputError, match=said):
        compensated(target, inputs)


def test_a_product_that_is_zero_does_no_harm_beside_others():
    both = compensated(DENSE, [[1, -1, 0], [1, 1, 0], [0, 0, 0]])
    assert np.isfinite(bits(both)).all()
    assert bits(both) == pytest.approx(bits(compensated(DENSE, [[7, -7, 0], [7, 7, 0], [0] * 3])))


@pytest.mark.parametrize("polarity", ["paired", "offset", "flip", "steered"])
def test_without_targets_there_are_no_bits(polarity):
    found = compensated(np.zeros((3, 2)), np.ones((1, 3)), polarity)
    assert np.isnan([*bits(found), found.one_gain_bits]).all()


@pytest.mark.parametrize(
    ("target", "told"), [([[0.5]], False), ([[0, 0], [0.5, 0]], False), ([[0.5], [0.3]], True)]
)
@pytest.mark.parametrize("polarity", ["offset", "steered"])
def test_one_gain_tells_bits_of_two_targets_or_more(target, told, polarity):
    found = compensated(target, polarity=polarity)
    assert np.isfinite(bits(found)).all()
    assert np.isfinite(found.one_gain_bits) == told


@pytest.mark.parametrize("weights", [[[0.7]], [[0.7, 0.4]]])
def test_the_command_leaves_out_what_one_gain_cannot_tell(weights, crossbar, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("weights.npy", weights)
    (tmp_path / "cell.toml").write_text("resistors = 6\n")
    given = ["--design", "cell.toml", "--wire-aware", "--out", "chip.npz"]
    status, said, error = crossbar("program", "weights.npy", *given)
    assert status == 0, error
    assert "effective bits by the measured values, " in said
    assert ("if they were not known (one gain)" in said) == (len(weights[0]) == 2)
    assert "inf" not in said
    assert "nan" not in said


def test_inputs_and_tiles_of_another_type_are_named():
    with pytest.raises(InputError, match="inputs have type complex128: give real numbers"):
        compensated([[0.5]], inputs=[[1j]])
    with pytest.raises(InputError, match=r"tile = \(8, 8\): give a crossbar.Tile"):
        compensated([[0.5]], tile=(8, 8))
