import dataclasses
import gzip
import itertools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import crossbar
import solvers
from crossbar import Chip, Design, InputError, MeasuredChip, Measurement, Wires
from crossbar.files import load_chip, save_chip
from crossbar.measurements import CONDUCTANCES, RESISTANCES
from crossbar.production import program_real
from crossbar.switches import bit_order, read_bit_order

EXAMPLE = Path(__file__).parents[2] / "examples/measured_chip.csv"
DESIGN = Design(resistors=4)
UNITS = (*RESISTANCES, *CONDUCTANCES)
HEADER = "row,column,branch,ohm\n"
# a value passes a reciprocal, a scale and their inverses: each rounds by half an ulp
ROUNDED = 1e-15


def real(rows=4, columns=3, design=DESIGN, seed=1):
    """A measurement with two open branches, an open cell and an open row."""
    made = crossbar.measure(crossbar.fabricate(design, rows, columns, seed), error=0, seed=2)
    siemens = made.on_siemens.copy()
    siemens[0, 0, 1] = siemens[1, 2, 3] = siemens[1, 1] = siemens[3] = 0
    return Measurement(design, siemens)


def whole(value="3e5", rows=2, columns=2, branches=4):
    places = itertools.product(range(rows), range(columns), range(branches))
    return HEADER + "".join(f"{i},{j},{k},{value}\n" for i, j, k in places)


def read(tmp_path, content, design=DESIGN, name="m.csv", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return crossbar.read_measurement(path, design, **options)


def weights(rows=4, columns=3):
    return np.random.default_rng(0).normal(size=(columns, rows))


# measurements in


@settings(max_examples=60, deadline=None)
@given(
    ohm=arrays(
        float,
        st.tuples(st.integers(1, 3), st.integers(1, 3), st.just(4)),
        elements=st.floats(1.5e3, 1e12) | st.just(np.inf),
    ).filter(lambda ohm: np.isfinite(ohm).any()),
    unit=st.sampled_from(UNITS),
    suffix=st.sampled_from([".csv", ".npz"]),
)
def test_a_measurement_comes_back_from_its_file(ohm, unit, suffix):
    given_one = Measurement(DESIGN, 1 / ohm)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"m{suffix}"
        crossbar.write_measurement(path, given_one, unit=unit)
        found = crossbar.read_measurement(path, DESIGN)
    assert np.array_equal(found.open, ohm == np.inf)
    np.testing.assert_allclose(found.on_siemens, given_one.on_siemens, rtol=ROUNDED)


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("ohm", "250000"),
        ("kohm", "250"),
        ("megohm", "0.25"),
        ("siemens", "4e-6"),
        ("millisiemens", "4e-3"),
        ("microsiemens", "4"),
        ("nanosiemens", "4000"),
    ],
)
def test_the_unit_stands_in_the_name(tmp_path, unit, value):
    found = read(tmp_path, whole(value).replace("ohm", unit, 1))
    np.testing.assert_allclose(found.on_siemens, 4e-6, rtol=ROUNDED)
    np.savez(tmp_path / "m.npz", **{unit: np.full((2, 2, 4), float(value))})
    np.testing.assert_allclose(
        crossbar.read_measurement(tmp_path / "m.npz", DESIGN).on_siemens, 4e-6, rtol=ROUNDED
    )


def test_missing_lines_and_values_are_open_branches(tmp_path):
    text = whole()
    for line, value in (("0,0,1,3e5", "0,0,1,"), ("0,1,2,3e5", "0,1,2,NaN")):
        text = text.replace(line, value)
    text = text.replace("1,0,3,3e5", "1,0,3,inf").replace("1,1,0,3e5\n", "")
    found = read(tmp_path, text)
    assert np.argwhere(found.open).tolist() == [[0, 0, 1], [0, 1, 2], [1, 0, 3], [1, 1, 0]]
    np.testing.assert_allclose(found.on_siemens[~found.open], 1 / 3e5, rtol=ROUNDED)


def test_columns_and_lines_may_stand_in_any_order(tmp_path):
    head, *lines = whole().splitlines()
    lines = [f"{k},{10 + n}e4,{i},{j}" for n, (i, j, k, _) in enumerate(map(tuple, (
        line.split(",") for line in lines
    )))]  # fmt: skip
    assert head == "row,column,branch,ohm"
    text = '\ufeff# a comment, "quoted\n\nBranch, ohm ,row,column\r\n' + "\r\n".join(lines[::-1])
    found = read(tmp_path, text)
    np.testing.assert_allclose(
        1 / found.on_siemens, (1e5 + 1e4 * np.arange(16)).reshape(2, 2, 4), rtol=ROUNDED
    )


def test_lists_in_an_npz_are_the_columns_of_the_csv(tmp_path):
    row, column, branch = (index.ravel()[1:] for index in np.indices((2, 2, 4)))
    columns = {"row": row, "column": column.astype(np.uint8), "branch": branch}
    np.savez(tmp_path / "m.npz", **columns, kohm=np.arange(301, 316))
    found = crossbar.read_measurement(tmp_path / "m.npz", DESIGN)
    assert np.argwhere(found.open).tolist() == [[0, 0, 0]]
    np.testing.assert_allclose(
        1 / found.on_siemens.ravel()[1:], np.arange(301e3, 316e3, 1e3), rtol=ROUNDED
    )


def test_a_given_size_leaves_dead_lines_open(tmp_path):
    found = read(tmp_path, whole(), rows=3, columns=4)
    assert found.on_siemens.shape == (3, 4, 4)
    assert found.open[2].all()
    assert found.open[:, 2:].all()
    assert not found.open[:2, :2].any()


def test_a_measurement_without_the_switch_gets_it(tmp_path):
    found = read(tmp_path, whole("500"), switch_included=False)
    np.testing.assert_allclose(found.on_siemens, 1 / 1500, rtol=ROUNDED)
    with pytest.raises(
        InputError, match="line 2: ohm = 500.0: less resistance than .* --switch-ex"
    ):
        read(tmp_path, whole("500"))


def with_line(line, number=3):
    """A good file whose line `number`, by default that of branch 1, is another."""
    lines = whole().splitlines()
    lines[number - 1] = line
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "m.csv: is empty: give a header row,column,branch,ohm"),
        ("# nothing\n\n", "is empty"),
        (HEADER, "has a header only"),
        ("0,0,0,3e5\n", "line 1: header = '0,0,0,3e5': give the columns row,column,branch,ohm"),
        ("row;column;branch;ohm\n", "line 1: header = .*separated by commas"),
        ("row,column,branch,mohm\n", "header = .* the last one of ohm, kohm, megohm"),
        ("row,column,branch,ohm,siemens\n", "line 1: header"),
        ("row,column,branch,ohm,ohm\n", "line 1: header"),
        ("row,column,branch,ohm,date\n", "line 1: header"),
        ("row,column,ohm\n", "line 1: header"),
        (with_line("0,0,1,-5"), "m.csv: line 3: ohm = -5.0: give a positive number"),
        (with_line("0,0,1,0"), "line 3: ohm = 0.0: give a positive number"),
        (with_line("0,0,1,-inf"), "line 3: ohm = -inf: give a positive number"),
        (with_line("0,0,1,1e-12"), "line 3: ohm = 1e-12: give what is 1e-09 to 1e.15 ohm"),
        (with_line("0,0,1,1e16"), "line 3: ohm = 1e.16: give what is"),
        (with_line("0,0,1,1e400"), "line 3: ohm = '1e400': give a number"),
        (with_line("0,0,1,open"), "line 3: ohm = 'open': give a number with a decimal point"),
        (with_line("0,0,1,1_0"), "line 3: ohm = '1_0'"),
        (with_line("0,0,1,3,5"), "line 3: has 5 fields: give 4"),
        (with_line("0,0,1"), "line 3: has 3 fields: give 4"),
        (with_line("0,1.5,1,3e5"), "line 3: column = '1.5': give a whole number from 0 on"),
        (with_line("-1,0,1,3e5"), "line 3: row = '-1': give a whole number"),
        (with_line("0,,1,3e5"), "line 3: column = '': give a whole number"),
        (with_line("0,0,9999999999,3e5"), "line 3: branch = '9999999999'"),
        (with_line("0,0,4,3e5"), "line 3: branch = 4: give a number from 0 to 3; the design's ce"),
        (with_line("0,0,0,4e5"), "line 3: row = 0, column = 0, branch = 0: stands in line 2"),
        (with_line("3,0,1,3e5"), "row = 2 occurs nowhere: number from 0 without gaps"),
        (with_line("999999999,0,1,3e5"), "row = 2 occurs nowhere"),
        (whole().replace("\n0,", "\n2,"), "row = 0 occurs nowhere"),
        (whole(branches=3), "branch = 3 occurs nowhere: .* to 3, as the design's cell has 4"),
        (whole(""), "every branch is open: give the ohm of those that conduct"),
        ((HEADER + "0,0,0,µ").encode("latin-1"), "line 2: byte 0xb5 is no UTF-8 text"),
        (whole().encode("utf-16"), "line 1: byte 0xff is no UTF-8 text"),
        (whole().encode("utf-16-le"), "line 1: byte 0x00 is no UTF-8 text"),
        (gzip.compress(whole().encode(), mtime=0), "is no UTF-8 text"),
    ],
)
def test_a_wrong_csv_is_one_clear_line(tmp_path, text, named):
    with pytest.raises(InputError, match=named) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "m.csv"))


def test_no_conductance_is_said_by_no_value(tmp_path):
    siemens = with_line("0,0,1,0").replace("ohm", "siemens", 1).replace("3e5", "3e-6")
    with pytest.raises(InputError, match="siemens = 0.0: give a positive number; an open branch h"):
        read(tmp_path, siemens)


INDEX = dict(zip(("row", "column", "branch"), np.indices((2, 2, 4)).reshape(3, -1), strict=True))
OHM = np.full(16, 3e5)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({}, r"holds the arrays \(none\): give one of ohm"),
        ({"resistance": OHM}, "holds the arrays resistance"),
        ({"ohm": OHM, "kohm": OHM}, "holds the arrays ohm, kohm"),
        ({"ohm": OHM, "row": OHM}, "holds the arrays ohm, row"),
        ({"ohm": OHM}, r"ohm has shape .16,.: give .rows, columns, 4."),
        ({"ohm": OHM.reshape(4, 2, 2)}, r"ohm has shape .4, 2, 2.: give .rows, columns, 4."),
        ({"ohm": OHM.reshape(2, 2, 4) > 0}, "ohm has type bool"),
        ({"ohm": OHM.reshape(2, 2, 4) * 1j}, "ohm has type complex128"),
        ({"ohm": np.zeros((0, 2, 4))}, "ohm is empty"),
        ({"ohm": -OHM.reshape(2, 2, 4)}, r"ohm\[0, 0, 0\] = -300000.0: give a positive number"),
        ({"ohm": OHM, **INDEX, "row": OHM}, "row is float64 .* give integers"),
        ({"ohm": OHM, **INDEX, "row": INDEX["row"][1:]}, r"row is int64 of shape .15,."),
        ({"ohm": OHM, **INDEX, "row": INDEX["row"] - 1}, "entry 0: row = -1: give a number from 0"),
        ({"ohm": OHM, **INDEX, "row": np.uint64(2**63) + INDEX["row"].astype("u8")}, "row = 92233"),
        ({"ohm": OHM, **INDEX, "row": 0 * INDEX["row"]}, "entry 8: .*stands in entry 0 already"),
        ({"ohm": np.array([None])}, "no readable .npz file"),
    ],
)
def test_a_wrong_npz_is_one_clear_line(tmp_path, content, named):
    np.savez(tmp_path / "m.npz", **content)
    with pytest.raises(InputError, match=named) as caught:
        crossbar.read_measurement(tmp_path / "m.npz", DESIGN)
    assert "\n" not in str(caught.value)


def test_no_npz_at_all_is_refused(tmp_path):
    np.savez(tmp_path / "good.npz", ohm=OHM.reshape(2, 2, 4))
    good = (tmp_path / "good.npz").read_bytes()
    damaged = good[:200] + bytes([good[200] ^ 255]) + good[201:]
    for content in (b"", b"nonsense", good[:-30], damaged):
        with pytest.raises(InputError, match=r"m.npz: no readable .npz file"):
            read(tmp_path, content, name="m.npz")
    np.save(tmp_path / "m.npy", OHM)
    shutil.move(tmp_path / "m.npy", tmp_path / "m.npz")
    with pytest.raises(InputError, match="is one array without a name"):
        crossbar.read_measurement(tmp_path / "m.npz", DESIGN)
    with pytest.raises(InputError, match="ends in .csv or .npz"):
        read(tmp_path, whole(), name="m.txt")
    with pytest.raises(InputError, match=r"absent.csv: cannot be read"):
        crossbar.read_measurement(tmp_path / "absent.csv", DESIGN)
    with pytest.raises(InputError, match="rows = 0"):
        read(tmp_path, whole(), rows=0)
    with pytest.raises(InputError, match="unit = 'mho'"):
        crossbar.write_measurement(tmp_path / "x.csv", real(), unit="mho")


# through programming and simulation


def test_a_measured_chip_says_so_in_its_type_and_has_the_measured_values():
    known = real()
    chip = crossbar.as_measured(known, "tester 5")
    assert isinstance(chip, MeasuredChip)
    assert chip.source == "tester 5"
    assert not isinstance(crossbar.fabricate(DESIGN, 2, 2, seed=1), MeasuredChip)
    assert not isinstance(known, Chip)
    closed = chip.branch_siemens(np.ones(chip.true_ohm.shape, dtype=bool))
    # on_ohm is taken from a resistance of 300 times as much and added again
    np.testing.assert_allclose(closed, known.on_siemens, rtol=ROUNDED)
    with pytest.raises(InputError, match=r"on_siemens\[0, 0, 0\] = 0.01: more than the switch"):
        crossbar.as_measured(Measurement(DESIGN, np.full((1, 1, 4), 1e-2)))


@pytest.mark.parametrize("ladder, by", [("stagger", "measured"), ("binary", "nominal")])
@pytest.mark.parametrize("method", ["auto", "random", "milp"])
def test_programming_never_relies_on_an_open_branch(ladder, by, method):
    known = real(design=Design(resistors=4, ladder=ladder, programmed_by=by))
    made = program_real(known, weights(), method=method)
    assert made.program.enabled.any()
    assert not (made.program.enabled & known.open).any()
    assert not made.program.reachable[known.open.all(axis=2)].any()


def test_no_method_can_close_an_open_branch(monkeypatch):
    """Equal sums go to the fewest switches, but not every method needs to keep to that."""
    solve_batch = solvers.solve_batch

    def closes_all(*arguments, **options):
        solution = solve_batch(*arguments, **options)
        return dataclasses.replace(solution, mask=np.ones_like(solution.mask))

    monkeypatch.setattr(solvers, "solve_batch", closes_all)
    known = real()
    assert np.array_equal(program_real(known, weights()).program.enabled, ~known.open)


def test_an_open_branch_is_as_good_as_none():
    """The best subset of a cell with open branches is that of the branches which are left."""
    design = Design(resistors=8, off_ohm=np.inf)
    made = crossbar.measure(crossbar.fabricate(design, 3, 3, seed=5), error=0, seed=1)
    opened = np.random.default_rng(3).random((3, 3, 8)) < 0.3
    known = Measurement(design, np.where(opened, 0, made.on_siemens))
    chosen = program_real(known, weights(3, 3))
    target = chosen.program.target_siemens
    for cell in np.ndindex(3, 3):
        left = (known.on_siemens[cell] * design.signs)[~opened[cell]]
        choices = np.array(list(itertools.product((0, 1), repeat=left.size)))
        best = np.abs(choices @ left - target[cell]).min()
        mine = known.on_siemens[cell] * design.signs @ chosen.program.enabled[cell]
        # sums of eight conductances, in another order
        assert abs(mine - target[cell]) == pytest.approx(best, abs=1e-15 * 1e-4)


def test_weights_of_another_size_are_refused():
    with pytest.raises(InputError, match=r"weights have shape \(4, 3\): the chip has 4 rows and 3"):
        program_real(real(), weights().T)


@pytest.mark.parametrize("wires", [Wires(), Wires.ideal()], ids=["wires", "no wires"])
def test_simulators_leave_open_branches_out(wires):
    made = program_real(real(), weights())
    answers = {
        name: crossbar.transfer(made.chip, made.program, wires, simulator=name).siemens
        for name in ("ideal", "nodal", "ngspice")
    }
    with np.errstate(divide="ignore"):
        on, off = 1 / made.measurement.on_siemens[:3], DESIGN.off_ohm - DESIGN.on_ohm
    ohm = np.where(made.program.enabled[:3], on, on + off)
    cells = np.sum(DESIGN.signs / ohm, axis=2)
    scale = np.abs(cells).max()
    assert np.abs(answers["ideal"][:, :3] - cells.T).max() < 1e-12 * scale
    assert np.abs(answers["nodal"] - answers["ngspice"]).max() < 1e-9 * scale
    assert not answers["nodal"][:, 3].any()
    assert not answers["ngspice"][:, 3].any()
    if wires == Wires.ideal():
        assert np.abs(answers["nodal"] - answers["ideal"]).max() < 1e-12 * scale


@pytest.mark.parametrize("cells", ["folded", "branches"])
def test_netlists_leave_open_branches_out(cells):
    from crossbar.simulation import layer_text, place_tiles

    made = program_real(real(), weights())
    grid = place_tiles(made.chip, made.program, Wires())
    text = layer_text(grid, np.full(4, 0.1), title="open", cells=cells).lower()
    elements = [line for line in text.splitlines() if line.startswith(("rcell", "xcell"))]
    opened = made.measurement.open
    assert not any(line.startswith(("rcell3_", "xcell3_")) for line in elements)
    if cells == "branches":
        assert len(elements) == (~opened).sum()
    else:
        lines = np.stack([~opened[:, :, DESIGN.signs == sign] for sign in (1, -1)])
        assert len(elements) == lines.any(axis=-1).sum()
    assert "inf" not in "".join(elements)


def test_a_saved_real_chip_stays_one(tmp_path):
    made = program_real(real(), weights(), source="tester 5")
    known = {"version": "1", "seed": 0, "measurement_error": 0.0, "method": "auto"}
    save_chip(tmp_path / "chip.npz", made, known)
    found, _ = load_chip(tmp_path / "chip.npz")
    assert isinstance(found.chip, MeasuredChip)
    assert found.chip.source == "tester 5"
    assert np.array_equal(found.chip.true_ohm, made.chip.true_ohm)
    assert np.array_equal(found.measurement.open, made.measurement.open)


def test_the_example_is_what_its_first_lines_say():
    design = Design(resistors=8)
    made = crossbar.measure(crossbar.fabricate(design, 4, 3, seed=2023), error=1e-4, seed=2024)
    found = crossbar.read_measurement(EXAMPLE, design)
    assert np.argwhere(found.open).tolist() == [[0, 1, 2], [3, 2, 5]]
    kept = ~found.open
    # written with one decimal
    np.testing.assert_allclose(
        1 / found.on_siemens[kept], 1 / made.on_siemens[kept], rtol=0, atol=0.0501
    )


# switches out

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5))
ORDERS = st.builds(
    lambda names, minus: ",".join(m + n for m, n in zip(minus, names, strict=True)),
    st.permutations(["row", "column", "branch"]),
    st.tuples(*[st.sampled_from(["", "-"])] * 3),
)


@settings(max_examples=60, deadline=None)
@given(enabled=arrays(bool, SHAPES), suffix=st.sampled_from([".csv", ".npz"]))
def test_switches_come_back_from_tables(enabled, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"s{suffix}"
        crossbar.write_switches(path, enabled)
        assert np.array_equal(crossbar.read_switches(path), enabled)


@settings(max_examples=60, deadline=None)
@given(enabled=arrays(bool, SHAPES), order=ORDERS)
def test_switches_come_back_from_a_stream_of_any_order(enabled, order):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.txt"
        crossbar.write_switches(path, enabled, order=order)
        found = crossbar.read_switches(path)
        bits = "".join(path.read_text().splitlines()[3:])
    assert np.array_equal(found, enabled)
    # once more, by loops as the documentation says it: slowest first, - counts down
    spans = {}
    for name, size in zip(("row", "column", "branch"), enabled.shape, strict=True):
        spans[name], spans[f"-{name}"] = range(size), range(size - 1, -1, -1)
    names = order.split(",")
    expected = ""
    for numbers in itertools.product(*(spans[name] for name in names)):
        at = {name.removeprefix("-"): k for name, k in zip(names, numbers, strict=True)}
        expected += "01"[int(enabled[at["row"], at["column"], at["branch"]])]
    assert bits == expected


@settings(max_examples=30, deadline=None)
@given(enabled=arrays(bool, SHAPES), data=st.data())
def test_switches_come_back_from_a_stream_in_the_order_of_a_file(enabled, data):
    places = data.draw(st.permutations(list(np.ndindex(*enabled.shape))))
    with tempfile.TemporaryDirectory() as folder:
        chain, path = Path(folder) / "chain.csv", Path(folder) / "s.txt"
        text = "\n".join(f"{i},{j},{k}" for i, j, k in places)
        chain.write_text(f"row,column,branch\n{text}\n")
        order = read_bit_order(chain, enabled.shape)
        crossbar.write_switches(path, enabled, order=order)
        assert np.array_equal(crossbar.read_switches(path, order=order), enabled)
        bits = "".join(path.read_text().splitlines()[3:])
        assert bits == "".join("01"[int(enabled[place])] for place in places)
        with pytest.raises(InputError, match="read it with that file"):
            crossbar.read_switches(path)


def test_a_minus_before_branch_makes_each_cell_a_number_with_branch_0_as_lsb(tmp_path):
    enabled = np.zeros((1, 2, 4), dtype=bool)
    enabled[0, 0, 0] = enabled[0, 1, 3] = enabled[0, 1, 1] = True
    crossbar.write_switches(tmp_path / "s.txt", enabled, order="row,column,-branch")
    assert (tmp_path / "s.txt").read_text().splitlines() == [
        "# resistive-crossbar switches: 1 closed, 0 open; the first bit first",
        "# rows 1, columns 2, branches 4",
        "# order row,column,-branch",
        "00011010",
    ]


@pytest.mark.parametrize(
    "order", ["row", "row,column", "row,column,branch,row", "row,row,branch", "--row,column,branch"]
)
def test_a_wrong_order_is_refused(order):
    with pytest.raises(InputError, match="give row, column and branch, each once"):
        bit_order(order, (2, 2, 2))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("0,0,0\n0,0,1\n0,0,0\n", "chain.csv: line 4: row = 0, .* names a switch once more"),
        ("0,0,0\n", "row = 0, column = 0, branch = 1 is missing: give all 2 switches"),
        ("0,0,2\n", "line 2: branch = 2: the chip's go from 0 to 1"),
        ("0,0,x\n", "line 2: branch = 'x'"),
        ("", "has a header only"),
    ],
)
def test_a_wrong_order_file_is_refused(tmp_path, text, named):
    (tmp_path / "chain.csv").write_text(f"row,column,branch\n{text}")
    with pytest.raises(InputError, match=named):
        read_bit_order(tmp_path / "chain.csv", (1, 1, 2))


def test_wrong_switches_are_refused(tmp_path):
    path = tmp_path / "s.txt"
    crossbar.write_switches(path, np.ones((1, 2, 2), dtype=bool))
    good = path.read_text()
    for text, named in (
        (good[:-2], "has 3 bits: give 1 x 2 x 2"),
        (good.replace("1111", "1121"), "bit 2 = '2': give 0 or 1"),
        (good.replace("# rows 1", "# rows 2"), "has 4 bits: give 2 x 2 x 2"),
        (good.replace("# order row", "# order rows"), "give row, column and branch, each once"),
        ("1111\n", "does not begin with the three lines"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=named):
            crossbar.read_switches(path)
    table = "row,column,branch,enabled\n0,0,0,1\n0,0,1,"
    for value, named in (
        ("2", "line 3: enabled = 2.0: give 1"),
        ("", "branch = 1: enabled has no"),
    ):
        (tmp_path / "s.csv").write_text(table + value)
        with pytest.raises(InputError, match=named):
            crossbar.read_switches(tmp_path / "s.csv")
    with pytest.raises(InputError, match="has an order of its own"):
        crossbar.write_switches(tmp_path / "x.csv", np.ones((1, 1, 2), bool), order="row")
    with pytest.raises(InputError, match="enabled is int64"):
        crossbar.write_switches(tmp_path / "x.csv", np.ones((1, 1, 2), int))


# the command line


def run(*arguments, cwd):
    command = [sys.executable, "-m", "crossbar", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


def succeeds(*arguments, cwd):
    done = run(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fails(*arguments, cwd):
    before = {path: path.read_bytes() for path in cwd.iterdir()}
    done = run(*arguments, cwd=cwd)
    assert done.returncode == 2
    assert done.stderr.startswith("crossbar: error: ")
    assert done.stderr.count("\n") == 1
    assert before == {path: path.read_bytes() for path in cwd.iterdir()}
    return done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the example programmed by the command line."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "cell.toml").write_text("resistors = 8\n")
    shutil.copy(EXAMPLE, folder / "measured.csv")
    np.save(folder / "weights.npy", weights())
    np.savetxt(folder / "volts.csv", np.eye(4), delimiter=",")
    options = ("--chip", "measured.csv", "--design", "cell.toml", "--out", "chip.npz")
    said = succeeds("program", "weights.npy", *options, cwd=folder)
    assert "true resistances: the measured ones of measured.csv, sha256" in said
    assert "2 branches open" in said
    return folder


def test_a_measured_chip_goes_through_simulation_and_netlist(made):
    found, _ = load_chip(made / "chip.npz")
    known = crossbar.read_measurement(EXAMPLE, Design(resistors=8))
    assert np.array_equal(found.measurement.on_siemens, known.on_siemens)
    assert not (found.program.enabled & known.open).any()
    options = ("--inputs", "volts.csv", "--out", "amperes.csv", "--simulator", "nodal")
    said = succeeds("simulate", "chip.npz", *options, cwd=made)
    assert "true resistances: the measured ones" in said
    amperes = np.loadtxt(made / "amperes.csv", delimiter=",")
    ideal = crossbar.transfer(found.chip, found.program, Wires(), simulator="ideal").siemens.T
    # the wires cost less than a hundredth
    assert np.abs(amperes - ideal).max() < 1e-2 * np.abs(ideal).max()
    succeeds("netlist", "chip.npz", "--out", "chip.cir", cwd=made)
    head = (made / "chip.cir").read_text().splitlines()[0]
    assert head.startswith("* paired stagger, the measured ones of measured.csv, sha256 ")


def test_switches_go_out_and_come_back(made):
    enabled = load_chip(made / "chip.npz")[0].program.enabled
    places = list(np.ndindex(*enabled.shape))
    np.random.default_rng(0).shuffle(places)
    lines = "\n".join(",".join(map(str, place)) for place in places)
    (made / "chain.csv").write_text(f"row,column,branch\n{lines}\n")
    chain = read_bit_order(made / "chain.csv", enabled.shape)
    for name, options, order in (
        ("s.csv", (), None),
        ("s.npz", (), None),
        ("s.txt", (), None),
        ("t.txt", ("--order", "-branch,row,-column"), None),
        ("u.txt", ("--order-file", "chain.csv"), chain),
    ):
        said = succeeds("switches", "chip.npz", "--out", name, *options, cwd=made)
        assert f"96 switches, 4 rows x 3 columns x 8 branches, {enabled.sum()} closed" in said
        assert np.array_equal(crossbar.read_switches(made / name, order=order), enabled)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("program weights.npy --chip absent.csv --out x.npz", "absent.csv: cannot be read"),
        ("program weights.npy --chip measured.csv --out x.npz", "the design's cell has 16"),
        ("program weights.npy --chip chip.npz --out chip.npz", "is an input too"),
        ("program weights.npy --chip chip.npz --out x.npz", "holds the arrays about, true_ohm"),
        ("program weights.npy --switch-excluded --out x.npz", "only with --chip"),
        (
            "program weights.npy --chip measured.csv --measurement-error 0.1 --out x.npz",
            "measured already",
        ),
        ("switches chip.npz --out chip.npz", "is an input too"),
        ("switches chip.npz --out x.bin", "ends in .csv or .npz or .txt"),
        ("switches chip.npz --out no/x.txt", "folder is missing"),
        ("switches chip.npz --out x.csv --order row,column,branch", "order of its own"),
        ("switches chip.npz --out x.txt --order row,col,branch", "each once"),
        ("switches chip.npz --out x.txt --order-file measured.csv", "header"),
        ("switches weights.npy --out x.txt", "no programmed chip"),
    ],
)
def test_bad_input_is_one_line_and_status_2(made, tmp_path, arguments, named):
    for path in made.iterdir():
        shutil.copy(path, tmp_path)
    assert named in fails(*arguments.split(), cwd=tmp_path)


def test_help_has_an_example(tmp_path):
    assert "Example: crossbar switches" in succeeds("switches", "--help", cwd=tmp_path)
