"""All families in one small table: what it says, that it resumes, what it refuses."""

import dataclasses
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from crossbar import InputError
from crossbar.models.model_files import load_model
from crossbar.models.training import Training, accuracy_on
from crossbar.pruning import Pruned, families, fitting, magnitude, quantize
from crossbar.pruning import studies as studies_module
from crossbar.pruning.console import families_table
from crossbar.pruning.plots import QUANTITIES, families_figure
from crossbar.pruning.rows import FAMILIES, read_pruning_results
from crossbar.pruning.studies import PruningStudy, run_pruning_study

STUDY = PruningStudy(
    network="lenet-5-digits",
    keep=(0.5, 0.3),
    rate=0.4,
    rounded_bits=(3, 8),
    seeds=2,
    training=Training(epochs=2, lr=1e-2, batch=100),
)


@pytest.fixture(scope="module")
def made(few, tmp_path_factory):
    out = tmp_path_factory.mktemp("study")
    return run_pruning_study(STUDY, few, out), out


@pytest.fixture
def no_figure(monkeypatch):
    """Drawing takes longer than these small studies, and others look at the figure."""
    monkeypatch.setattr(studies_module, "save_figure", lambda *_: None)


def test_every_family_level_and_seed_has_a_row(made, few):
    table, out = made
    assert [row.key for row in table] == STUDY.tasks()
    assert {row.family for row in table} == set(FAMILIES)
    assert read_pruning_results(out / "table" / "results.csv") == table
    assert {path.suffix for path in out.glob("pruning.*")} == {".png", ".svg"}
    assert not list(out.glob("**/*.checkpoint.safetensors"))
    dense = load_model(out / "dense-1.safetensors").module
    row = next(row for row in table if row.key == ("quantization", 8.0, 1))
    assert row.accuracy_percent == accuracy_on(quantize(dense, 8, per="channel").model, few)


def test_the_control_keeps_as_many_weights_as_its_ticket(made):
    table, _ = made
    kept = {row.key: row.kept_weights for row in table}
    for (family, level, seed), count in kept.items():
        if family == "reinitialized":
            ticket = kept["ticket", level, seed]
            assert count == pytest.approx(ticket, rel=0.02)  # rounding to 8 bits takes a few more


def test_scores_learn_at_their_own_rate_and_controls_draw_other_weights(
    few, lenet, tmp_path, monkeypatch
):
    seeds = []
    monkeypatch.setattr(families, "_rounds", lambda work: [Pruned(lenet)] * 2)
    monkeypatch.setattr(families, "reinitialized", lambda model, seed, *_: seeds.append(seed))
    work = families.Work(
        family="reinitialized", seed=1, levels=[0.5, 0.3], first=lenet, dense=lenet, dataset=few,
        training=STUDY.training, popup_lr=0.3, out=tmp_path,
    )  # fmt: skip
    assert [level for level, _ in families.unit_networks(work, [0.3])] == [0.3]
    assert len(seeds) == 1
    assert seeds[0] not in range(1000)  # the seeds of studies
    assert work.fit.training.lr == STUDY.training.lr
    assert dataclasses.replace(work, family="edge-popup").fit.training.lr == 0.3


def test_a_row_s_accuracy_is_that_of_the_weights_that_are_counted(made, few):
    _, out = made
    dense = load_model(out / "dense-0.safetensors").module
    study = dataclasses.replace(STUDY, bits=2)
    row = studies_module._row(study, few, ("magnitude", 0.5, 0), Pruned(dense))
    assert row.accuracy_percent == accuracy_on(quantize(dense, 2).model, few)
    assert row.unrounded_accuracy_percent == accuracy_on(dense, few) != row.accuracy_percent
    assert row.kept_weights == quantize(dense, 2).size().kept_weights


def test_rows_count_what_they_say(made):
    table, _ = made
    for row in table:
        bits = {"quantization": int(row.level), "edge-popup": 2}.get(row.family, STUDY.bits)
        assert row.weight_bits == bits
        assert row.resistors == row.resistors_per_weight * row.kept_weights
        assert row.array_resistors >= row.resistors
        assert row.mask_bits >= row.stored_bits
        if row.family in ("magnitude", "iterative", "ticket", "edge-popup"):
            assert row.kept_weights / row.weights == pytest.approx(row.level, abs=0.02)
    popup, ticket = (
        next(row for row in table if row.key == (family, 0.3, 0))
        for family in ("edge-popup", "ticket")
    )
    assert popup.stored_bits < ticket.stored_bits / 2  # its weights are a seed's


@pytest.mark.usefixtures("no_figure")
def test_processes_change_no_bit(made, few, tmp_path):
    families = ("magnitude", "ticket", "reinitialized")
    study = dataclasses.replace(STUDY, families=families, seeds=1)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        table = run_pruning_study(study, few, tmp_path, executor=executor)
    assert [row.key for row in table] == study.tasks()
    assert table == [row for row in made[0] if row.family in families and row.seed == 0]
    name = "dense-0.safetensors"
    assert (tmp_path / name).read_bytes() == (made[1] / name).read_bytes()
    assert read_pruning_results(tmp_path / "table" / "results.csv") == table


@pytest.mark.usefixtures("no_figure")
@pytest.mark.parametrize("family", ["magnitude", "reinitialized"])
def test_a_unit_stopped_at_a_later_level_is_gone_through_again(few, tmp_path, family, monkeypatch):
    """As where a process was killed, which hands all rows over at its end."""
    study = dataclasses.replace(STUDY, families=(family,), seeds=1)
    epochs = 0
    run_epoch = fitting.run_epoch

    def stopping(*arguments):
        nonlocal epochs
        epochs += 1
        if epochs == stop:
            raise KeyboardInterrupt
        run_epoch(*arguments)

    monkeypatch.setattr(fitting, "run_epoch", stopping)
    stop = -1
    whole = run_pruning_study(study, few, tmp_path / "whole")
    used, epochs = epochs, 0
    stop = used  # the last one
    unit_rows = studies_module._unit_rows
    with monkeypatch.context() as patch:
        patch.setattr(studies_module, "_unit_rows", lambda *given: list(unit_rows(*given)))
        with pytest.raises(KeyboardInterrupt):
            run_pruning_study(study, few, tmp_path / "stopped")
    assert list(tmp_path.glob("stopped/networks/*.checkpoint.safetensors"))
    stop = -1
    assert run_pruning_study(study, few, tmp_path / "stopped") == whole
    assert not list(tmp_path.glob("stopped/**/*.checkpoint.safetensors"))


def test_a_control_is_worked_on_with_its_ticket():
    assert studies_module._apart(("reinitialized", "magnitude", "ticket", "filters")) == [
        ["magnitude"], ["filters"], ["reinitialized", "ticket"]
    ]  # fmt: skip
    assert studies_module._apart(("filters",)) == [["filters"]]


@pytest.mark.parametrize("stop", [12])
def test_a_stopped_study_goes_on_and_ends_with_the_same_bytes(
    made, few, tmp_path, stop, monkeypatch
):
    rows = 0
    row_of = studies_module._row

    def stopping(*arguments):
        nonlocal rows
        rows += 1
        if rows > stop:
            raise KeyboardInterrupt
        return row_of(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(studies_module, "_row", stopping)
        with pytest.raises(KeyboardInterrupt):
            run_pruning_study(STUDY, few, tmp_path)
    assert run_pruning_study(STUDY, few, tmp_path) == made[0]
    for name in ("table/results.csv", "table/run.json", "pruning.svg"):
        assert (tmp_path / name).read_bytes() == (made[1] / name).read_bytes()


@pytest.mark.usefixtures("no_figure")
def test_a_finished_study_is_not_run_again_and_another_is_refused(made, few, monkeypatch):
    table, out = made
    with monkeypatch.context() as patch:
        patch.setattr(studies_module, "unit_networks", None)
        assert run_pruning_study(STUDY, few, out) == table
    with pytest.raises(InputError, match=r"belongs to another study \(bits was 8, is 6\)"):
        run_pruning_study(dataclasses.replace(STUDY, bits=6), few, out)


def test_table_and_figure_show_every_family(made):
    table, _ = made
    text = families_table(table)
    assert len(text.splitlines()) == 2 + len(STUDY.tasks()) // STUDY.seeds
    figure = families_figure(table, 90.0, "all")
    assert [ax.get_xlabel() for ax in figure.axes] == list(QUANTITIES.values())
    labels = [line.get_label() for line in figure.axes[1].lines]
    assert sum(not label.startswith("_") for label in labels) == len(FAMILIES)
    ticket = next(line for line in figure.axes[1].lines if line.get_label() == "lottery ticket")
    rows = [row for row in table if row.family == "ticket"]
    levels = sorted({row.level for row in rows})
    means = [
        sum(row.accuracy_percent for row in rows if row.level == level) / STUDY.seeds
        for level in levels
    ]
    assert list(ticket.get_ydata()) == pytest.approx(means)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"families": ()}, r"families = \[\]: give each value once"),
        ({"families": ("magic",)}, r"families = \['magic'\]: choose from"),
        ({"keep": (0.5, 0.5)}, "keep = "),
        ({"keep": (0.5, 1.5)}, r"keep = 1\.5: give a fraction"),
        ({"rate": 0.0}, r"rate = 0\.0"),
        ({"rate": 1.0}, "rate = 1"),
        ({"rounded_bits": (1,)}, "bits = 1"),
        ({"bits": 40}, "bits = 40"),
        ({"seeds": 0}, "seeds = 0"),
        ({"popup_lr": -1.0}, r"lr = -1\.0"),
        ({"training": Training(prune=0.5)}, r"prune = 0\.5"),
    ],
)
def test_bad_studies_are_refused(change, said):
    with pytest.raises(InputError, match=said):
        dataclasses.replace(STUDY, **change)


@pytest.mark.usefixtures("no_figure")
def test_a_layer_that_loses_everything_is_a_row_and_not_the_end(few, tmp_path):
    study = dataclasses.replace(
        STUDY, families=("magnitude", "iterative"), keep=(0.003,), rate=0.9, seeds=1
    )
    rows = run_pruning_study(study, few, tmp_path)
    assert [row.level for row in rows] == pytest.approx([0.003, 0.1, 0.01, 0.003])
    assert rows[0].kept_weights == rows[-1].kept_weights == 4
    with pytest.raises(InputError, match="without any weight"):
        magnitude(load_model(tmp_path / "dense-0.safetensors").module, 0.003)
    popup = dataclasses.replace(study, families=("magnitude", "edge-popup"), keep=(0.001,))
    with pytest.raises(InputError, match=r"keep = 0\.001: leaves layer 'conv1' without any weight"):
        run_pruning_study(popup, few, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_network_too_large_for_the_images_is_refused_before_anything_is_written(few, tmp_path):
    with pytest.raises(InputError, match="too small"):
        run_pruning_study(dataclasses.replace(STUDY, network="lenet-5"), few, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shares_of_a_shrunk_network_are_of_the_dense_ones_weights(made):
    rows = [row for row in made[0] if row.family == "filters"]
    row = rows[0]
    share = f"{100 * row.kept_weights / (4 * row.weights):.1f}"
    assert families_table([row], 4 * row.weights).splitlines()[-1].split()[4] == share
