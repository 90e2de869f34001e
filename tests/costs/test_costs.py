"""Energy, time and area of a product: closed forms, balances, and what ngspice finds."""

import csv
import io
import math
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Design, InputError, Tile, Wires
from crossbar.cli import cli
from crossbar.costs.arrays import array_cost, settling_constants
from crossbar.costs.assumptions import SOURCES, Assumptions
from crossbar.costs.comparison import compare_cost
from crossbar.costs.console import prefixed
from crossbar.costs.estimate import estimate
from crossbar.costs.listing import cost_rows
from crossbar.files import save_chip
from crossbar.production import produce
from crossbar.simulation import place_tiles
from spice_models import Array, Capacitances, nodal, step_response

SEED = np.random.SeedSequence(1)
ASSUMED = Assumptions()
WHOLE = Tile(256, 256)


def programmed(weights, resistors=4):
    design = Design(resistors=resistors, full_scale_siemens=1e-5)
    return produce(design, weights, SEED, measurement_error=1e-4)


@pytest.fixture(scope="module")
def hundred():
    """A chip for 100 x 100 weights."""
    return programmed(np.random.default_rng(0).normal(size=(100, 100)), resistors=2)


@pytest.fixture(scope="module")
def small():
    """A chip for 6 outputs of 10 inputs, a third of the weights pruned."""
    weights = np.random.default_rng(0).normal(size=(6, 10))
    weights[np.abs(weights) < 0.4] = 0
    return programmed(weights)


def test_hundred_by_hundred_in_digital_hardware_and_on_published_chips(hundred):
    cost = estimate(hundred, tile=WHOLE)
    assert cost.multiplications == 10_000
    joule = {one.name: one.joule for one in compare_cost(cost, ASSUMED)}
    assert joule["digital, fp32"] == pytest.approx(46e-9, rel=1e-12, abs=0)
    assert joule["digital, int8"] == pytest.approx(2.3e-9, rel=1e-12, abs=0)
    assert joule["HERMES core, 256 x 256 PCM, 14 nm"] == pytest.approx(1.9e-9, rel=0.01, abs=0)
    assert joule["64-core PCM chip, 14 nm, four phases"] == pytest.approx(8.1e-9, rel=0.01, abs=0)
    assert "digital, int8, kept weights" not in joule
    assert all(
        one.times == pytest.approx(one.joule / cost.joule, rel=1e-12, abs=0)
        and one.operations_per_joule == pytest.approx(20_000 / one.joule, rel=1e-12, abs=0)
        for one in compare_cost(cost, ASSUMED)
    )


def test_converters_and_digital_work_take_more_than_the_array(hundred):
    parts = estimate(hundred, tile=WHOLE).energy_joule
    array = parts["array, static"] + parts["array, charging lines"]
    assert parts["ADCs"] == pytest.approx(100 * 256 * 10e-15, rel=1e-12, abs=0)
    assert parts["DACs"] == pytest.approx(100 * 256 * 1e-15 * 0.64, rel=1e-12, abs=0)
    assert parts["digital rescaling"] == pytest.approx(100 * 3.2e-12, rel=1e-12, abs=0)
    assert parts["ADCs"] > 5 * array


def test_pruned_weights_are_counted(small):
    cost = estimate(small)
    kept = int(np.count_nonzero(small.program.target_siemens))
    assert (cost.multiplications, cost.kept, cost.resistors) == (60, kept, 240)
    assert 0 < kept < 60
    joule = {one.name: one.joule for one in compare_cost(cost, ASSUMED)}
    assert joule["digital, int8, kept weights"] == pytest.approx(kept * 0.23e-12, rel=1e-12, abs=0)


@pytest.mark.parametrize("polarity", ["paired", "offset", "flip"])
def test_pruned_weights_that_make_up_for_wires_are_not_kept(polarity):
    weights = np.random.default_rng(0).normal(size=(5, 6))
    weights[weights < 0.3] = 0.0
    design = Design(polarity=polarity, resistors=8)
    made = produce(design, weights, 0, wires=Wires(20.0, 20.0), tile=Tile(8, 12))
    assert estimate(made).kept == np.count_nonzero(weights)
    assert made.cell_errors.size == np.count_nonzero(weights)


def test_ideal_wires_take_the_power_of_every_cell(small):
    volts = np.random.default_rng(2).uniform(0, 0.2, (1, 10))
    wires = Wires(0.0, 0.0, 1e-3, 1e-3)  # so small that only their delay is left
    cost = estimate(small, wires=wires, inputs_volt=volts)
    chip, enabled = small.chip, small.program.enabled
    switch = np.where(enabled, chip.design.on_ohm, chip.design.off_ohm)
    wanted = (volts[0] ** 2 * (1 / (chip.true_ohm + switch)).sum(axis=(1, 2))).sum()
    # 1 mohm beside cells of 100 kohm and more
    assert cost.power_watt == pytest.approx(wanted, rel=1e-6, abs=0)


def test_power_given_is_power_dissipated():
    random = np.random.default_rng(3)
    array = Array.from_siemens(random.uniform(1e-7, 1e-4, (7, 5)), Wires(3, 2, 50, 80))
    volts = random.uniform(0, 0.3, (4, 7))
    lines = Capacitances(bit_farad=1e-15, word_farad=1e-15)
    cost = array_cost(array, volts, lines, precision=2**-9, supply_volt=0.8)
    heat = np.mean([nodal.operating_point(array, one).dissipated for one in volts])
    assert cost.power_watt == pytest.approx(
        heat, rel=1e-9, abs=0
    )  # both sums of some hundred products


def test_single_cell_is_a_closed_form():
    ohm, siemens, farad, volt, supply = 100.0, 1e-6, 3e-15, 0.2, 0.8
    array = Array.from_siemens([[siemens]], Wires(0, 0, ohm, ohm))
    lines = Capacitances(bit_farad=farad, word_farad=farad)
    cost = array_cost(array, np.array([[volt]]), lines, precision=2**-9, supply_volt=supply)
    ampere = volt / (2 * ohm + 1 / siemens)
    # both nodes alike: without and with the cell between them, driven together
    seconds = ohm * farad * settling_constants(2**-9)
    assert cost.settling_seconds == pytest.approx(
        seconds, rel=1e-3, abs=0
    )  # the cell loads them by 1e-4
    assert cost.power_watt == pytest.approx(volt * ampere, rel=1e-9, abs=0)
    assert cost.static_joule == pytest.approx(volt * ampere * seconds, rel=1e-3, abs=0)
    assert cost.charging_joule == pytest.approx(farad * volt**2, rel=1e-12, abs=0)
    drawn = ampere * seconds + farad * volt
    assert cost.driver_joule == pytest.approx(drawn * (supply - volt), rel=1e-3, abs=0)
    assert cost.sense_joule == pytest.approx(supply * ampere * seconds, rel=1e-3, abs=0)


@settings(deadline=None, max_examples=30)
@given(st.floats(1e-8, 0.4))
def test_settling_constants_solve_their_equation(precision):
    x = settling_constants(precision)
    assert (1 + x) * math.exp(-x) == pytest.approx(precision, rel=1e-6, abs=0)


@pytest.mark.parametrize(
    ("shape", "wires", "farad", "lines_per_column"),
    [
        ((8, 8), Wires(), 5e-15, 2),
        ((8, 8), Wires(sense_ohm=1e3), 5e-15, 1),
        ((12, 6), Wires(10, 10, 100, 100), 15e-15, 2),
        ((1, 2), Wires(0, 0, 1e3, 1e3), 5e-15, 2),
        ((1, 1), Wires(0, 0, 1e3, 1e3), 5e-15, 1),
    ],
)
def test_estimate_of_settling_and_energy_is_near_what_ngspice_finds(
    shape, wires, farad, lines_per_column
):
    siemens = np.random.default_rng(0).uniform(1e-7, 1e-5, shape)
    array, volts = Array.from_siemens(siemens, wires), np.full((1, shape[0]), 0.2)
    lines = Capacitances(bit_farad=farad, word_farad=farad / lines_per_column)
    how = {"precision": 2**-9, "supply_volt": 0.8}
    cost = array_cost(array, volts, lines, **how)
    found = step_response(array, volts[0], lines, precision=2**-9)
    assert 0.9 < cost.settling_seconds / found.settling_seconds.max() < 1.5
    assert 0.95 < (cost.static_joule + cost.charging_joule) / found.energy_joule < 1.3
    exact = array_cost(array, volts, lines, settling="transient", **how)
    assert exact.settling_seconds == found.settling_seconds.max()
    assert exact.static_joule + exact.charging_joule == pytest.approx(
        found.energy_joule, rel=1e-9, abs=0
    )


def test_energies_are_means_over_inputs(small):
    volts = np.random.default_rng(5).uniform(0, 0.2, (3, 10))
    whole = estimate(small, inputs_volt=volts)
    alone = [estimate(small, inputs_volt=one[None]) for one in volts]
    for part, joule in whole.energy_joule.items():
        mean = np.mean([one.energy_joule[part] for one in alone])
        assert joule == pytest.approx(mean, rel=1e-12, abs=0), part


def test_tiles_have_converters_of_their_own_and_partial_sums(small):
    given = replace(ASSUMED, columns_per_adc=2)
    cost = estimate(small, given, tile=Tile(4, 6))  # 3 x 2 tiles of up to 3 columns
    assert cost.tiles == 6
    parts = cost.energy_joule
    assert parts["ADCs"] == pytest.approx(3 * 6 * given.conversion_joule, rel=1e-12, abs=0)
    assert parts["DACs"] == pytest.approx(2 * 10 * given.dac_joule, rel=1e-12, abs=0)
    assert parts["digital partial sums"] == pytest.approx(2 * 6 * 0.1e-12, rel=1e-12, abs=0)
    assert cost.latency_seconds["ADC"] == pytest.approx(2 * 10e-9, rel=1e-12, abs=0)
    assert cost.area_square_metre["ADCs"] == pytest.approx(6 * 2 * 1200e-12, rel=1e-12, abs=0)
    assert estimate(small, given, tile=Tile(4, 2)).latency_seconds["ADC"] == pytest.approx(
        10e-9, abs=0
    )


def test_the_slowest_tile_settles_last(small):
    wires, tile = Wires(100, 100, 1000, 100), Tile(10, 10)  # columns 0 to 4, and 5 alone
    times = [
        array_cost(
            one.array,
            np.full((1, 10), 0.2),
            Capacitances(bit_farad=farad, word_farad=farad / 2),
            precision=2**-9,
            supply_volt=0.8,
        ).settling_seconds
        for one in place_tiles(small.chip, small.program, wires, tile)[0]
        for farad in [0.2e-9 * estimate(small).pitch_metre]
    ]
    assert times[0] > 1.01 * times[1]
    found = estimate(small, wires=wires, tile=tile).latency_seconds["settling"]
    assert found == pytest.approx(times[0], rel=1e-9, abs=0)


@pytest.mark.parametrize("outputs, inputs", [(1, 1), (4, 6), (10, 10)])
@pytest.mark.parametrize(
    ("polarity", "references", "switches", "bits"),
    [("paired", 0, 1, 1), ("offset", 1, 1, 1), ("flip", 0, 2, 1), ("steered", 0, 2, 2)],
)
def test_a_word_line_is_one_side_of_a_cell_long_for_each_column(
    outputs, inputs, polarity, references, switches, bits
):
    design = Design(polarity=polarity, resistors=4, full_scale_siemens=1e-5)
    weights = np.random.default_rng(0).normal(size=(outputs, inputs))
    made = produce(design, weights, SEED, measurement_error=0)
    cost = estimate(made)
    # 1 kohm a square of 0.4 um, as much again for the gaps; 28 nm switches and SRAM bits
    cell = design.nominal_ohm.sum() / 1e3 * 0.4e-6**2 * 2
    cell += 4 * (switches * 0.3e-12 + bits * 0.127e-12)
    assert cost.pitch_metre == pytest.approx(math.sqrt(cell), rel=1e-12, abs=0)
    word = 0.2e-9 * math.sqrt(cell) * (outputs + references)
    charging = cost.energy_joule["array, charging lines"]
    assert charging == pytest.approx(inputs * word * 0.2**2, rel=1e-12, abs=0)


def test_bit_lines_are_one_side_of_a_cell_long_for_each_row(small):
    # only the sense end slows: each bit line charges alone, all word lines are held
    wires = Wires(0.0, 0.0, 0.0, 1e3)
    settling = estimate(small, wires=wires, tile=WHOLE).latency_seconds["settling"]
    line = 10 * 0.2e-9 * estimate(small).pitch_metre
    array = place_tiles(small.chip, small.program, wires, WHOLE)[0][0].array
    siemens = 1e-3 + array.siemens.sum(axis=0).min()  # of the slowest line, its cells beside
    wanted = line / siemens * settling_constants(2**-9)
    assert settling == pytest.approx(
        wanted, rel=0.01, abs=0
    )  # 50 steps of an iteration among near equals


def test_an_estimate_and_ngspice_charge_the_same_lines(small):
    wires = Wires(1, 1, 100, 100)
    quick = estimate(small, wires=wires)
    exact = estimate(small, wires=wires, settling="transient")
    part = "array, charging lines"
    # the wires take some percent of the voltage, and ngspice charges the bit lines to that
    assert exact.energy_joule[part] == pytest.approx(quick.energy_joule[part], rel=0.05, abs=0)
    ratio = quick.latency_seconds["settling"] / exact.latency_seconds["settling"]
    assert 0.9 < ratio < 1.5


def test_area_is_that_of_squares(small):
    cost = estimate(small, replace(ASSUMED, sheet_ohm=500.0, resistor_spread=3.0))
    squares = 60 * small.chip.design.nominal_ohm.sum() / 500
    wanted = squares * 0.16e-12 * 3
    assert cost.area_square_metre["resistors"] == pytest.approx(wanted, rel=1e-12, abs=0)
    cells = wanted + cost.area_square_metre["switches and their bits"]
    assert 60 * cost.pitch_metre**2 == pytest.approx(cells, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("polarity", "columns", "switches", "bits"),
    [("paired", 6, 1, 1), ("offset", 7, 1, 1), ("flip", 6, 2, 1), ("steered", 6, 2, 2)],
)
def test_area_counts_references_and_all_switches_with_their_bits(polarity, columns, switches, bits):
    design = Design(polarity=polarity, resistors=4, full_scale_siemens=1e-5)
    weights = np.random.default_rng(0).normal(size=(6, 10))
    cost = estimate(produce(design, weights, SEED, measurement_error=0))
    branches = 10 * columns * 4
    assert cost.resistors == branches
    wanted = branches * (switches * 0.3e-12 + bits * 0.127e-12)
    area = cost.area_square_metre
    assert area["switches and their bits"] == pytest.approx(wanted, rel=1e-12, abs=0)
    squares = 10 * columns * design.nominal_ohm.sum() / 1e3
    assert area["resistors"] == pytest.approx(squares * 0.16e-12 * 2, rel=1e-12, abs=0)


def test_conversion_takes_its_steps_or_its_noise():
    assert replace(ASSUMED, bits=9).conversion_joule == 2 * ASSUMED.conversion_joule
    fine = replace(ASSUMED, bits=16)
    assert fine.conversion_joule > 2**16 * fine.walden_joule
    noise = replace(ASSUMED, bits=20).conversion_joule / replace(ASSUMED, bits=19).conversion_joule
    assert noise == pytest.approx(4, rel=1e-3, abs=0)  # 6.02 dB are not quite a factor of 4


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bits": 0}, "bits = 0: give a positive"),
        ({"bits": 8.5}, "bits = 8.5: give a number"),
        ({"bits": 25}, "bits = 25: give 1 to 24"),
        ({"sheet_ohm": -1.0}, "sheet_ohm = -1.0: give a positive"),
        ({"wire_farad_per_metre": math.nan}, "wire_farad_per_metre = nan: give a positive"),
        ({"read_volt": True}, "read_volt = True: give a number"),
        ({"supply_volt": 0.1}, "supply_volt = 0.1: is below read_volt = 0.2"),
        ({"resistor_spread": 0.5}, "resistor_spread = 0.5: give 1 or more"),
    ],
)
def test_wrong_assumptions_are_named(settings, said):
    with pytest.raises(InputError, match=said):
        Assumptions(**settings)


def test_energy_of_nothing_leaves_that_part_out(small):
    free = replace(ASSUMED, rescale_joule=0.0)
    assert estimate(small, free).energy_joule["digital rescaling"] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"inputs_volt": np.zeros((1, 9))}, "give \\(points, 10\\)"),
        ({"inputs_volt": np.zeros((101, 10))}, "give at most 100"),
        ({"inputs_volt": np.full((1, 10), 0.9)}, "0.9 V is beyond supply_volt"),
    ],
)
def test_wrong_inputs_are_named(small, options, said):
    with pytest.raises(InputError, match=said):
        estimate(small, **options)


def test_large_tiles_are_refused_a_transient(hundred):
    with pytest.raises(InputError, match="a tile of 20000 cells is slow without end"):
        estimate(hundred, tile=WHOLE, settling="transient")


def test_table_names_every_assumption_and_every_source(small):
    rows = cost_rows(estimate(small), ASSUMED)
    listed = {row.name: row.value for row in rows if row.table == "assumptions"}
    assert listed == asdict(ASSUMED)
    assert all(row.source for row in rows if row.table in ("assumptions", "comparison", "energy")
               if row.name != "total")  # fmt: skip
    assert set(SOURCES) <= set(listed)
    documented = Assumptions.__doc__
    assert all(f"    {field.name} : " in documented for field in fields(Assumptions))
    units = {row.name: row.unit for row in rows if row.table == "assumptions"}
    assert {name for name, unit in units.items() if not unit} == {
        "columns_per_adc",
        "resistor_spread",
    }


def test_shares_of_each_table_make_a_whole(small):
    rows = cost_rows(estimate(small), ASSUMED)
    for table in ("energy", "latency", "area"):
        parts = [row for row in rows if row.table == table]
        assert parts[-1].name == "total"
        assert sum(row.share for row in parts[:-1]) == pytest.approx(1, rel=1e-12, abs=0)
        assert sum(row.value for row in parts[:-1]) == pytest.approx(
            parts[-1].value, rel=1e-12, abs=0
        )


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (46e-9, "J", "46 nJ"),
        (2.3e-12, "J", "2.3 pJ"),
        (0.0, "J", "0 J"),
        (1.2e-9, "m^2", "1200 µm²"),
        (3.3e-5, "m^2", "33 mm²"),
        (2.77e13, "1/J", "27.7 TOPS/W"),
        (10_000, "", "10000"),
        (1e-20, "J", "0.01 aJ"),
    ],
)
def test_numbers_have_prefixes(value, unit, shown):
    assert prefixed(value, unit) == shown


def test_command_prints_and_writes_the_table(small, tmp_path):
    settings = {"version": "0", "seed": 1, "measurement_error": 0.0, "method": "auto"}
    save_chip(tmp_path / "chip.npz", small, settings)
    (tmp_path / "a.toml").write_text("bits = 6\nsheet_ohm = 2000.0\n")
    out = tmp_path / "cost.csv"
    command = ["cost", str(tmp_path / "chip.npz"), "--assumptions", str(tmp_path / "a.toml")]
    done = CliRunner().invoke(cli, [*command, "--bits", "4", "--out", str(out)])
    assert done.exit_code == 0, done.output
    for words in ("fp32", "Left out: moving data", "10.1109/JSSC.2022.3140414"):
        assert words in done.output
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    value = {(row["table"], row["name"]): float(row["value"]) for row in rows}
    assert value["assumptions", "bits"] == 4
    assert value["assumptions", "sheet_ohm"] == 2000
    cost = estimate(small, replace(ASSUMED, bits=4, sheet_ohm=2000.0))
    assert value["energy", "total"] == cost.joule

    (tmp_path / "a.toml").write_text("sheet_ohms = 2000.0\n")
    failed = CliRunner().invoke(cli, command)
    assert "sheet_ohms: no such setting; did you mean 'sheet_ohm'?" in str(failed.exception)
