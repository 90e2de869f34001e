import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib import pyplot as plt

from spice_models import Array, CircuitError, Switch, Wires, nodal
from spice_models.plots import draw_array, plot_heat, plot_operating_point, plot_step_response
from spice_models.transient import StepResponse

SIEMENS = np.array([[1e-6, 2e-6, 3e-6], [4e-6, 0.0, 6e-6]])


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def drawn(ax, kind):
    """What `draw_array` added under this label."""
    (found,) = [part for part in ax.get_children() if part.get_label() == kind]
    return found


def pads(ax, kind):
    return drawn(ax, kind + " pads").get_xydata()


def colour_label(ax):
    """The label of the colour bar that belongs to what these Axes show."""
    return (ax.images or [drawn(ax, "cells")])[0].colorbar.ax.get_ylabel()


def test_cells_are_coloured_by_conductance_and_open_ones_left_out():
    ax = draw_array(Array.from_siemens(SIEMENS))
    cells = drawn(ax, "cells")
    assert np.asarray(cells.get_array()) == pytest.approx([1, 2, 3, 4, 6])
    centres = [path.vertices[:4].mean(axis=0).tolist() for path in cells.get_paths()]
    # Half way between the word node at (line, row) and the bit node half a cell further.
    wanted = [(0.25, 0.25), (1.25, 0.25), (2.25, 0.25), (0.25, 1.25), (2.25, 1.25)]
    assert np.array(centres) == pytest.approx(np.array(wanted))
    assert colour_label(ax) == "conductance [µS]"


def test_each_cell_hangs_between_its_word_line_and_its_bit_line():
    ax = draw_array(Array.from_siemens(SIEMENS))
    leads = {tuple(map(tuple, lead)) for lead in drawn(ax, "leads").get_segments()}
    assert ((2.0, 1.0), (2.5, 1.5)) in leads
    assert ((1.0, 1.0), (1.5, 1.5)) not in leads
    word = drawn(ax, "word").get_segments()
    assert {tuple(point) for wire in word for point in wire} == {
        (float(j), float(i)) for i in range(2) for j in range(3)
    }
    bit = drawn(ax, "bit").get_segments()
    assert {tuple(point) for wire in bit for point in wire} == {
        (j + 0.5, i + 0.5) for i in range(2) for j in range(3)
    }


def test_inputs_are_on_the_left_and_senses_at_the_bottom():
    ax = draw_array(Array.from_siemens(SIEMENS))
    texts = {text.get_text(): text.xy for text in ax.texts}
    assert list(texts) == ["in0", "in1", "s0", "s1", "s2"]
    assert all(texts[f"in{i}"][0] < 0 and texts[f"in{i}"][1] == i for i in range(2))
    bottom, top = ax.get_ylim()
    assert bottom > top
    assert all(1.5 < texts[f"s{j}"][1] < bottom for j in range(3))
    assert [texts[f"s{j}"][0] for j in range(3)] == [0.5, 1.5, 2.5]
    assert len(pads(ax, "driver")) == 2
    assert len(pads(ax, "sense")) == 3
    assert len(pads(ax, "far_driver")) == len(pads(ax, "far_sense")) == 0


def test_far_ends_get_pads_where_they_are_connected():
    wires = Wires(far_driver_ohm=[np.inf, 5.0], far_sense_ohm=10.0, sense_ohm=[1.0, np.inf, 1.0])
    ax = draw_array(Array.from_siemens(SIEMENS, wires))
    assert pads(ax, "far_driver")[:, 1].tolist() == [1.0]
    assert pads(ax, "far_driver")[0, 0] > 2.5
    assert pads(ax, "far_sense")[:, 0].tolist() == [0.5, 1.5, 2.5]
    assert (pads(ax, "far_sense")[:, 1] < 0).all()
    assert pads(ax, "sense")[:, 0].tolist() == [0.5, 2.5]
    names = sorted(text.get_text() for text in ax.texts)
    assert names == ["in0", "in1", "in1", "s0", "s0", "s1", "s2", "s2"]
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for x, y in np.concatenate([pads(ax, kind) for kind in ("far_driver", "far_sense", "sense")]):
        assert left < x < right
        assert top < y < bottom


def test_open_segments_are_gaps():
    segment = [[1.0, np.inf], [1.0, 1.0]]
    array = Array.from_siemens(SIEMENS, Wires(segment, [[1.0, 1.0, np.inf]]))
    ax = draw_array(array)
    word = {tuple(map(tuple, wire)) for wire in drawn(ax, "word").get_segments()}
    assert len(word) == 3
    assert ((1.0, 0.0), (2.0, 0.0)) not in word
    assert len(drawn(ax, "bit").get_segments()) == 2


def test_an_array_without_any_closed_cell_is_drawn_empty():
    shape = (2, 2, 1)
    array = Array(np.full(shape, 1e5), np.zeros(shape, bool), Switch(1e3, np.inf))
    ax = draw_array(array)
    assert drawn(ax, "cells").get_paths() == []
    ax.figure.canvas.draw()


def test_large_arrays_name_some_pads_only():
    ax = draw_array(Array.from_siemens(np.full((40, 1), 1e-6)))
    assert [text.get_text() for text in ax.texts][:3] == ["in0", "in3", "in6"]
    assert len(pads(ax, "driver")) == 40


def test_a_heat_map_holds_the_values_in_the_unit_of_its_label():
    ax = plot_heat([[0.001, 0.002], [np.nan, 0.004]], title="drop", unit="V")
    image = ax.images[0]
    data = np.ma.filled(image.get_array(), np.nan)
    assert data == pytest.approx(np.array([[1, 2], [np.nan, 4]]), nan_ok=True)
    assert image.get_clim() == pytest.approx((0, 4))
    assert colour_label(ax) == "mV"
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("drop", "bit line", "word line")


@pytest.mark.parametrize(
    ("values", "limits", "colors"),
    [
        ([[-2.0, 1.0]], (-2, 2), "RdBu_r"),
        ([[-2.0, -1.0]], (-2, 0), "viridis_r"),
        ([[2.0, -1e-12]], (0, 2), "viridis"),  # what rounding leaves is no second sign
        ([[np.nan, 0.0]], (0, 1), "viridis"),
    ],
)
def test_zero_is_always_on_the_colour_bar(values, limits, colors):
    image = plot_heat(values, title="", unit="A").images[0]
    assert image.get_clim() == pytest.approx(limits)
    assert image.get_cmap().name == colors


def test_the_maps_are_those_of_the_operating_point(make_array):
    array = make_array(4, 3)
    inputs = np.array([0.2, -0.1, 0.15, 0.0])
    point = nodal.operating_point(array, inputs)
    axes = plot_operating_point(point, inputs)
    assert [ax.get_title() for ax in axes] == [
        "voltage lost in wires",
        "cell current",
        "cell power",
    ]
    factors = [{"": 1, "m": 1e3, "µ": 1e6, "n": 1e9}[colour_label(ax)[:-1]] for ax in axes]
    assert [colour_label(ax)[-1] for ax in axes] == ["V", "A", "W"]
    lost, current, power = (
        np.asarray(ax.images[0].get_array()) / factor
        for ax, factor in zip(axes, factors, strict=True)
    )
    assert current == pytest.approx(point.cells, rel=1e-9, abs=0)
    # A cell is a conductance: what it lacks of the input is what the wires have taken.
    across = point.cells / array.siemens
    assert lost == pytest.approx(inputs[:, None] - across, rel=0, abs=1e-12)
    assert power == pytest.approx(across**2 * array.siemens, rel=1e-9, abs=0)


def test_figures_go_into_the_axes_they_are_given(make_array):
    array, inputs = make_array(3, 3), np.ones(3)
    axes = plt.subplots(1, 5)[1]
    assert draw_array(array, axes[0]) is axes[0]
    assert plot_heat(array.siemens, axes[1], title="", unit="S") is axes[1]
    point = nodal.operating_point(array, inputs)
    assert plot_operating_point(point, inputs, axes[2:]) == list(axes[2:])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda point: plot_heat([1.0], title="", unit="V"), r"values has shape \(1,\)"),
        (lambda point: plot_heat([[1.0, np.inf]], title="", unit="V"), r"values\[0, 1\] = inf"),
        (lambda point: plot_operating_point(point, [1.0]), "inputs_volt has shape"),
        (lambda point: plot_operating_point(point, np.ones((2, 3))), "2 points"),
        (lambda point: plot_operating_point(point, np.ones(3), []), "axes holds 0; give 3"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, text, make_array):
    point = nodal.operating_point(make_array(3, 2), np.ones(3))
    with pytest.raises(CircuitError, match=text):
        call(point)


def response_of(lines):
    seconds = np.linspace(0, 1e-9, 5)
    final = np.linspace(1e-6, 2e-6, lines)
    currents = final * (1 - np.exp(-seconds[:, None] / 1e-10))
    return StepResponse(seconds, currents, seconds, final, 1e-3, np.full(lines, 1e-9), 1e-15)


@pytest.mark.parametrize("lines", [2, 10])
def test_a_legend_stands_beside_the_curves(lines):
    ax = plot_step_response(response_of(lines))
    ax.figure.canvas.draw()
    legend = ax.get_legend()
    assert len(legend.get_texts()) == lines
    assert legend.get_window_extent().x0 >= ax.get_window_extent().x1


def test_many_curves_have_a_bar_that_numbers_them():
    ax = plot_step_response(response_of(11))
    assert ax.get_legend() is None
    assert [one.get_ylabel() for one in ax.figure.axes if one is not ax] == ["bit line"]
    colors = {tuple(line.get_color()) for line in ax.lines[:-1:2]}
    assert len(colors) == 11


def test_where_all_is_0_the_title_says_so_and_no_bar_claims_a_range():
    ax = plot_heat(np.zeros((2, 2)), title="voltage lost", unit="V")
    assert ax.get_title() == "voltage lost: all 0 V"
    assert ax.figure.axes == [ax]


def test_values_that_are_nearly_equal_are_numbered_without_an_offset():
    array = Array.from_siemens(1e-5 * (1 + 1e-7 * np.arange(4).reshape(2, 2)))
    ax = draw_array(array)
    ax.figure.canvas.draw()
    (bar,) = (one for one in ax.figure.axes if one is not ax)
    assert bar.yaxis.get_offset_text().get_text() == ""
