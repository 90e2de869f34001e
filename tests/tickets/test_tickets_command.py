"""`crossbar tickets`, as a user runs it: on digits, without a folder of data."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

from crossbar.datasets import load_dataset
from crossbar.errors import InputError
from crossbar.tables import read_table, to_csv
from crossbar.tickets import neurons, runs
from crossbar.tickets.experiments import TicketRow, WeightErrorRow
from crossbar.tickets.filters import SHAPES, FilterRow
from crossbar.tickets.flyhash import HASHES, RecallRow
from crossbar.tickets.hardware import HardwareRow
from crossbar.tickets.neurons import NeuronRow
from crossbar.tickets.runs import run_flyhash, run_neurons


@pytest.fixture
def tickets(crossbar, tmp_path):
    """Run ``crossbar tickets`` in this process."""

    def run(*arguments):
        return crossbar("tickets", *arguments, "--out", "out", "--quiet", cwd=tmp_path)

    return run


def test_pensias_experiment_on_digits(tickets, tmp_path):
    status, said, _ = tickets("pensia", "--n", 10, "--epochs", 2)
    assert status == 0
    assert "kept a weight" in said
    rows = read_table(tmp_path / "out/pensia-digits/results.csv", TicketRow, "")
    assert [row.key for row in rows] == [
        (name, 10) for name in ("their script", "plain sums", "pensia")
    ]
    run = json.loads((tmp_path / "out/pensia-digits/run.json").read_text())
    assert run["complete"]
    assert run["identity"]["settings"] == {"n": 10, "eps": 0.01, "seed": 0}
    assert {"version", "torch", "model_sha256", "dataset_sha256"} < run["identity"].keys()
    again = (tmp_path / "out/pensia-digits/results.csv").read_bytes()
    assert tickets("pensia", "--n", 10, "--epochs", 2)[1] == said  # seconds and all: none was run
    assert (tmp_path / "out/pensia-digits/results.csv").read_bytes() == again
    status, _, error = tickets("pensia", "--n", 11, "--epochs", 2)
    assert status == 2
    assert "settings.n was 10, is 11" in error


def test_da_cunhas_table_on_digits(tickets, tmp_path):
    status, said, _ = tickets("da-cunha", "--n", "4,8", "--seeds", 2, "--epochs", 2)
    assert status == 0
    assert said.count("unreachable") == 2 * 2
    assert "mnist" not in said  # the published networks are of other images
    assert "published" not in (tmp_path / "out/da-cunha-digits.svg").read_text()
    errors = read_table(tmp_path / "out/da-cunha-digits-errors/results.csv", WeightErrorRow, "")
    assert len(errors) == 4 * 2 * 2
    assert (tmp_path / "out/da-cunha-digits.png").stat().st_size > 10_000


def test_the_table_on_digits_says_what_is_missing(tickets, tmp_path):
    status, said, _ = tickets("table", "--epochs", 1, "--sets", 1)
    assert status == 0
    assert "## The constructions" in said
    assert "no rows of 'crossbar tickets pensia' or 'da-cunha' yet" in said
    assert (tmp_path / "out/strong-tickets.csv").read_text().count("\n") == 1
    assert tickets("table", "--epochs", 1, "--sets", 1)[1] == said


def test_neurons_and_their_figure(tickets, tmp_path):
    status, said, _ = tickets("neurons", "--quick", "--trials", 1, "--dimensions", 2)
    assert status == 0
    assert "error 0.1 up to d = " in said
    rows = read_table(tmp_path / "out/neurons/results.csv", NeuronRow, "")
    assert len(rows) == 3 * 4 * 2
    assert all(row.proven is True for row in rows)
    assert (tmp_path / "out/neurons.png").stat().st_size > 10_000


def test_filters_and_their_figure(tickets, tmp_path):
    status, said, _ = tickets("filters", "--quick", "--trials", 1)
    assert status == 0
    assert "1 x 1 x 5 x 5 = 25 weights of n =  20 filters" in said
    rows = read_table(tmp_path / "out/filters/results.csv", FilterRow, "")
    assert len(rows) == 4 * len(SHAPES)
    assert all(row.proven is True for row in rows)
    assert (tmp_path / "out/filters.png").stat().st_size > 10_000


def test_flyhash_on_digits(tickets, tmp_path):
    status, _, _ = tickets("flyhash", "--trials", 1, "--lengths", "2,4", "--images", 60)
    assert status == 0
    rows = read_table(tmp_path / "out/flyhash-digits/results.csv", RecallRow, "")
    assert [(row.name, row.length) for row in rows] == [(h, n) for n in (2, 4) for h in HASHES]


def test_too_few_images_leave_no_folder_that_refuses_more(tickets, tmp_path):
    status, _, error = tickets("flyhash", "--images", 10, "--lengths", 2, "--trials", 1)
    assert status == 2
    assert error == "crossbar: error: share = 0.02: of 10 images none is near; give more\n"
    assert not (tmp_path / "out").exists()


def test_a_killed_run_computes_only_what_is_missing(tmp_path, monkeypatch):
    computed = []
    real = neurons._row

    def counted(kind, d, n, *rest):
        computed.append((kind, d, n))
        return real(kind, d, n, *rest)

    def killed(kind, d, n, *rest):
        if (kind, d) == ("inputs", 2):
            raise KeyboardInterrupt
        return counted(kind, d, n, *rest)

    monkeypatch.setattr(neurons, "_row", killed)
    monkeypatch.setattr(runs, "save_figure", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        run_neurons(tmp_path, 2, [6], trials=1)
    table = tmp_path / "neurons" / "results.csv"
    table.write_text(table.read_text() + "inputs,2,6,1,enum")  # cut short
    assert len(computed) == 3
    monkeypatch.setattr(neurons, "_row", counted)
    rows = run_neurons(tmp_path, 2, [6], trials=1)
    assert len(computed) == len(set(computed)) == 6
    assert [row.key for row in rows] == [(kind, d, 6) for kind in neurons.KINDS for d in (1, 2)]
    assert read_table(table, NeuronRow, "") == rows
    with pytest.raises(InputError, match="settings.trials was 1, is 2"):
        run_neurons(tmp_path, 2, [6], trials=2)


def test_a_task_of_several_rows_is_computed_again_when_a_kill_left_only_some(tmp_path, monkeypatch):
    dataset, lengths = load_dataset("digits"), [2, 4, 8]
    settings = {"lengths": lengths, "trials": 1, "images": 60}
    whole = run_flyhash(dataset, tmp_path / "whole", **settings)
    asked = []
    real = runs.flyhash_rows

    def killed(images, lengths, *, skip, **options):
        asked.append(sorted(set(lengths) - {length for (length,) in skip}))
        for number, row in enumerate(real(images, lengths, skip=skip, **options)):
            if number == stop:
                raise KeyboardInterrupt
            yield row

    monkeypatch.setattr(runs, "flyhash_rows", killed)
    stop = len(HASHES) + 1  # one row into the second task
    with pytest.raises(KeyboardInterrupt):
        run_flyhash(dataset, tmp_path / "stopped", **settings)
    table = tmp_path / "stopped/flyhash-digits/results.csv"
    assert len(read_table(table, RecallRow, "")) == len(HASHES)
    half = to_csv(whole[len(HASHES) : 2 * len(HASHES)], RecallRow, header=False)
    table.write_text(table.read_text() + half[: half.rindex("\n", 0, -1) + 8])  # all but one
    stop = -1
    assert run_flyhash(dataset, tmp_path / "stopped", **settings) == whole
    assert asked == [[2, 4, 8], [4, 8]]
    assert table.read_bytes() == (tmp_path / "whole/flyhash-digits/results.csv").read_bytes()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("pensia", "--dataset", "mnist"), "dataset = 'mnist': give the folder of its files"),
        (("da-cunha", "--n", "5,x"), "--n = '5,x': give whole numbers"),
        (("flyhash", "--data", "."), "data = .: the digits need no files"),
    ],
)
def test_wrong_input_is_one_line(tickets, arguments, message):
    status, _, error = tickets(*arguments)
    assert status == 2
    assert message in error
    assert error.count("\n") == 1


def test_a_ticket_on_hardware(tickets, tmp_path):
    options = ("--chips", 1, "--resistors", 4, "--epochs", 4)
    status, said, _ = tickets("hardware", *options)
    assert status == 0
    assert said.count("in ngspice") == 3
    rows = read_table(tmp_path / "out/hardware-digits/results.csv", HardwareRow, "")
    assert len(rows) == 3 * 3
    assert (tmp_path / "out/hardware-digits.png").stat().st_size > 50_000
    netlists = sorted(path.name for path in tmp_path.glob("out/hardware-digits/netlists/*"))
    assert netlists == ["layer_1.cir", "layer_2.cir"]
    status, _, error = tickets("hardware", "--resistors", 1)
    assert status == 2
    assert "resistors = 1: a paired cell needs at least 2" in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("da-cunha", "--n", "0,2"), "n = 0"),
        (("neurons", "--eps", "nan"), "eps = nan"),
        (("neurons", "--eps", "inf"), "eps = inf"),
        (("hardware", "--epochs", 1), "x>=2"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_made(tickets, tmp_path, arguments, words):
    status, _, error = tickets(*arguments)
    assert status == 2
    assert words in error
    assert not (tmp_path / "out").exists()
