"""`crossbar train`, as a user runs it."""

import gzip
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import numpy as np

from crossbar.datasets.idx import FILES
from crossbar.models import training
from crossbar.models.model_files import load_model

FASHION = Path("/usr/share/datasets/fashion-mnist")
NO_FASHION = "no Fashion-MNIST: install Debian's dataset-fashion-mnist"
SMALL = ("train", "lenet-5-digits", "--out", "a.safetensors")


def command(*arguments):
    return [sys.executable, "-m", "crossbar", *map(str, arguments)]


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    data = tmp_path / "data"
    data.mkdir()
    for name, count in zip(FILES, (40, 40, 20, 20), strict=True):
        images = "images" in name
        values = random.integers(0, 256 if images else 10, (count, 16, 16) if images else count)
        header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
        (data / f"{name}.gz").write_bytes(gzip.compress(header + values.astype("u1").tobytes()))
    return data


@pytest.mark.parametrize("name", ["lenet-300-100", "lenet-5"])
def test_it_trains_then_prunes_on_idx_files(crossbar, folder, tmp_path, name):
    options = ("--dataset", "fashion-mnist", "--data", folder, "--epochs", 1)
    done = crossbar("train", name, *options, "--out", "a.safetensors", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = rf"a\.safetensors: {name}, \d+ weights, 0\.0 % of them zero; [\d.]+ % of the test images"
    assert re.match(said, done.stdout)
    pruned = ("--prune", 0.9, "--from", "a.safetensors", "--out", "b.safetensors", "--quiet")
    done = crossbar("train", name, *options, *pruned, cwd=tmp_path)
    assert "90.0 % of them zero" in done.stdout
    assert done.stderr == ""
    details = load_model(tmp_path / "b.safetensors").about.details
    assert details["dataset_sha256"][:16] in done.stdout
    assert details["dataset"] == "fashion-mnist"


def test_a_killed_run_ends_with_the_same_bytes(crossbar, tmp_path):
    options = ("--epochs", 4, "--batch", 10, "--prune", 0.5, "--quiet")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert crossbar(*SMALL, *options, cwd=whole).returncode == 0
    process = subprocess.Popen(command(*SMALL, *options), cwd=killed)
    checkpoint = killed / "a.checkpoint.safetensors"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (killed / "a.safetensors").exists()
    assert crossbar(*SMALL, *options, cwd=killed).returncode == 0
    name = "a.safetensors"
    assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert sorted(os.listdir(killed)) == [name]


def test_an_interrupted_run_says_how_to_go_on(crossbar, tmp_path, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", stopped)
    done = crossbar(*SMALL, cwd=tmp_path)
    assert done.returncode == 130
    assert done.stderr == "crossbar: interrupted; run the same command to continue\n"


@pytest.mark.parametrize(
    "options, message",
    [
        (("--epochs", 0), "epochs = 0: give 1 or more"),
        (("--prune", 1), "prune = 1.0: give 0 (none) to below 1"),
        (("--data", "."), "data = .: the digits need no files"),
        (("--dataset", "cifar"), "dataset = 'cifar': choose one of"),
        (("--dataset", "mnist"), "dataset = 'mnist': give the folder of its files"),
        (("--dataset", "mnist", "--data", "no"), "data = no: no such folder; it should hold train"),
        (("--from", "no.safetensors"), "model = no.safetensors: no such file"),
        (("--out", "a.npz"), "out = a.npz: give a file name that ends in .safetensors"),
        (("--out", "no/a.safetensors"), "its folder is missing"),
    ],
)
def test_bad_input_is_one_line(crossbar, tmp_path, options, message):
    done = crossbar(*SMALL, *options, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"crossbar: error: {message}") or message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_help_needs_no_torch():
    code = "import sys; sys.modules['torch'] = None; import crossbar.cli as c; "
    code += "c.cli.main(['train', '--help'], standalone_mode=False); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "'safetensors" not in done.stdout
    assert "--prune" in done.stdout


def test_a_missing_torch_is_one_line(tmp_path):
    code = "import sys, importlib.util as u; find = u.find_spec; "
    code += "u.find_spec = lambda name, *a: None if name == 'torch' else find(name, *a); "
    code += f"import crossbar.cli as c; sys.argv[1:] = {list(SMALL)}; c.main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr == (
        "crossbar: error: torch: not installed; run: pip install 'resistive-crossbar[torch]'\n"
    )


@pytest.mark.skipif(not FASHION.is_dir(), reason=NO_FASHION)
def test_a_short_training_on_fashion_mnist(crossbar, tmp_path):
    """One pass over 60,000 images in steps of 200 gives over 80 %; guessing, 10 %."""
    options = ("--dataset", "fashion-mnist", "--data", FASHION, "--epochs", 1, "--batch", 200)
    done = crossbar("train", "lenet-300-100", *options, *SMALL[2:], "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert load_model(tmp_path / "a.safetensors").about.details["accuracy_percent"] > 80
