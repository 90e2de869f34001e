"""Random arrays in badcrossbar (D. Joksas, A. Mehonic), which shares no code with ours.

It knows one resistance for all word-line segments, the one before the first cell included, and
one for all bit-line segments, the one after the last cell included: our driver and our sense. It
takes wires of 0 ohm and cells of infinite resistance; cells of 0 ohm it refuses.
"""

import logging
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spice_models import Array, Wires, nodal

with warnings.catch_warnings(record=True):  # its drawings need cairo, its solver does not
    pytest.importorskip(
        "badcrossbar.computing",
        reason="badcrossbar is not installed: pip install --no-deps badcrossbar pathvalidate",
    )
    import badcrossbar

logging.getLogger("badcrossbar").setLevel(logging.WARNING)

SHAPES = [(1, 1), (1, 9), (9, 1), (7, 5), (5, 12), (33, 20), (48, 64)]
OHM = [(1.0, 1.0), (0.01, 100.0), (100.0, 0.01), (7.5, 0.3), (0.0, 2.0), (2.0, 0.0), (0.0, 0.0)]
ROUNDINGS = 1e-12
"""Relative to the largest of a kind: one rounding, 1e-16, for each of some thousand nodes."""


def draw(shape, wires_ohm, seed=0, open_share=0.1):
    """Draw an array of cells of 1 to 100 uS, some open, and three input vectors of up to 1 V."""
    random = np.random.default_rng([seed, *shape])
    siemens = 10 ** random.uniform(-6, -4, shape)
    siemens[random.random(shape) < open_share] = 0.0
    siemens[0, 0] = 1e-5
    word, bit = wires_ohm
    array = Array.from_siemens(siemens, Wires(word, bit, word, bit))
    return array, random.uniform(-1, 1, (3, shape[0]))


def by_badcrossbar(array, inputs):
    with np.errstate(divide="ignore"):
        ohm = 1 / array.siemens
    word, bit = array.wires.word_segment_ohm, array.wires.bit_segment_ohm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy's, about its sparse formats
        return badcrossbar.compute(inputs.T, ohm, r_i_word_line=word, r_i_bit_line=bit)


def assert_close(found, wanted, wire_ohm=np.inf):
    """Agree to roundings, for a wire also to those of the two voltages that give its current."""
    allowed = ROUNDINGS * np.abs(wanted).max() + 16 * np.finfo(float).eps / wire_ohm
    assert np.isfinite(found).all()
    assert found == pytest.approx(wanted, rel=0, abs=allowed)


@pytest.mark.parametrize(
    ("method", "wires_ohm"),
    [("direct", ohm) for ohm in OHM] + [("iterative", ohm) for ohm in OHM if 0 not in ohm],
)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_currents_are_those_of_badcrossbar(shape, wires_ohm, method):
    array, inputs = draw(shape, wires_ohm)
    wanted = by_badcrossbar(array, inputs).currents.output
    # The iteration stops at a residual of 1e-13 of the currents that enter the lines.
    found = nodal.currents(array, inputs, method, 1e-13)
    assert_close(found, wanted)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 24),
    lines=st.integers(1, 24),
    word=st.one_of(st.just(0.0), st.floats(0.01, 300)),
    bit=st.one_of(st.just(0.0), st.floats(0.01, 300)),
    open_share=st.sampled_from([0.0, 0.1, 0.7, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_array_has_the_currents_of_badcrossbar(rows, lines, word, bit, open_share, seed):
    array, inputs = draw((rows, lines), (word, bit), seed, open_share)
    assert_close(nodal.currents(array, inputs), by_badcrossbar(array, inputs).currents.output)


@pytest.mark.parametrize("wires_ohm", OHM)
@pytest.mark.parametrize("shape", SHAPES)
def test_voltages_and_branch_currents_are_those_of_badcrossbar(shape, wires_ohm):
    array, inputs = draw(shape, wires_ohm)
    point = nodal.operating_point(array, inputs[0])
    currents, voltages = by_badcrossbar(array, inputs[:1])
    assert_close(point.currents, currents.output[0])
    assert_close(point.cells, currents.device)
    assert_close(point.word, voltages.word_line)
    # A bit line's small voltages are as exact as the large ones of the word lines.
    assert point.bit == pytest.approx(voltages.bit_line, rel=0, abs=ROUNDINGS)
    word, bit = wires_ohm
    if word:
        assert_close(point.wires["driver"], currents.word_line[:, 0], word)
    if word and array.lines > 1:
        assert_close(point.wires["word"], currents.word_line[:, 1:], word)
    if bit:
        assert_close(point.wires["sense"], currents.bit_line[-1], bit)
    if bit and array.rows > 1:
        assert_close(point.wires["bit"], currents.bit_line[:-1], bit)


def test_the_power_of_badcrossbar_is_ours():
    array, inputs = draw((20, 30), (3.0, 5.0))
    currents, voltages = by_badcrossbar(array, inputs[:1])
    point = nodal.operating_point(array, inputs[0])
    in_cells = currents.device * (voltages.word_line - voltages.bit_line)
    in_wires = 3.0 * (currents.word_line**2).sum() + 5.0 * (currents.bit_line**2).sum()
    assert point.cell_power.sum() + point.switch_power.sum() == pytest.approx(
        in_cells.sum(), rel=ROUNDINGS, abs=0
    )
    assert point.dissipated == pytest.approx(in_cells.sum() + in_wires, rel=ROUNDINGS, abs=0)
