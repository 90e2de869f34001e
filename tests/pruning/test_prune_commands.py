"""`crossbar prune` and `crossbar prune-study`, as a user runs them."""

import re
from pathlib import Path

import pytest

from crossbar.models.lenet import build_model
from crossbar.models.model_files import About, load_model, save_model
from crossbar.models.pruning import plain_state
from crossbar.models.training import Training, accuracy_on, train
from crossbar.pruning import fitting


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "lenet.safetensors"
    train("lenet-5-digits", digits, path, Training(epochs=5, lr=1e-2, batch=100))
    return path


@pytest.mark.parametrize(
    "options",
    [
        ("magnitude", "--keep", 0.5),
        ("magnitude", "--keep", 0.3, "--scope", "layer", "--epochs", 1),
        ("iterative", "--keep", 0.5, "--rate", 0.5, "--epochs", 1),
        ("ticket", "--keep", 0.5, "--rate", 0.4, "--rewind", 1, "--epochs", 1),
        ("ticket", "--keep", 0.5, "--scope", "layer", "--output-rate", 0.5, "--epochs", 1),
        ("reinitialized", "--epochs", 1),
        ("edge-popup", "--keep", 0.5, "--epochs", 1),
        ("filters", "--keep", 0.5, "--norm", 1),
        ("filters", "--keep", 0.5, "--shrink", "--epochs", 1),
        ("quantization", "--bits", 4, "--per", "channel"),
        ("low-rank", "--keep", 0.5, "--epochs", 1),
        ("low-rank", "--rank", 2),
    ],
)
def test_every_family_writes_a_network_that_loads_and_counts(crossbar, trained, digits, options):
    done = crossbar("prune", trained, "--family", *options, "--out", "a.safetensors", "--quiet")
    assert done.returncode == 0, done.stderr
    exact = options[0] in ("quantization", "edge-popup")
    rounding = "" if exact else r" \(accuracy before rounding\)"
    said = (
        r"a\.safetensors: ([\w-]+), (\d+) of (\d+) weights kept; stored in [\d.]+ kbit "
        rf"at \d bits a weight{rounding}; "
        r"\d+ resistors, \d+ a weight \(\d+ on full arrays\); ([\d.]+) % of the test images of "
        r"digits, before [\d.]+ %; \d+ s"
    )
    found = re.match(said, done.stdout)
    assert found, done.stdout
    made = load_model("a.safetensors")
    assert found[4] == f"{accuracy_on(made.module, digits):.2f}"
    assert made.about.details["family"].replace(" ", "-") == options[0] == found[1]
    assert made.about.details["size"]["kept_weights"] == int(found[2])
    state = plain_state(made.module)
    assert int(found[2]) == sum(int((w != 0).sum()) for w in state.values() if w.ndim > 1)
    assert not [path for path in trained.parent.iterdir() if path != trained]


def test_a_shrunk_and_a_factored_network_go_on_to_be_pruned_and_evaluated(crossbar, trained):
    for options in (("filters", "--keep", 0.5, "--shrink"), ("low-rank", "--keep", 0.6)):
        done = crossbar("prune", trained, "--family", *options, "--out", "a.safetensors")
        assert done.returncode == 0
        again = ("--family", "magnitude", "--keep", 0.7, "--out", "b.safetensors", "--quiet")
        done = crossbar("prune", "a.safetensors", *again)
        assert done.returncode == 0, done.stderr
        done = crossbar(
            "evaluate", "b.safetensors", "--resistors", 4, "--images", 20, "--simulator", "ideal"
        )
        assert done.returncode == 0, done.stderr
        ticket = ("--family", "ticket", "--keep", 0.5, "--out", "c.safetensors")
        done = crossbar("prune", "b.safetensors", *ticket)
        assert "its layers are not those of lenet-5-digits" in done.stderr
        further = ("--from", "b.safetensors", "--out", "c.safetensors")
        done = crossbar("train", "lenet-5-digits", *further)
        assert done.returncode == 2
        assert "from: its layers are not those of lenet-5-digits" in done.stderr


@pytest.mark.parametrize("family", ["ticket", "edge-popup"])
def test_a_stopped_command_goes_on_to_the_same_bytes(crossbar, trained, family, monkeypatch):
    options = ("prune", trained, "--family", family, "--keep", 0.5, "--epochs", 2, "--quiet")
    assert crossbar(*options, "--out", "whole.safetensors").returncode == 0
    epochs = 0
    run_epoch = fitting.run_epoch

    def stopping(*arguments):
        nonlocal epochs
        epochs += 1
        if epochs == (4 if family == "ticket" else 2):
            raise KeyboardInterrupt
        run_epoch(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "run_epoch", stopping)
        done = crossbar(*options, "--out", "stopped.safetensors")
    assert done.returncode == 130
    assert done.stderr.strip() == "crossbar: interrupted; run the same command to continue"
    assert crossbar(*options, "--out", "stopped.safetensors").returncode == 0
    assert Path("stopped.safetensors").read_bytes() == Path("whole.safetensors").read_bytes()
    left = {path.name for path in Path().iterdir()}
    assert left == {"whole.safetensors", "stopped.safetensors"}


@pytest.mark.parametrize(
    "options, said",
    [
        (("magnitude", "--keep", 0), "keep = 0.0: give a fraction"),
        (("magnitude", "--keep", 1.5), "keep = 1.5: give a fraction"),
        (("magnitude",), "keep: magnitude needs it"),
        (("magnitude", "--keep", 0.001), "keep: leaves layer 'conv2' without any weight"),
        (("magnitude", "--keep", 0.5, "--bits", 4), "bits: magnitude does not take it"),
        (("quantization",), "bits: quantization needs it"),
        (("quantization", "--bits", 1), "bits = 1: give a whole number, 2 to 16"),
        (("quantization", "--bits", 4, "--epochs", 1), "epochs: quantization is not trained"),
        (("low-rank", "--rank", 100), "rank = 100: layer 'conv1' is a matrix of 4 x 9"),
        (("low-rank",), "keep: low rank needs it"),
        (("filters", "--keep", 0.5, "--norm", 3), "norm = 3: choose 1 or 2"),
        (("ticket", "--keep", 0.5, "--rate", 1), "rate = 1"),
        (("ticket", "--keep", 0.5, "--output-rate", 0.5), "is for scope 'layer'"),
        (("magnitude", "--keep", 0.5, "--output-rate", 0.5), "magnitude does not take it"),
        (("reinitialized", "--keep", 0.5), "keep: reinitialized does not take it"),
        (("edge-popup", "--keep", 0.5, "--epochs", 0), "epochs = 0"),
    ],
)
def test_bad_options_are_one_line_and_write_nothing(crossbar, trained, options, said, tmp_path):
    done = crossbar("prune", trained, "--family", *options, "--out", "a.safetensors")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


def test_networks_of_other_images_are_refused(crossbar, trained, tmp_path):
    about = About("lenet-300-100", (1, 28, 28), 10, {})
    save_model(tmp_path / "m.safetensors", build_model("lenet-300-100", (1, 28, 28)), about)
    for model, said in (
        ("m.safetensors", "takes images (1, 28, 28) of 10 classes; digits has (1, 8, 8)"),
        ("none.safetensors", "no such file"),
    ):
        options = ("--family", "magnitude", "--keep", 0.5, "--out", "a.safetensors")
        done = crossbar("prune", model, *options)
        assert done.returncode == 2
        assert said in done.stderr


def test_the_study_prints_its_table_and_writes_its_figure(crossbar, tmp_path):
    options = ("--network", "lenet-5-digits", "--seeds", 1, "--epochs", 1, "--keep", "0.5")
    families = ("--families", "magnitude,low-rank,quantization", "--quantized", "4,8")
    done = crossbar("prune-study", *options, *families, "--out", "out", "--quiet")
    assert done.returncode == 0, done.stderr
    for family in ("magnitude", "low rank", "quantization"):
        assert re.search(rf"^ {family} ", done.stdout, re.MULTILINE)
    assert (tmp_path / "out" / "pruning.png").is_file()
    done = crossbar("prune-study", *options, "--out", "out", "--quiet")
    assert "belongs to another study" in done.stderr
    done = crossbar("prune-study", "--keep", "half", "--out", "new")
    assert "--keep = 'half': give fractions like 0.5,0.2,0.1" in done.stderr


def test_the_control_of_a_ticket_does_not_draw_the_ticket_s_weights(crossbar, trained):
    one_step = ("--lr", 1e-30, "--epochs", 1, "--seed", 0, "--quiet")
    ticket = ("ticket", "--keep", 0.5, "--rate", 0.5)
    options = ("--family", *ticket, *one_step, "--out", "t.safetensors")
    assert not crossbar("prune", trained, *options).returncode
    control = ("--family", "reinitialized", *one_step, "--out", "c.safetensors")
    assert not crossbar("prune", "t.safetensors", *control).returncode
    first, second = (
        load_model(name).module.fc1.weight.detach() for name in ("t.safetensors", "c.safetensors")
    )
    kept = first != 0
    assert kept.equal(second != 0)
    assert not first[kept].equal(second[kept])
    assert (first - second)[kept].abs().mean() > 0.01


def test_help_says_which_file_a_control_needs(crossbar):
    said = " ".join(crossbar("prune", "--help").stdout.split())
    assert "FILE must be the ticket whose mask it takes" in said
