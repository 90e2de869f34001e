"""Studies that grow, meet and are merged: what is there is kept, and the end is the same."""

import json
from dataclasses import replace

import pytest

from crossbar import InputError
from crossbar.design import Design
from crossbar.simulation import Tile
from crossbar.studies import Study, Sweep, run
from crossbar.studies.folder import LOG
from crossbar.studies.merging import merge

SMALL = Study(
    resistors=(2,),
    designs=(Design(),),
    chips=2,
    seed=3,
    simulator="ideal",
    measurement_error=1e-5,
)
LARGER = {
    "chips": replace(SMALL, chips=3),
    "resistors": replace(SMALL, resistors=(4, 2)),
    "designs": replace(SMALL, designs=(Design(ladder="guaranteed"), Design())),
    "sweep": replace(SMALL, sweep=Sweep({"measurement_error": [1e-3, 1e-5]})),
    "all": replace(
        SMALL,
        chips=3,
        resistors=(2, 4),
        sweep=Sweep(points=[{"seed": 3, "tile.rows": 32}, {"seed": 4, "tile.rows": 16}]),
    ),
}


def untimed(rows):
    return [replace(row, seconds=0.0) for row in rows]


def table(folder):
    """The lines of a table without the time that each took."""
    lines = [line.split(",") for line in (folder / "results.csv").read_text().splitlines()]
    time = lines[0].index("seconds")
    return [line[:time] + line[time + 1 :] for line in lines]


@pytest.mark.parametrize("larger", LARGER.values(), ids=list(LARGER))
def test_a_study_that_grew_ends_as_if_it_had_been_run_at_once(larger, tmp_path):
    run(SMALL, tmp_path / "grown")
    log = (tmp_path / "grown" / LOG).read_text()
    ran = []
    rows = run(larger, tmp_path / "grown", progress=lambda done, total: ran.append((done, total)))
    assert ran[0] == (2, len(larger.tasks()))  # nothing is done twice
    assert (tmp_path / "grown" / LOG).read_text().startswith(log)  # and nothing rewritten
    assert untimed(rows) == untimed(run(larger, tmp_path / "at once"))
    assert table(tmp_path / "grown") == table(tmp_path / "at once")


def test_a_smaller_study_keeps_the_rest_in_the_table(tmp_path):
    whole = run(LARGER["resistors"], tmp_path / "out")
    rows = run(SMALL, tmp_path / "out")
    assert rows == [row for row in whole if row.resistors_per_weight == 2]
    assert len(table(tmp_path / "out")) == 1 + len(whole)
    assert run(LARGER["resistors"], tmp_path / "out") == whole


def test_rows_that_were_there_get_the_value_that_a_later_sweep_names(tmp_path):
    run(SMALL, tmp_path / "out")
    run(replace(SMALL, sweep=Sweep({"tile.rows": [16]})), tmp_path / "out")
    found = table(tmp_path / "out")
    assert found[0][-1] == "tile.rows"
    assert {line[-1] for line in found[1:]} == {"16", "32"}


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (replace(SMALL, seed=4), "seed was 3, is 4"),
        (replace(SMALL, tile=Tile(16, 32)), "tile.rows was 32, is 16"),
        (replace(SMALL, simulator="nodal"), "simulator was ideal, is nodal"),
        (replace(SMALL, designs=(Design(tolerance=0.1),)), "design.tolerance was 0.2, is 0.1"),
    ],
)
def test_what_contradicts_is_refused_and_nothing_touched(other, told, tmp_path):
    run(SMALL, tmp_path / "out")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    with pytest.raises(InputError, match=told):
        run(other, tmp_path / "out")
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.*")}


def test_two_machines_share_the_chips_of_a_study(tmp_path):
    whole = LARGER["all"]
    run(replace(whole, chips=1), tmp_path / "a")
    run(replace(whole, first_chip=1, chips=2), tmp_path / "b")
    merged = merge([tmp_path / "b", tmp_path / "a"], tmp_path / "both")
    at_once = run(whole, tmp_path / "at once")
    assert untimed(merged) == untimed(at_once)
    assert json.loads((tmp_path / "both/run.json").read_text())["complete"] is True
    again = run(whole, tmp_path / "both", executor=None)  # and the whole study goes on from there
    assert untimed(again) == untimed(at_once)
    assert table(tmp_path / "both") == table(tmp_path / "at once")


def test_parts_that_overlap_or_differ_in_their_sweeps_merge(tmp_path):
    run(SMALL, tmp_path / "a")
    run(LARGER["sweep"], tmp_path / "b")
    run(LARGER["designs"], tmp_path / "c")
    merge([tmp_path / name for name in "abc"], tmp_path / "all")
    assert len({line[-2] for line in table(tmp_path / "all")[1:]}) == 2 + 2 + 2
    whole = replace(LARGER["designs"], sweep=LARGER["sweep"].sweep)
    ran = []
    run(whole, tmp_path / "all", progress=lambda done, total: ran.append((done, total)))
    assert ran[0] == (6, 8)
    run(whole, tmp_path / "at once")
    assert table(tmp_path / "all") == table(tmp_path / "at once")


def changed(folder, old, new):
    """Another folder with something else in all its files."""
    other = folder.with_name("other")
    other.mkdir()
    for name in ("run.json", LOG, "results.csv"):
        (other / name).write_text((folder / name).read_text().replace(old, new))
    return other


def test_a_merge_says_what_does_not_belong_together(tmp_path):
    run(SMALL, tmp_path / "a")
    run(replace(SMALL, seed=4), tmp_path / "b")
    run(replace(SMALL, designs=(Design(tolerance=0.1),)), tmp_path / "c")
    (tmp_path / "d").mkdir()
    newer = changed(tmp_path / "a", '"version": "0.1', '"version": "0.2')
    for names, told in [
        ("ab", "b: is of another study than .*a .seed was 3, is 4"),
        ("ac", "c: has other settings than .*a for paired stagger, 2 resistors, chip 0"),
        ("ad", "d: has no run.json of a study"),
        (["a", newer.name], "other: is of another study .*version was 0.1, is 0.2"),
    ]:
        with pytest.raises(InputError, match=told):
            merge([tmp_path / name for name in names], tmp_path / "out")
        assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="exists already"):
        merge([tmp_path / "a"], tmp_path / "b")


@pytest.mark.parametrize(
    ("identity", "told"),
    [
        ({"experiment": "limits", "study": {"resistors": [4]}}, "'crossbar limits'"),
        ({"experiment": "design", "asked": {"bits": 6.0}}, "'crossbar design'"),
        ({"experiment": "filters", "settings": {}}, r"'crossbar tickets' \(filters\)"),
        ({"study": {"resistors": [4], "design": {}, "converters": {}}}, "'crossbar lenets'"),
        ({"study": {"network": "lenet-5", "families": ["rounds"]}}, "'crossbar prune-study'"),
    ],
)
def test_folders_of_other_experiments_are_named_and_not_merged(identity, told, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one/run.json").write_text(json.dumps({"identity": identity, "complete": True}))
    with pytest.raises(InputError, match=f"one: is of {told}; give folders of 'crossbar study'"):
        merge([tmp_path / "one", tmp_path / "one"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_task_that_came_out_differently_is_a_conflict(tmp_path):
    rows = run(SMALL, tmp_path / "a")
    bits = repr(rows[0].weight_worst_bits)
    other = changed(tmp_path / "a", bits, "1.5")
    with pytest.raises(InputError, match="differs from .*a in weight_worst_bits of paired stagger"):
        merge([tmp_path / "a", other], tmp_path / "out")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [('"chip": 0', '"chip": 7', "line 1: is no finished task"),
     ('"rows"', '"cows"', "line 1: is no finished task")],
)  # fmt: skip
def test_a_log_that_was_edited_is_refused(old, new, told, tmp_path):
    run(SMALL, tmp_path / "a")
    log = tmp_path / "a" / LOG
    log.write_text(log.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=told):
        run(SMALL, tmp_path / "a")
