"""The figures of the theory show the data they are given, and the example writes them."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from solvers.theory import BitsRow, reached, recursion, sample_growth
from solvers.theory.plots import (
    bits_figure,
    plot_bits,
    plot_growth,
    plot_reached,
    plot_values_needed,
)

ROOT = Path(__file__).parents[2]
ROWS = [
    BitsRow(name, n, 10, worst=n / 4, one_percent=n / 3, median=n / 2 + shift)
    for shift, name in enumerate(("uniform", "own"))
    for n in (4, 6, 8)
]


@pytest.fixture
def ax():
    return Figure().subplots()


def curves(ax):
    return [line.get_ydata().tolist() for line in ax.lines if len(line.get_xdata())]


def test_plot_bits_shows_three_lines_a_distribution(ax):
    assert plot_bits(ROWS, ax) is ax
    assert curves(ax)[0] == [2, 3, 4]
    assert curves(ax)[1] == [4 / 3, 2, 8 / 3]
    assert curves(ax)[2] == [1, 1.5, 2]
    assert curves(ax)[3] == [3, 4, 5]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[:2] == ["uniform in (-1, 1)", "own"]
    assert labels[-1] == "worst set of 10"


def test_plot_growth_shows_mean_and_recursion(ax):
    fractions = sample_growth(6, 0.05, 30)
    assert plot_growth(fractions, ax) is ax
    mean, expected = curves(ax)
    assert mean == fractions.mean(axis=0).tolist()
    assert expected == recursion(0.1, 6).tolist()


def test_plot_reached_draws_a_bar_for_each_interval(ax):
    steps = [reached([0.3, -0.2][:t], 0.01) for t in range(3)]
    assert plot_reached(steps, ax) is ax
    assert [len(bars.get_paths()) for bars in ax.collections] == [1, 2, 4]


def test_plot_values_needed_takes_runs_that_never_arrive(ax):
    runs = {0.1: np.array([3, 5, 4.0]), 0.01: np.array([9, np.inf, 8])}
    assert plot_values_needed(runs, {0.1: 5, 0.01: 9}, ax) is ax
    assert curves(ax) == [[9, 4], [9, 5]]


def test_figures_come_without_a_window():
    before = dict(matplotlib.rcParams)
    assert len(bits_figure(ROWS).axes) == 1
    assert dict(matplotlib.rcParams) == before


def test_the_example_writes_rows_and_a_figure(tmp_path):
    out = tmp_path / "deep" / "out"
    command = [sys.executable, ROOT / "examples" / "bits_against_n.py", "--sets", "20"]
    options = ["--from", "4", "--to", "6", "--workers", "1", "--out", out]
    done = subprocess.run(
        [*map(str, command), *map(str, options)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((out / "bits.csv").open(encoding="utf-8")))
    assert [(row["distribution"], row["n"]) for row in rows[:3]] == [
        ("uniform", "4"),
        ("uniform", "5"),
        ("uniform", "6"),
    ]
    assert len(rows) == 6
    assert (out / "bits.png").read_bytes().startswith(b"\x89PNG")
