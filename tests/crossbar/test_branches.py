"""Branches that take either of two lines: one resistor, two switches, in every stage alike."""

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Chip, Design, Wires, fabricate, measure, program
from crossbar.branches import equivalent_ohm
from crossbar.cli import cli
from crossbar.files import load_chip
from crossbar.nonidealities.noise import column_siemens
from crossbar.programming import Program
from crossbar.simulation import place_tiles, transfer
from spice_models import Switch, cell_library, ngspice


def star(ohm: float, arms: list[float]) -> np.ndarray:
    """Conductances word to both lines, and from line to line: the triangle of a star."""
    legs = np.array([1 / ohm, *arms])
    return np.array([legs[0] * legs[1], legs[0] * legs[2], legs[1] * legs[2]]) / legs.sum()


def one_branch(state: int, ohm: float, on: float, off: float) -> tuple[Chip, Program]:
    """A cell whose first branch is the one in question, the second one broken."""
    design = Design(
        polarity="steered", on_ohm=on, off_ohm=off, resistors=2, full_scale_siemens=1e-9
    )
    chip = Chip(design, np.array([[[ohm, np.inf]]]))
    return chip, Program(np.array([[[state, 0]]], np.int8), np.zeros((1, 1)), np.ones((1, 1), bool))


@given(
    ohm=st.floats(1e3, 1e7),
    on=st.floats(1, 1e4),
    ratio=st.floats(1.5, 1e9),
    state=st.sampled_from([-1, 0, 1]),
)
@settings(max_examples=100, deadline=None)
def test_a_branch_is_the_triangle_of_its_star(ohm, on, ratio, state):
    off = on * ratio
    chip, found = one_branch(state, ohm, on, off)
    arms = [1 / (on if state == sign else off) for sign in (1, -1)]
    positive, negative, bridge = star(ohm, arms)
    ((placed,),) = place_tiles(chip, found, Wires.ideal())
    # (1 + off / on) has the relative rounding of 1e-16, and sums of it no more
    assert placed.array.siemens[0] == pytest.approx([positive, negative], rel=1e-12)
    net = chip.cell_siemens(found.enabled)[0, 0]
    assert net == pytest.approx(positive - negative, rel=1e-9, abs=1e-12 * positive)
    assert bridge <= 1 / off * (1 + 1e-12)
    broken = 2 / off  # the other branch: its two switches, one after the other, on either line
    noise = column_siemens(chip, found.enabled)[0]
    assert noise == pytest.approx(positive + negative + 4 * bridge + broken, rel=1e-9)
    if state:
        known = measure(chip, error=0, seed=0)
        assert known.on_siemens[0, 0, 0] == pytest.approx(max(positive, negative), rel=1e-12)
        assert known.off_siemens[0, 0, 0] == pytest.approx(min(positive, negative), rel=1e-9)


@pytest.mark.parametrize(("on", "off"), [(0.0, 1e10), (1e3, np.inf), (0.0, np.inf)])
def test_switches_without_resistance_or_leakage_are_limits(on, off):
    chip, found = one_branch(1, 1e5, on, off)
    assert chip.cell_siemens(found.enabled)[0, 0] == pytest.approx(1 / (1e5 + on), rel=1e-6)
    ohm = equivalent_ohm(chip.design, np.array([1e5]), np.array([False]), np.array([True]))
    assert np.isinf(ohm).all()
    ((placed,),) = place_tiles(chip, found, Wires.ideal())
    assert placed.array.siemens[0, 1] == 0
    assert np.isfinite(column_siemens(chip, found.enabled)).all()


def deck_of(chip: Chip, states: np.ndarray, library: str, wires: Wires | None) -> str:
    """An array of a user's own: every cell is the subcircuit of the library file."""
    rows, columns, _ = chip.true_ohm.shape
    lines = [f"array of cells\n.include {library}"]
    segment, end = (wires.bit_segment_ohm, wires.sense_ohm) if wires else (1e-6, 1e-6)
    for row in range(rows):
        lines.append(f"Vin{row} in{row} 0 {1 if row == 0 else 0.3}")
        lines.append(f"Rin{row} in{row} w{row} {end}")
        for column in range(columns):
            given = " ".join(
                f"ohm{k}={float(ohm)!r} enabled{k}={states[row, column, k]}"
                for k, ohm in enumerate(chip.true_ohm[row, column])
            )
            ends = f"b{row}_{2 * column} b{row}_{2 * column + 1}"
            lines.append(f"X{row}_{column} w{row} {ends} cell {given}")
    for line in range(2 * columns):
        for row in range(1, rows):
            lines.append(f"Rb{row}_{line} b{row - 1}_{line} b{row}_{line} {segment}")
        lines.append(f"Rs{line} b{rows - 1}_{line} s{line} {end}\nVs{line} s{line} 0 0")
    return "\n".join([*lines, ".options reltol=1e-9 abstol=1e-18", ".op", ".end"]) + "\n"


@pytest.mark.parametrize("off_ohm", [1e6, 1e7, 1e8, 1e10])
@pytest.mark.parametrize("polarity", ["flip", "steered"])
def test_an_array_with_wires_is_that_of_the_true_topology(polarity, off_ohm, tmp_path):
    """All that is left is the bridge: twice what it conducts, times the lines' difference."""
    design = Design(polarity=polarity, resistors=4, off_ohm=off_ohm)
    chip = fabricate(design, 6, 1, 1)
    target = np.random.default_rng(1).uniform(-1e-5, 1e-5, (6, 1))
    states = program(measure(chip, error=0, seed=0), target)
    library = tmp_path / "cell.lib"
    switch = Switch(on_ohm=design.on_ohm, off_ohm=off_ohm)
    library.write_text(cell_library(design.nominal_ohm.tolist(), [(0, 1)] * 4, switch))
    wires = Wires(0.0, 50.0, 50.0, 50.0)
    found = ngspice.run(deck_of(chip, states.enabled, str(library), wires))
    true = float(found["i(vs0)"][0] - found["i(vs1)"][0])
    volts = np.array([1.0] + [0.3] * 5)
    mine = transfer(chip, states, wires, simulator="nodal").siemens[0] @ volts
    largest = max(
        abs(float(found[f"v(b{row}_0)"][0] - found[f"v(b{row}_1)"][0])) for row in range(6)
    )
    most = 2 * 24 / off_ohm * largest  # of 24 branches, were all where the difference is largest
    assert 0.3 * most < abs(true - mine) <= most


def test_a_design_that_leaks_keeps_its_promise_in_its_own_cell_library(tmp_path):
    """Seven bits of switches of 1e7 ohm: the chip's values in a netlist that includes cell.lib."""
    asked = ["--bits", "7", "--yield", "90%", "--polarity", "steered", "--ladder", "stagger"]
    command = ["design", *asked, "--off-ohm", "1e7", "--workers", "1", "--quiet"]
    done = CliRunner().invoke(cli, [*command, "--out", str(tmp_path / "d")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    made, _ = load_chip(tmp_path / "d" / "chip.npz")
    worst = 0.0
    for row in range(made.chip.rows):
        cells = Chip(made.chip.design, made.chip.true_ohm[row : row + 1])
        text = deck_of(cells, made.program.enabled[row : row + 1], f"{tmp_path}/d/cell.lib", None)
        found = ngspice.run(text)
        for column in range(cells.columns):
            lines = [float(found[f"i(vs{2 * column + k})"][0]) for k in (0, 1)]
            error = lines[0] - lines[1] - made.program.target_siemens[row, column]
            worst = max(worst, abs(error) / made.chip.design.full_scale_siemens)
    assert worst < 2.0**-7
