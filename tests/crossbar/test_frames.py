import sys
from dataclasses import replace

import numpy as np
import pytest

from crossbar import InputError, results
from crossbar.design import Design
from crossbar.studies import Study, Sweep, run

pytest.importorskip("xarray")

STUDY = Study(
    resistors=(4, 2),
    designs=(Design(), Design(ladder="guaranteed")),
    chips=2,
    simulator="ideal",
    sweep=Sweep({"designs.tolerance": [0.3, 0.1], "method": ["auto", "random"]}),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("swept") / "out"
    run(STUDY, path)
    return path


def test_a_frame_has_the_table(folder):
    rows = results.read_results(folder / "results.csv")
    found = results.frame(folder)
    assert len(found) == len(rows)
    assert list(found.columns)[-3:] == ["task", "designs.tolerance", "method"]
    for name in ("weight_worst_bits", "chip", "seconds", "layer"):
        assert list(found[name]) == [getattr(row, name) for row in rows]
    network = found[found.layer == "network"]
    assert network.accuracy_percent.notna().all()
    assert found.accuracy_percent.isna().sum() == len(found) - len(network)


def test_a_dataset_has_a_dimension_for_each_setting(folder):
    found = results.dataset(folder)
    assert dict(found.sizes) == {
        "design": 2, "resistors_per_weight": 2, "designs.tolerance": 2, "method": 2,
        "chip": 2, "layer": 4,
    }  # fmt: skip
    assert list(found["resistors_per_weight"].values) == [4, 2]  # as the study has them
    assert list(found["designs.tolerance"].values) == [0.3, 0.1]
    for row in results.read_results(folder / "results.csv"):
        at = found.sel(
            {"design": row.design, "resistors_per_weight": row.resistors_per_weight,
             "chip": row.chip, "layer": row.layer, **dict(row.swept)}
        )  # fmt: skip
        assert float(at["product_effective_bits"]) == row.product_effective_bits
        assert str(at["task"].values) == row.task
    bits = found["weight_median_bits"].sel({"layer": "network", "method": "auto"}).mean("chip")
    assert np.isfinite(bits).all()


def test_values_that_go_together_are_points(tmp_path):
    points = [{"seed": 1, "tile.rows": 8}, {"seed": 2, "tile.rows": 16}]
    run(replace(STUDY, resistors=(2,), sweep=Sweep(points=points)), tmp_path / "out")
    found = results.dataset(tmp_path / "out")
    assert dict(found.sizes) == {
        "design": 2, "resistors_per_weight": 1, "point": 2, "chip": 2, "layer": 4
    }  # fmt: skip
    assert list(found["tile.rows"].values) == [8, 16]
    assert found["tile.rows"].dims == ("point",)
    assert not np.isnan(found["weight_worst_bits"]).any()


def test_a_study_without_a_sweep_is_a_dataset_too(tmp_path):
    run(replace(STUDY, resistors=(2,), sweep=Sweep()), tmp_path / "out")
    assert "point" not in results.dataset(tmp_path / "out").sizes


@pytest.mark.parametrize("missing", ["pandas", "xarray"])
def test_what_is_not_installed_is_said_in_one_line(folder, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=rf"{missing}: .*resistive-crossbar\[frames\]"):
        results.dataset(folder)


def test_no_table_is_said_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"results.csv: cannot be read .*crossbar study"):
        results.frame(tmp_path)
