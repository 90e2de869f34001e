import matplotlib.pyplot as plt
import pytest
from matplotlib import rc_context, rcParams

from crossbar.design import Design
from crossbar.figures import COLORS
from crossbar.plots import WEIGHT_LINES, plot_weight_bits, save_paper_figures
from crossbar.plots import _column as column
from crossbar.studies import Study, Sweep, run


def test_the_style_is_one_of_matplotlibs():
    with rc_context():
        plt.style.use("crossbar.paper")
        assert rcParams["figure.figsize"] == [3.5, 2.6]
        assert rcParams["pdf.fonttype"] == 42  # letters that an editor can read
        cycle = rcParams["axes.prop_cycle"].by_key()["color"]
    assert cycle == list(COLORS)


def test_figures_for_a_paper_are_one_column_wide_and_the_same_every_time(tmp_path):
    study = Study(resistors=(2, 4), designs=(Design(),), chips=2, simulator="ideal")
    rows = run(study, tmp_path / "out")
    made = {path: path.read_bytes() for path in save_paper_figures(rows, 97.0, tmp_path)}
    assert len(made) == 5 * 3
    assert {path.suffix for path in made} == {".png", ".svg", ".pdf"}
    height, width, _ = plt.imread(tmp_path / "paper-accuracy.png").shape
    assert width / 600 == pytest.approx(3.5, abs=0.01)
    assert height / 600 == pytest.approx(2.6, abs=0.01)
    again = save_paper_figures(rows, 97.0, tmp_path)
    assert made == {path: path.read_bytes() for path in again}


def test_no_legend_lies_in_the_panel_and_settings_have_units(tmp_path):
    study = Study(
        resistors=(2, 4),
        designs=(Design(), Design(ladder="guaranteed")),
        chips=1,
        simulator="ideal",
        sweep=Sweep({"wires.word_segment_ohm": [0, 10]}),
    )
    rows = run(study, tmp_path / "out")
    with rc_context():
        plt.style.use("crossbar.paper")
        figure = column(lambda ax: plot_weight_bits(rows, ax), WEIGHT_LINES)
        figure.draw_without_rendering()
    (ax,) = figure.axes
    (legend,) = figure.legends
    assert ax.get_legend() is None
    assert not ax.get_window_extent().overlaps(legend.get_window_extent())
    wires = [f"word segment = {ohm} ohm" for ohm in (0, 10)]
    named = [
        f"{name}, {wire}" for wire in wires for name in ("paired stagger", "paired guaranteed")
    ]
    texts = [text.get_text() for text in legend.get_texts()]
    assert sorted(texts) == sorted([*named, "median weight", "worst weight"])
