"""``crossbar design``: the folder, the files that other commands take, the circuit, a kill."""

import csv
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

import solvers
from crossbar import Design, InputError, results
from crossbar.branches import closed_siemens
from crossbar.cli import cli
from crossbar.designing import Specification, search, smallest
from crossbar.designing.causes import _others, remedy
from crossbar.designing.outputs import cell_lib, design_of, design_toml, resistors_csv
from crossbar.designing.plots import PANELS, plot_bits, plot_cost, trade_figure
from crossbar.designing.runs import VERIFIED, run_design
from crossbar.designing.specification import fraction
from crossbar.designing.trade import TradeRow
from crossbar.designing.trials import cell_values
from crossbar.designing.verifying import programmed_array, verify
from crossbar.designing.wording import found
from crossbar.settings import build, read_toml
from crossbar.tables import read_table
from spice_models import ngspice

QUICK = ["--bits", "6", "--yield", "90%", "--ladder", "guaranteed", "--ladder", "stagger"]
QUICK += ["--radix", "1.2", "--polarity", "paired", "--polarity", "steered", "--workers", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "a cell"
    done = CliRunner().invoke(cli, ["design", *QUICK, "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (out.parent / "said.txt").write_text(done.output)
    return out


def test_one_command_leads_to_a_verified_netlist(folder):
    said = (folder.parent / "said.txt").read_text()
    assert "statistic: 0 of 29 simulated cells failed" in said
    following = shlex.split(said.splitlines()[-1])
    assert following[:4] == ["Next:", "crossbar", "program", "weights.npy"]
    assert Path(following[5]) == folder / "design.toml"
    assert "at least 90.19 % with 95 % confidence" in said
    verified = re.search(r"verified: ngspice .* worst (\S+) bits.*target: worst (\S+) bits", said)
    assert verified is not None
    assert float(verified[1]) > float(verified[2]) > 5  # 90 % of cells keep 6 at every target
    again = ngspice.run((folder / "array.cir").read_text(), allow_commands=False)
    assert sum(name.startswith("i(vs0_0_") for name in again) == 16
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert names == {
        "array.cir", "cell.lib", "chip.npz", "design.toml", "hardest.cir", "resistors.csv",
        "results.csv", "run.json", "trade.csv", "trade.png", "trade.svg", "verification.txt",
    }  # fmt: skip


def test_every_other_command_takes_the_design(folder, tmp_path):
    np.save(tmp_path / "weights.npy", np.random.default_rng(0).normal(size=(3, 4)))
    chip, net = tmp_path / "chip.npz", tmp_path / "chip.cir"
    runner = CliRunner()
    program = ["program", str(tmp_path / "weights.npy"), "--design", str(folder / "design.toml")]
    for command in ([*program, "--out", str(chip)], ["netlist", str(chip), "--out", str(net)]):
        done = runner.invoke(cli, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert ngspice.run(net.read_text())


def test_the_head_of_the_design_defends_its_numbers(folder):
    head = [
        line for line in (folder / "design.toml").read_text().splitlines() if line.startswith("#")
    ]
    text = "\n".join(head)
    for said in (
        "crossbar design, resistive-crossbar",
        "seed 0",
        "asked: 6 bits",
        "90 % of cells",
        "+-20 %, uniform",
        "statistic: 0 of 29",
        "chosen for the smallest total resistance",
    ):
        assert said in text


def test_the_resistor_table_is_that_of_the_design(folder):
    design = build(Design, read_toml(folder / "design.toml"), "design.toml")
    with (folder / "resistors.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["nominal_ohm"]) for row in rows] == design.nominal_ohm.tolist()
    assert {row["tolerance"] for row in rows} == {"0.2"}
    signs = {"+": 1, "-": -1, "either": 1}
    assert [signs[row["sign"]] for row in rows] == design.signs.tolist()


def test_the_table_names_the_line_of_each_paired_resistor(small):
    """The positive line first, each further branch, from the largest on, to the smaller sum."""
    (row,) = [row for row in smallest(search(small)) if row.family == "paired stagger 1.2"]
    rows = list(csv.DictReader(resistors_csv(small, row).splitlines()))
    assert rows[-1]["sign"] == "+"
    assert rows[-2]["sign"] == "-"
    signs = ["+-"[sign < 0] for sign in design_of(small, row).signs.tolist()]
    assert [one["sign"] for one in rows] == signs


def test_a_design_of_any_kind_reads_back_as_itself(small):
    for row in smallest(search(small)):
        text = tomllib.loads(design_toml(small, row))
        assert build(Design, text, "text") == design_of(small, row)


def test_the_cell_conducts_its_full_scale_in_plain_ngspice(small, tmp_path):
    for row in smallest(search(small)):
        design = design_of(small, row)
        (tmp_path / "cell.lib").write_text(cell_lib(small, row))
        given = " ".join(f"enabled{k}=1" for k in range(design.resistors) if design.signs[k] > 0)
        deck = f"deck\n.include {tmp_path}/cell.lib\nVin in 0 1\nX1 in s0 s1 cell {given}\n"
        deck += "Vs0 s0 0 0\nVs1 s1 0 0\n.op\n.end\n"
        found = ngspice.run(deck)
        siemens = float(found["i(vs0)"][0] - found["i(vs1)"][0])
        expected = design.nominal_siemens[design.signs > 0].sum()
        # switches of 1e10 ohm leak 1e-10 S each beside 1e-5 S of full scale
        assert siemens == pytest.approx(expected, rel=1e-3, abs=0)
        assert siemens * row.usable >= design.full_scale_siemens


def test_the_trade_is_the_table(folder, small):
    rows = read_table(folder / "trade.csv", TradeRow, "crossbar design")
    assert rows == smallest(read_table(folder / "results.csv", TradeRow, "crossbar design"))
    assert rows == smallest(search(small))
    state = json.loads((folder / "run.json").read_text())
    assert state["complete"] is True
    assert state["identity"]["asked"]["bits"] == 6


def test_the_same_command_again_simulates_nothing(folder, small, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("simulated again")

    before = (folder / "results.csv").read_bytes()
    monkeypatch.setattr("crossbar.designing.searching.try_cells", never)
    outcome = run_design(small, folder)
    assert outcome.chosen is not None
    assert (folder / "results.csv").read_bytes() == before


def test_circuits_of_a_cell_that_is_no_longer_chosen_are_removed(folder, small, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    run_design(small, copy)
    assert set(VERIFIED) < {path.name for path in copy.iterdir()}
    proven = run_design(small, copy, prefer="proof")
    assert proven.chosen is not None
    assert proven.chosen.certainty == "proof"
    assert not set(VERIFIED) & {path.name for path in copy.iterdir()}


def test_another_specification_does_not_enter_the_folder(folder):
    command = ["design", *QUICK, "--tolerance", "10%", "--out", str(folder)]
    with pytest.raises(InputError, match=r"another specification .tolerance was 0.2, is 0.1"):
        CliRunner().invoke(cli, command, catch_exceptions=False)
    command = ["design", *QUICK, "--ladder", "binary", "--out", str(folder)]
    with pytest.raises(InputError, match=r"ladders was guaranteed, stagger, is guaranteed, stag"):
        CliRunner().invoke(cli, command, catch_exceptions=False)
    command = ["design", *QUICK, "--yield", "80%", "--out", str(folder)]
    with pytest.raises(InputError, match=r".yield was 0.9, is 0.8."):
        CliRunner().invoke(cli, command, catch_exceptions=False)


@pytest.mark.parametrize("read", [results.frame, results.dataset])
def test_no_other_experiment_takes_its_folder_or_its_table(folder, read):
    pytest.importorskip("xarray")
    made = "a table of 'crossbar design', not one of 'crossbar study'; show it with: crossbar rep"
    with pytest.raises(InputError, match=made):
        read(folder)
    with pytest.raises(InputError, match=made):
        CliRunner().invoke(cli, ["plot", str(folder)], catch_exceptions=False)
    with pytest.raises(InputError, match="holds another experiment, made by 'crossbar design'"):
        CliRunner().invoke(cli, ["limits", "--out", str(folder)], catch_exceptions=False)


def test_a_killed_search_goes_on_to_the_same_bytes(folder, tmp_path):
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "crossbar", "design", *QUICK, "--quiet", "--no-verify"]
    started = subprocess.Popen([*command, "--out", str(out)])
    table = out / "results.csv"
    end = time.monotonic() + 60
    while not (table.exists() and table.read_text().count("\n") > 2):
        assert time.monotonic() < end
        time.sleep(0.01)
    started.send_signal(signal.SIGKILL)
    started.wait()
    done = CliRunner().invoke(
        cli, ["design", *QUICK, "--quiet", "--no-verify", "--out", str(out)], catch_exceptions=False
    )
    assert done.exit_code == 0
    for name in ("results.csv", "trade.csv", "design.toml", "cell.lib", "trade.svg"):
        assert (out / name).read_bytes() == (folder / name).read_bytes(), name


@pytest.mark.parametrize("polarity", ["paired", "offset", "flip", "steered"])
def test_every_polarity_keeps_its_promise_in_ngspice(polarity, tmp_path):
    asked = Specification(bits=6, ladders=("guaranteed",), polarities=(polarity,), yield_=0.9)
    (row,) = smallest(search(asked))
    design = design_of(asked, row)
    outcome = verify(asked, row, design, tmp_path)
    assert outcome.below == 0
    assert outcome.hardest_bits is not None
    assert row.proven_bits <= outcome.hardest_bits < outcome.worst_bits
    assert outcome.difference < 1e-9  # ngspice is exact to 1e-12 here
    if polarity != "offset":  # a trial of the same cells finds the same worst target
        made = programmed_array(asked, design)
        ohm = made.chip.true_ohm[:, :8].reshape(-1, design.resistors)
        values, fixed = cell_values(design, closed_siemens(design, ohm))
        scale = design.full_scale_siemens
        radius = solvers.covering_radius(
            values / scale, -fixed / scale - 1, -fixed / scale + 1, coefficients=design.coefficients
        ).radius
        assert outcome.hardest_bits == pytest.approx(-np.log2(radius.max()), abs=1e-6)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--tolerance", "much"], "'much': give a fraction such as 0.2, or a percentage"),
        (["--tolerance", "120%"], "tolerance = 1.2"),
        (["--yield", "100%"], "yield = 1.0"),
        (["--tolerance", "20"], "'20': is that a percentage? write 20% or 0.2"),
        (["--yield", "99.9"], "'99.9': is that a percentage? write 99.9% or 0.999"),
        (["--tolerance", "120"], "tolerance = 120.0: give a fraction from 0 to 0.9"),
        (["--yield", "nan"], "give a fraction"),
        (["--radix", "1"], "radix = 1.0"),
        (["--polarity", "folded"], "'folded'"),
        (["--polarity", "flip", "--ladder", "binary"], "polarities, ladders: "),
    ],
)
def test_bad_options_are_refused_before_there_is_a_folder(options, told, tmp_path):
    command = ["design", "--bits", "8", *options, "--out", str(tmp_path / "x")]
    with pytest.raises((InputError, click.UsageError)) as refused:
        cli.main(command, standalone_mode=False)
    assert told in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert not (tmp_path / "x").exists()


def test_where_nothing_meets_it_the_trade_is_there_and_the_status_is_not_zero(tmp_path):
    command = ["design", "--bits", "10", "--ladder", "binary", "--polarity", "paired"]
    command += ["--most-sums", "4096", "--out", str(tmp_path / "x"), "--quiet"]
    with pytest.raises(InputError, match="no cell meets the specification"):
        CliRunner().invoke(cli, command, catch_exceptions=False)
    assert (tmp_path / "x/trade.csv").exists()
    assert not (tmp_path / "x/design.toml").exists()


def test_the_next_try_may_have_the_folder_of_one_that_failed(tmp_path):
    out = tmp_path / "x"
    few = Specification(bits=10, ladders=("binary",), polarities=("paired",), most_sums=4096)
    assert run_design(few, out).chosen is None
    before = (out / "results.csv").read_bytes()
    assert run_design(few, out).chosen is None
    assert (out / "results.csv").read_bytes() == before
    met = replace(few, ladders=("guaranteed",), bits=6)
    assert run_design(met, out).chosen is not None
    with pytest.raises(InputError, match="belongs to another specification"):
        run_design(few, out)


def test_what_keeps_all_cells_from_it_is_named_and_nothing_that_was_asked_for(tmp_path):
    asked = Specification(bits=10, polarities=("paired",), most_sums=1 << 12, yield_=0.9)
    for change, told in (
        ({"measurement_error": 0.02}, "measurement_error = 0.02 caps .* measure more precisely"),
        ({"stuck": 0.1}, "stuck = 0.1 caps .* have fewer stuck branches"),
        ({"off_ohm": 1e5, "on_ohm": 1.0}, "off_ohm = 100000 caps .* that leak less"),
    ):
        why = remedy(s := replace(asked, ladders=("stagger",), radix=1.3, **change), search(s))
        assert re.search(told, why), why
    binary = replace(asked, ladders=("binary",))
    said = remedy(binary, search(binary))
    assert said == (
        "ask for fewer bits, a lower yield or a smaller tolerance; or allow more sums or the "
        "guaranteed ladder"
    )
    every = replace(binary, ladders=("binary", "guaranteed"), most_sums=1 << 24, tolerance=0)
    assert _others(every) == "ask for fewer bits or a lower yield"


def test_resistors_without_tolerance_are_one_cell_and_no_statistic(tmp_path):
    exact = Specification(bits=4, tolerance=0, ladders=("stagger",), polarities=("offset",))
    row = smallest(search(exact))[0]
    assert (row.cells, row.failures, row.yield_at_least) == (1, 0, 1.0)
    text = "\n".join(found(exact, row))
    assert "all cells are alike" in text
    assert "statistic:" not in text
    assert "wires destroy it first" in text
    assert "1 cell, every target" in text


def test_twenty_percent_is_a_fifth():
    assert fraction("20%") == fraction("20 %") == fraction("0.2") == 0.2
    assert fraction("99.9%") == 0.999


def test_the_figure_shows_what_the_rows_say(small):
    rows = smallest(search(small))
    ax = plot_cost(rows, "resistors")
    assert [bar.get_width() for bar in ax.patches] == [row.resistors for row in rows]
    ax = plot_bits(rows, small.bits)
    assert [text.get_text() for text in ax.get_yticklabels()] == [
        f"{row.family}, n = {row.resistors}" for row in rows
    ]
    figure = trade_figure(rows, small.bits, rows[0])
    assert len(figure.axes) == len(PANELS) + 1


def test_cells_of_an_array_that_miss_the_promise_are_counted(tmp_path):
    """Six bits are asked of resistors that cannot keep them."""
    asked = Specification(bits=6, ladders=("identical",), polarities=("paired",), most_sums=64)
    (row,) = smallest(search(asked))
    outcome = verify(asked, row, design_of(asked, row), tmp_path)
    assert outcome.hardest_bits is not None
    assert outcome.worst_bits < 6
    assert outcome.hardest_bits < 6
    assert 30 < outcome.below <= 64
    told = f"{outcome.below} of 64 cells miss it; a yield of 99.9 % allows 0.064 on average"
    assert told in outcome.text
    one = replace(outcome, below=1, yield_=0.9).text
    assert "1 of 64 cells misses it; a yield of 90 % allows 6.4 on average" in one
