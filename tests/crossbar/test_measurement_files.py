import gzip
import itertools
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import crossbar
from crossbar import Design, InputError, Measurement
from crossbar.measurements import CONDUCTANCES, RESISTANCES

DESIGN = Design(resistors=4)
UNITS = (*RESISTANCES, *CONDUCTANCES)
HEADER = "row,column,branch,ohm\n"
# a value passes a reciprocal, a scale and their inverses: each rounds by half an ulp
ROUNDED = 1e-15


def whole(value="3e5", rows=2, columns=2, branches=4):
    places = itertools.product(range(rows), range(columns), range(branches))
    return HEADER + "".join(f"{i},{j},{k},{value}\n" for i, j, k in places)


def read(tmp_path, content, design=DESIGN, name="m.csv", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return crossbar.read_measurement(path, design, **options)


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
        crossbar.write_measurement(tmp_path / "x.csv", read(tmp_path, whole()), unit="mho")
