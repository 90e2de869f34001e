"""Every solver against rational arithmetic, at ratios of resistances that no chip has."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spice_models import Array, CircuitError, NotConverged, Wires, elimination, nodal
from spice_models import direct as direct_solve
from spice_models.network import Network


def rational(array):
    """The transfer matrix in fractions: every node eliminated by star and mesh."""
    rows, lines = array.rows, array.lines
    ohm = array.wires.each(rows, lines)
    word = np.arange(rows * lines).reshape(rows, lines)
    bit = word + word.size
    source = 2 * word.size + np.arange(rows)
    sense = 2 * word.size + rows + np.arange(lines)
    wiring = [
        (word[:, :-1], word[:, 1:], ohm["word"]),
        (bit[:-1], bit[1:], ohm["bit"]),
        (source, word[:, 0], ohm["driver"]),
        (bit[-1], sense, ohm["sense"]),
        (source, word[:, -1], ohm["far_driver"]),
        (bit[0], sense, ohm["far_sense"]),
    ]
    stands_for = list(range(2 * word.size + rows + lines))

    def root(node):
        while stands_for[node] != node:
            node = stands_for[node]
        return node

    edges = []
    for tails, heads, values in wiring:
        for a, b, value in zip(tails.flat, heads.flat, values.flat, strict=True):
            if value == 0:
                low, high = sorted((root(int(a)), root(int(b))))
                stands_for[low] = high
            elif np.isfinite(value):
                edges.append((a, b, 1 / Fraction(float(value))))
    for (i, j, _), path in np.ndenumerate(array.path_ohm):
        if np.isfinite(path):
            edges.append((word[i, j], bit[i, j], 1 / Fraction(float(path))))
    graph = [{} for _ in stands_for]

    def join(a, b, siemens):
        graph[a][b] = graph[b][a] = graph[a].get(b, 0) + siemens

    for a, b, siemens in edges:
        if root(int(a)) != root(int(b)):
            join(root(int(a)), root(int(b)), siemens)
    for node in range(2 * word.size):
        around, graph[node] = graph[node], {}
        for a in around:
            del graph[a][node]
        for a, b in combinations(around, 2):
            join(a, b, around[a] * around[b] / sum(around.values()))
    return np.array([[float(graph[t].get(s, 0)) for s in source.tolist()] for t in sense.tolist()])


def extreme(seed, low=-9, high=15, cell_low=-15, cell_high=9, zeros=0.1):
    """An array of up to 3 x 3 cells: resistances from 1 nohm to 1 Pohm, open and 0 ohm too."""
    random = np.random.default_rng(seed)
    rows, lines = random.integers(1, 4, 2)

    def ohms(shape, opens=0.1):
        values = 10 ** random.uniform(*np.sort(random.uniform(low, high, 2)), shape)
        kind = random.random(shape)
        values[kind < opens] = np.inf
        values[kind > 1 - zeros] = 0.0
        return values

    bounds = np.sort(random.uniform(cell_low, cell_high, 2))
    siemens = 10 ** random.uniform(*bounds, (rows, lines))
    siemens[random.random(siemens.shape) < 0.2] = 0.0
    segments = ohms((rows, lines - 1)), ohms((rows - 1, lines))
    ends = ohms(rows), ohms(lines), ohms(rows, 0.8), ohms(lines, 0.8)
    return Array.from_siemens(siemens, Wires(*segments, *ends))


SEED = st.integers(0, 2**32 - 1)


@settings(max_examples=50, deadline=None)
@given(SEED)
def test_elimination_has_nearly_all_digits_of_every_entry(seed):
    array = extreme(seed)
    found = elimination.transfer_matrix(array)
    assert found == pytest.approx(rational(array), rel=elimination.rounding(array), abs=0)


@settings(max_examples=60, deadline=None)
@given(SEED)
def test_the_direct_solve_is_right_whatever_the_resistances(seed):
    array = extreme(seed)
    wanted = rational(array)
    found = nodal.transfer_matrix(array, method="direct", keep=False)
    assert found.siemens == pytest.approx(wanted, rel=0, abs=1e-9 * wanted.max())
    inputs = np.random.default_rng(seed).uniform(-1, 1, (1, array.rows))
    scale = (np.abs(inputs) @ wanted.T).max()
    found = nodal.product(array, inputs, method="direct", keep=False)
    # One input may be right to the full scale of all cells only where its currents cancel.
    assert found.currents == pytest.approx(inputs @ wanted.T, rel=0, abs=2e-9 * scale)


@settings(max_examples=60, deadline=None)
@given(SEED)
def test_an_operating_point_is_right_or_refused(seed):
    array = extreme(seed)
    wanted = rational(array)
    inputs = np.random.default_rng(seed).uniform(-1, 1, array.rows)
    try:
        found = nodal.operating_point(array, inputs)
    except CircuitError:
        return
    limit = 1e-8 * (wanted @ np.abs(inputs)).max()
    assert found.currents == pytest.approx(wanted @ inputs, rel=0, abs=limit)


@settings(max_examples=50, deadline=None)
@given(SEED)
def test_the_iteration_is_right_or_refused(seed):
    array = extreme(seed, -3, 5, -12, -2, zeros=0.0)
    try:
        found = nodal.transfer_matrix(array, method="iterative", keep=False)
    except NotConverged:
        return
    wanted = rational(array)
    limit = 1e-9 * wanted.max() + 1e-15 * array.siemens.max()
    assert found.siemens == pytest.approx(wanted, rel=0, abs=limit)


ISLAND = Array.from_siemens([[1e-15, 1e-15]], Wires(1e-9, 1e-9, 1e15, 1e15))
"""Two lines of 1 nohm that hang on 1 fS."""
SHORTS = [
    Array.from_siemens([[7e8, 3e8], [3e8, 7e8]], Wires(0.0, 0.0, 3e12, 0.0)),
    Array.from_siemens([[7e8, 3e8]], Wires(1.0, 1.0, 3e12, 0.0)),
]
"""Cells of some nohm beside drivers of 3 Tohm."""


@pytest.mark.parametrize("array", [ISLAND, *SHORTS])
def test_elimination_answers_where_a_factorisation_would_be_silently_wrong(array):
    wanted = rational(array)
    alone, error = Network(array).solve(np.eye(array.rows), False)
    assert error < 1e-20
    assert np.abs(alone - wanted).max() > 0.5 * wanted.max()
    found = nodal.transfer_matrix(array)
    assert found.siemens == pytest.approx(wanted, rel=1e-13, abs=0)
    assert found.mismatch < 1e-13


def test_what_is_too_large_to_eliminate_is_refused(monkeypatch):
    monkeypatch.setattr(elimination, "LARGEST_WORK", 1.0)
    assert elimination.transfer_matrix(ISLAND) is None
    nodal.forget()
    for solve in (nodal.transfer_matrix, lambda array: nodal.operating_point(array, [1.0])):
        with pytest.raises(CircuitError, match="too far apart"):
            solve(ISLAND)


def test_strain_is_the_conductance_of_a_node_times_the_way_to_the_next_end():
    array = Array.from_siemens([[1e-3]], Wires(1.0, 1.0, 20.0, 30.0))
    # The bit line's node has 1 mS + 1/30 S, and 30 ohm to the ground.
    assert elimination.strain(array) == pytest.approx((1e-3 + 1 / 30) * 30, rel=1e-12)
    assert elimination.strain(Array.from_siemens([[1e-3]], Wires.ideal())) == 0.0
    assert elimination.strain(ISLAND) > direct_solve.LARGEST_STRAIN


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (20, 30), (32, 32)])
@pytest.mark.parametrize("wires", [Wires(), Wires(0.0, 2.0, 0.0, 5.0), Wires.ideal()])
def test_elimination_and_factorisation_agree_on_ordinary_arrays(shape, wires):
    siemens = np.random.default_rng(0).uniform(1e-6, 1e-4, shape)
    array = Array.from_siemens(siemens, wires)
    wanted = nodal.transfer_matrix(array, method="direct").siemens
    assert elimination.transfer_matrix(array) == pytest.approx(
        wanted, rel=0, abs=1e-9 * wanted.max()
    )


def test_nothing_joined_carries_nothing():
    opened = Wires([[np.inf]], 1.0, [np.inf], [np.inf, np.inf])
    array = Array.from_siemens(np.zeros((1, 2)), opened)
    assert (nodal.transfer_matrix(array).siemens == 0).all()
    point = nodal.operating_point(array, [1.0])
    assert point.dissipated == 0
    assert (point.currents == 0).all()
