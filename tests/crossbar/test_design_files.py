"""A cell's TOML, as `crossbar design` writes it, in the commands that take one."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from click.testing import CliRunner

from crossbar import Design, InputError
from crossbar.cli import cli
from crossbar.files import read_design
from crossbar.results import design_label, read_results
from crossbar.studies import load_study, run

CELL = 'polarity = "steered"\nladder = "stagger"\nradix = 1.1\nresistors = 10\ntolerance = 0.1\n'
FILED = Design(polarity="steered", radix=1.1, resistors=10, tolerance=0.1)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "design.toml").write_text(CELL)
    return tmp_path


def written(folder, text):
    (folder / "study.toml").write_text(text)
    return folder / "study.toml"


def test_a_file_is_read_as_a_design(folder):
    assert read_design(folder / "cells" / "design.toml") == FILED


def test_a_design_of_a_study_comes_from_a_file_beside_it(folder):
    study = load_study(written(folder, '[[designs]]\nfile = "cells/design.toml"\n'))
    assert study.designs == (FILED,)
    assert study.resistors == (10,)


def test_what_a_study_gives_counts_before_the_file(folder):
    text = 'resistors = [4]\n[[designs]]\nfile = "cells/design.toml"\ntolerance = 0.3\n'
    study = load_study(written(folder, text))
    assert study.designs == (replace(FILED, resistors=4, tolerance=0.3),)
    assert study.resistors == (4,)


def test_another_ladder_has_its_own_radix(folder):
    text = '[[designs]]\nfile = "cells/design.toml"\nladder = "guaranteed"\n'
    (design,) = load_study(written(folder, text)).designs
    assert (design.ladder, design.radix) == ("guaranteed", None)


def test_the_same_ladder_keeps_the_radix_of_the_file(folder):
    text = '[[designs]]\nfile = "cells/design.toml"\nladder = "stagger"\n'
    assert load_study(written(folder, text)).designs == (FILED,)


@pytest.mark.parametrize(
    ("value", "named"),
    [("3", "designs.0.file = 3: give a path"), ('"none.toml"', "none.toml: cannot be read")],
)
def test_a_bad_file_is_named(folder, value, named):
    with pytest.raises(InputError, match=named):
        load_study(written(folder, f"[[designs]]\nfile = {value}\n"))


def test_limits_take_a_design(folder):
    out = folder / "out"
    design = ["--design", str(folder / "cells" / "design.toml")]
    sizes = ["--resistors", "4", "--chips", "1", "--quiet", "--out", str(out)]
    done = CliRunner().invoke(cli, ["limits", *design, *sizes], catch_exceptions=False)
    assert done.exit_code == 0
    settings = (out / "run.json").read_text()
    assert '"polarity": "steered"' in settings
    assert '"radix": 1.1' in settings


@pytest.mark.parametrize(
    ("resistors", "options", "warned"),
    [(7, [], True), (10, [], False), (7, ["--resistors", "4"], False)],
)
def test_limits_say_where_they_leave_the_cells_own_number_out(
    resistors, options, warned, folder, monkeypatch
):
    monkeypatch.setattr("crossbar.limits.runs.run_limits", lambda *_, **__: [])
    (folder / "cell.toml").write_text(f"resistors = {resistors}\n")
    given = ["limits", "--design", str(folder / "cell.toml"), *options, "--quiet", "--out", "out"]
    done = CliRunner().invoke(cli, given, catch_exceptions=False)
    said = f"its {resistors} resistors are not among the numbers that are tried, 4, 6, 8, 10,"
    assert (said in done.stderr) == warned
    assert len(done.stderr.splitlines()) == warned


def test_cells_of_two_radixes_are_told_apart_in_the_table(folder):
    """As `crossbar design` names its kinds; a radix of the ladder's own goes without saying."""
    (folder / "cells" / "other.toml").write_text(CELL.replace("radix = 1.1", "radix = 1.25"))
    (folder / "cells" / "usual.toml").write_text(CELL.replace("radix = 1.1\n", ""))
    text = 'simulator = "ideal"\nresistors = [4]\nchips = 1\n'
    names = ("design", "other", "usual")
    text += "".join(f'[[designs]]\nfile = "cells/{name}.toml"\n' for name in names)
    study = load_study(written(folder, text))
    run(study, folder / "out")
    found = read_results(folder / "out/results.csv")
    labels = ["steered stagger 1.1", "steered stagger 1.25", "steered stagger"]
    assert list(dict.fromkeys(row.design for row in found)) == labels
    assert [design_label(asdict(design)) for design in study.designs] == labels


def test_a_swept_radix_has_a_column_and_leaves_the_designs_name(folder):
    text = 'simulator = "ideal"\nresistors = [4]\nchips = 1\n[[designs]]\nradix = 1.3\n'
    run(load_study(written(folder, text)), folder / "out")
    assert {row.design for row in read_results(folder / "out/results.csv")} == {
        "paired stagger 1.3"
    }
    text += '[sweep]\n"designs.radix" = [1.1, 1.3]\n'
    run(load_study(written(folder, text)), folder / "out")
    found = read_results(folder / "out/results.csv")
    assert {(row.design, row.swept) for row in found} == {
        ("paired stagger", (("designs.radix", radix),)) for radix in (1.1, 1.3)
    }
