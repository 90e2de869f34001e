"""The wheel, installed outside the checkout, holds all that the packages need."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("crossbar", "solvers", "spice_models")
DATA_SUFFIXES = (".lib", ".npz", ".typed", ".toml", ".csv", ".json", ".mplstyle", ".css", ".js")


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", *arguments, "--quiet", "--no-index", "--no-deps"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", ".", "--no-build-isolation", "--wheel-dir", str(folder))
    (path,) = folder.glob("resistive_crossbar-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    pip("install", "--target", str(target), str(wheel))
    return target


def run(installed: Path, folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command with the installed wheel first on the path, far from the checkout."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_every_module_and_data_file_is_in_the_wheel(wheel: Path) -> None:
    expected = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix == ".py" or path.name.endswith(DATA_SUFFIXES)
    }
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {"crossbar/data/digits.npz", *(f"{package}/py.typed" for package in PACKAGES)} <= held
    assert any(name.endswith(".lib") for name in held)
    assert expected <= held


def test_nothing_else_is_in_the_wheel(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_the_licence_is_in_the_wheel(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith("/LICENSE"))
    assert archive.read(name).decode().startswith("MIT License")


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_come_from_the_wheel(installed: Path, tmp_path: Path, package: str) -> None:
    done = run(
        installed, tmp_path, sys.executable, "-c", f"import {package}; print({package}.__file__)"
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed)


def test_doctor_runs_as_a_module(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, sys.executable, "-m", "crossbar", "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ngspice" in done.stdout


def test_the_command_runs(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, installed / "bin/crossbar", "--help")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "study" in done.stdout


STUDY = """
resistors = [4]
chips = 1
seed = 1
network = "digits"
dataset = "digits"
simulator = "ideal"

[[designs]]
ladder = "stagger"
"""


def test_a_study_of_the_shipped_network_runs(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(STUDY)
    done = run(
        installed, tmp_path, installed / "bin/crossbar", "study", "small.toml", "--out", "out"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out/results.csv").exists()
