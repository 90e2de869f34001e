"""The commands of examples/strong_tickets.py: what they read and what they write."""

from __future__ import annotations

import csv
import gzip
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

SCRIPT = Path(__file__).parents[2] / "examples" / "strong_tickets.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("strong_tickets", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    threads = torch.get_num_threads()
    yield module
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def test_idx_files_are_read_packed_or_not(example, tmp_path):
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (3, 28, 28), np.uint8), np.array([7, 0, 2], np.uint8)
    for name in ("train", "t10k"):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(images))
        packed = tmp_path / f"{name}-labels-idx1-ubyte.gz"
        packed.write_bytes(gzip.compress(idx(labels)))
    for pixels, classes in example.load(tmp_path):
        assert pixels.shape == (3, 1, 28, 28)
        assert pixels[:, 0].numpy() == pytest.approx(images / 255, rel=1e-6)
        assert classes.tolist() == [7, 0, 2]


def test_the_open_problem_is_written_as_rows_and_a_figure(example, tmp_path):
    arguments = ["--out", tmp_path, "neurons", "--quick", "--trials", 1, "--dimensions", 2]
    done = CliRunner().invoke(example.main, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0
    assert "error 0.1 up to d = " in done.output
    with (tmp_path / "neurons.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 4 * 2
    assert all(row["proven"] == "True" for row in rows)
    assert (tmp_path / "neurons.png").stat().st_size > 10_000


def test_a_command_without_its_data_says_what_to_give(example, tmp_path):
    done = CliRunner().invoke(example.main, ["--out", str(tmp_path), "da-cunha"])
    assert done.exit_code == 2
    assert "give --mnist or --fashion" in done.output
