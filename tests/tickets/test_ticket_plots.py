"""The figures show the rows they are given."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from crossbar.tickets.flyhash import RecallRow
from crossbar.tickets.neurons import NeuronRow
from crossbar.tickets.plots import plot_neurons, plot_recall, plot_weight_errors


@pytest.fixture
def ax():
    return Figure().subplots()


class Row:
    def __init__(self, name, n, error):
        self.name, self.n, self.relative_weight_error = name, n, error


def neuron_row(d, n, error, proven=True):
    return NeuronRow("inputs", d, n, 3, "enumeration", proven, error, error, error, 4.0, 0.0)


def test_errors_are_drawn_beside_the_published_ones(ax):
    rows = [Row("malach", 10, 0.2), Row("pensia", 10, 0.1), Row("malach", 5, 0.4)]
    rows += [Row("malach", 10, error) for error in (0.1, 0.3)]
    assert plot_weight_errors(rows, {5: 0.8}, ax) is ax
    one, two, published = ax.lines
    assert one.get_xydata().tolist() == [[5, 0.4], [10, 0.2]]
    assert two.get_xydata().tolist() == [[10, 0.1]]
    assert published.get_xydata().tolist() == [[5, 0.8]]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [
        "Malach: one of n",
        "Pensia: subset sum, both signs",
        "da Cunha et al., published",
    ]


def test_the_heat_map_holds_every_error_and_the_line_where_eps_ends(ax):
    rows = [
        *(neuron_row(1, 8, 0.01), neuron_row(2, 8, 0.2)),
        *(neuron_row(1, 64, 0.001, False), neuron_row(2, 64, 0.05, False)),
    ]
    plot_neurons(rows, "inputs", 0.1, ax)
    assert ax.images[0].get_array().tolist() == [[0.01, 0.001], [0.2, 0.05]]
    assert ax.patches[0].get_data().values.tolist() == [0.5, 1.5]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["8", "64*"]
    assert [text.get_text() for text in ax.texts] == ["0.01", "0.001", "0.2", "0.05"]


def test_recall_is_drawn_by_length(ax):
    rows = [RecallRow("array, wires", n, 2, n / 40, 0.01) for n in (16, 4)]
    plot_recall(rows, ax)
    assert ax.lines[0].get_xydata().tolist() == [[4, 0.1], [16, 0.4]]
