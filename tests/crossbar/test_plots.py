import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib.axes import Axes

from crossbar import plots
from crossbar.results import NETWORK, Row


def row(design, resistors, chip, bits, layer=NETWORK):
    return Row(
        design=design,
        resistors_per_weight=resistors,
        chip=chip,
        layer=layer,
        tiles=1,
        weights=10,
        kept_weights=5,
        enabled_resistors=7,
        unreachable_weights=0,
        weight_worst_bits=bits - 2,
        weight_median_bits=bits,
        weight_effective_bits=bits,
        product_worst_bits=bits,
        product_effective_bits=bits + 1,
        ideal_wires_product_effective_bits=bits + 2,
        logit_error_percent=100 * 2.0**-bits if layer == NETWORK else None,
        flips=3 if layer == NETWORK else None,
        accuracy_percent=95.0 + chip if layer == NETWORK else None,
        simulator_mismatch=0.0,
        seconds=0.1,
    )


ROWS = [
    row(design, n, chip, n + chip, layer)
    for design in ("one", "two")
    for n in (2, 4, 8)
    for chip in (0, 1)
    for layer in ("1", NETWORK)
]


def test_lines_are_the_mean_over_chips_and_bands_reach_from_lowest_to_highest():
    ax = plots.plot_weight_bits(ROWS)
    median, worst = ax.lines[:2]
    assert np.array_equal(median.get_xydata(), [[2, 2.5], [4, 4.5], [8, 8.5]])
    assert np.array_equal(worst.get_ydata(), [0.5, 2.5, 6.5])
    band = ax.collections[0].get_paths()[0].vertices
    assert {tuple(point) for point in band} >= {(2, 2), (2, 3), (8, 8), (8, 9)}


@pytest.mark.parametrize(
    "draw", [plots.plot_weight_bits, plots.plot_product_bits, plots.plot_logit_error,
             plots.plot_flips]
)  # fmt: skip
def test_a_plot_goes_into_the_axes_it_is_given(draw):
    import matplotlib.pyplot as plt

    ax = plt.subplots()[1]
    assert draw(ROWS, ax) is ax
    assert isinstance(draw(ROWS), Axes)
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    plt.close("all")


def test_accuracy_shows_the_digital_line():
    ax = plots.plot_accuracy(ROWS, 97.5)
    assert ax.lines[0].get_ydata()[0] == 97.5
    assert "digital" in [text.get_text() for text in ax.figure.axes[0].legend().get_texts()]


@pytest.mark.parametrize(
    "draw", [plots.precision_figure, lambda rows: plots.network_figure(rows, 97)]
)
def test_a_long_legend_takes_no_room_from_the_panels(draw):
    few = draw([row("one", n, 0, n) for n in (2, 4)])
    many = draw([row(f"design {k} of a long name", n, 0, n) for n in (2, 4) for k in range(40)])
    heights = []
    for figure in (few, many):
        figure.draw_without_rendering()
        inches = figure.axes[0].get_position().height * figure.get_figheight()
        assert figure.legends[0].get_window_extent().y0 >= 0
        heights.append(inches)
    assert heights[1] >= 0.9 * heights[0]
