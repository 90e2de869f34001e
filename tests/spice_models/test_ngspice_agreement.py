import numpy as np
import pytest

from spice_models import Array, Switch, Wires, ngspice, nodal

AGREEMENT = 1e-9
"""Of full scale, the largest current. ngspice solves to about 1e-13 with SPARSE, 3e-10 with KLU."""


def assert_agree(array, inputs, cells="folded", mismatch=1e-7):
    found = ngspice.sweep(array, inputs, cells=cells)
    wanted = nodal.currents(array, inputs)
    assert found.currents.shape == (len(inputs), array.lines)
    assert np.abs(found.currents - wanted).max() <= AGREEMENT * np.abs(wanted).max()
    assert 0 <= found.mismatch < mismatch
    assert found.seconds > 0


@pytest.mark.parametrize("cells", ["folded", "branches"])
@pytest.mark.parametrize(("rows", "lines"), [(1, 1), (1, 9), (9, 1), (5, 12), (16, 7), (20, 20)])
def test_sizes_with_signed_inputs(rows, lines, cells, make_array):
    inputs = np.random.default_rng(rows).normal(size=(4, rows))
    assert_agree(make_array(rows, lines), inputs, cells)


@pytest.mark.parametrize("zeroed", range(16))
def test_any_mix_of_zero_wires(zeroed, make_array):
    chosen = (zeroed >> np.arange(4)) & 1 == 1
    wires = Wires(*np.where(chosen, 0.0, [1.0, 2.0, 15.0, 25.0]))
    assert_agree(make_array(4, 6, wires=wires), np.random.default_rng(1).normal(size=(3, 4)))


@pytest.mark.parametrize("seed", range(5))
def test_random_wires(seed, make_array):
    wires = Wires(*(10 ** np.random.default_rng(seed).uniform(-3, 3, 4)))
    assert_agree(make_array(6, 6, seed=seed, wires=wires), np.eye(6))


@pytest.mark.parametrize("cells", ["folded", "branches"])
@pytest.mark.parametrize("on_ohm", [0.0, 1e-3, 1e3])
@pytest.mark.parametrize("off_ohm", [1e6, 1e10, np.inf])
def test_switches(on_ohm, off_ohm, cells, make_array):
    array = make_array(3, 5, switch=Switch(on_ohm, off_ohm))
    assert_agree(array, np.random.default_rng(2).normal(size=(2, 3)), cells)


@pytest.mark.parametrize("cells", ["folded", "branches"])
@pytest.mark.parametrize("wires", [Wires(), Wires.ideal()])
def test_all_switches_off(wires, cells, make_array):
    leaking = make_array(4, 3, enabled=False, wires=wires)
    # 1e-16 V over the driver's 10 ohm is 1e-7 of the leakage through 1e10 ohm.
    assert_agree(leaking, np.eye(4), cells, mismatch=1e-5)
    opened = make_array(4, 3, enabled=False, switch=Switch(1e3, np.inf), wires=wires)
    found = ngspice.sweep(opened, np.eye(4), cells=cells)
    assert (found.currents == 0).all()
    assert found.mismatch == 0


@pytest.mark.parametrize("points", [1, 3])
def test_zero_inputs_give_zero_currents(points, make_array):
    found = ngspice.sweep(make_array(4, 5), np.zeros((points, 4)))
    assert found.currents.shape == (points, 5)
    assert (found.currents == 0).all()


def test_the_transfer_matrix_is_that_of_nodal_analysis(make_array):
    array = make_array(11, 6)
    found, wanted = ngspice.transfer_matrix(array), nodal.transfer_matrix(array)
    assert found.siemens.shape == (6, 11)
    difference = np.abs(found.siemens - wanted.siemens).max()
    assert difference <= AGREEMENT * wanted.siemens.max()


def test_a_sweep_of_inputs_is_the_transfer_matrix_times_the_inputs(make_array):
    array = make_array(8, 6)
    random = np.random.default_rng(5)
    inputs = random.uniform(-1, 1, (50, 8))
    inputs[random.random(inputs.shape) < 0.5] = 0.0  # activations after a ReLU have stretches of 0
    found = ngspice.sweep(array, inputs).currents
    wanted = inputs @ ngspice.transfer_matrix(array).siemens.T
    assert np.abs(found - wanted).max() <= AGREEMENT * np.abs(wanted).max()


def test_folded_cells_and_branches_are_the_same(make_array):
    array = make_array(6, 6, 8)
    inputs = np.random.default_rng(7).normal(size=(3, 6))
    folded = ngspice.sweep(array, inputs).currents
    branches = ngspice.sweep(array, inputs, cells="branches").currents
    assert np.abs(folded - branches).max() <= 1e-12 * np.abs(folded).max()


def test_conductances_that_span_fifteen_decades():
    siemens = 10.0 ** np.linspace(-18, -3, 12).reshape(3, 4)
    assert_agree(Array.from_siemens(siemens), np.eye(3))


@pytest.mark.parametrize("ohm", [1e-3, 1e-5, 1e-7])
def test_the_mismatch_tells_when_tiny_wires_cost_ngspice_its_digits(ohm, make_array):
    array = make_array(9, 4, wires=Wires(ohm, 100 * ohm, 500.0, 100 * ohm))
    found = ngspice.sweep(array, np.eye(9))
    wanted = nodal.currents(array, np.eye(9))
    error = np.abs(found.currents - wanted).max() / np.abs(wanted).max()
    assert error <= 10 * found.mismatch
    assert found.mismatch < 1e-3


def real_wires(rows, lines, seed):
    """Wires of each segment and both ends, with some open, and some senses of 0 ohm."""
    random = np.random.default_rng([seed, rows, lines])

    def ohms(shape, opens):
        values = random.uniform(0.5, 20.0, shape)
        values[random.random(shape) < opens] = np.inf
        return values

    sense = ohms(lines, 0.05)
    sense[::3] = 0.0
    return Wires(
        ohms((rows, lines - 1), 0.03),
        ohms((rows - 1, lines), 0.03),
        ohms(rows, 0.05),
        sense,
        ohms(rows, 0.5),
        ohms(lines, 0.5),
    )


@pytest.mark.parametrize("cells", ["folded", "branches", "switches"])
@pytest.mark.parametrize(("rows", "lines"), [(1, 64), (64, 1), (2, 3), (13, 8), (32, 21)])
def test_all_variations_at_once_over_sizes_and_depths(rows, lines, cells, make_array):
    array = make_array(rows, lines, 2, wires=real_wires(rows, lines, 0))
    ohm = array.ohm.copy()
    ohm[rows // 2, lines // 2, 0] = ohm[-1, 0, 1] = 0.0  # shorted
    ohm[0, -1] = np.inf  # open
    array = Array(ohm, array.enabled, array.switch, array.wires)
    assert_agree(array, np.random.default_rng(rows).normal(size=(2, rows)), cells, 1e-5)


def test_the_largest_array_that_is_quick_without_klu(make_array):
    array = make_array(64, 64, 2, wires=Wires(2.0, 3.0, 10.0, 0.0))
    inputs = np.random.default_rng(0).normal(size=(1, 64))
    found = ngspice.sweep(array, inputs).currents
    for method in ("direct", "iterative"):
        wanted = nodal.currents(array, inputs, method)
        assert np.abs(found - wanted).max() <= AGREEMENT * np.abs(wanted).max()
