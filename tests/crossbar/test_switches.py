import itertools
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import crossbar
from crossbar import InputError
from crossbar.switches import bit_order, read_bit_order

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


def test_the_head_of_an_offset_chip_says_which_column_is_the_reference(tmp_path):
    from click.testing import CliRunner

    from crossbar.cli import cli

    np.save(tmp_path / "weights.npy", np.random.default_rng(0).normal(size=(2, 3)))
    (tmp_path / "cell.toml").write_text('polarity = "offset"\nresistors = 4\n')
    names = {name: str(tmp_path / name) for name in ("weights.npy", "cell.toml", "c.npz", "s.txt")}
    runner = CliRunner()
    program = ["program", names["weights.npy"], "--design", names["cell.toml"]]
    done = runner.invoke(cli, [*program, "--out", names["c.npz"]], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    done = runner.invoke(cli, ["switches", names["c.npz"], "--out", names["s.txt"]])
    assert "3 rows x 3 columns (the last one is the reference) x 4 branches" in done.output
    size = (tmp_path / "s.txt").read_text().splitlines()[1]
    assert size == "# rows 3, columns 3, branches 4; the last column is the reference"
    assert crossbar.read_switches(tmp_path / "s.txt").shape == (3, 3, 4)
