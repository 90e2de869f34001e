"""What happens on other people's machines: full disks, old programs, killed runs, odd names."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from spice_models import (
    Array,
    BadRawfile,
    CircuitError,
    DiskFull,
    NgspiceCrashed,
    NgspiceError,
    NgspiceTooOld,
    SimulationTimeout,
    SlowSolverWarning,
    UnsafeNetlist,
    jobs,
    netlist,
    ngspice,
    runners,
)

DIVIDER = "divider\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.op\n.end\n"
LONG = "long\nV1 a 0 sin(0 1 1k)\nR1 a 0 1\n.tran 1u 20m\n.end\n"


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """An empty folder of temporary files."""
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(made))
    return made


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Put a shell script in the place of ngspice."""

    def install(body):
        path = tmp_path / "fake-ngspice"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("NGSPICE", str(path))

    return install


@pytest.mark.parametrize("version", ["26", "34", "38.1"])
def test_an_old_ngspice_is_refused_before_it_runs(version, install, folder):
    install(f"echo '** ngspice-{version} : Circuit level simulation program'; touch ran-$1")
    for call in (lambda: ngspice.run(DIVIDER), ngspice.probe):
        with pytest.raises(NgspiceTooOld, match=f"{version}; the oldest supported one is 39"):
            call()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("version", ["39", "39.3", "45.2", "46+"])
def test_a_newer_ngspice_is_accepted(version, install):
    install(f"echo '** ngspice-{version} : a fake'")
    assert ngspice.probe().version == version


def test_a_relative_path_to_ngspice_is_found_from_the_folder_of_the_run(monkeypatch, tmp_path):
    (tmp_path / "my-ngspice").symlink_to(ngspice.executable())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NGSPICE", "./my-ngspice")
    assert ngspice.run(DIVIDER)["v(b)"].tolist() == [0.5]


def test_a_full_disk_is_told_by_the_log(install, folder):
    """The limit on the size of a file makes the real ngspice fail as a full disk does."""
    real = ngspice.executable()
    install(f"trap '' XFSZ; ulimit -f 4; exec {real} \"$@\"")
    with pytest.raises(DiskFull, match="rawfile write error.*TMPDIR") as caught:
        ngspice.run(LONG)
    assert sorted(p.name for p in caught.value.folder.iterdir()) == ["circuit.cir", "log.txt"]


def test_a_short_rawfile_on_a_full_disk_blames_the_disk(install, folder, monkeypatch):
    install("printf 'Title: t' > result.raw")
    with pytest.raises(BadRawfile, match="cut short"):
        ngspice.run(DIVIDER)
    usage = type("Usage", (), {"free": 4096})
    monkeypatch.setattr(runners.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFull, match=r"4096 bytes free.*TMPDIR"):
        ngspice.run(DIVIDER)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_for_the_netlist(number, folder, monkeypatch):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(jobs.Path, "write_text", refuse)
    with pytest.raises(DiskFull, match="cannot hold the netlist.*TMPDIR"):
        ngspice.run(DIVIDER)
    monkeypatch.setattr(jobs.tempfile, "mkdtemp", refuse)
    with pytest.raises(DiskFull, match="cannot hold the netlist.*TMPDIR"):
        ngspice.run(DIVIDER)


def test_garbage_is_no_rawfile(install, folder):
    install("head -c 5000 /dev/urandom > result.raw")
    with pytest.raises(BadRawfile):
        ngspice.run(DIVIDER)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("kill -SEGV $$", NgspiceCrashed),
        ("echo last words; sleep 100", SimulationTimeout),
        ("echo last words; exit 2", NgspiceError),
    ],
)
def test_every_failed_run_names_the_folder_it_left(body, kind, install, folder):
    install(f'[ "$1" = -v ] && exit; {body}')
    with pytest.raises(kind) as caught:
        ngspice.run(DIVIDER, timeout_seconds=0.5)
    kept = caught.value.folder
    assert kept.parent == folder
    assert str(kept) in str(caught.value)
    assert (kept / "circuit.cir").read_text() == DIVIDER
    if kind is not NgspiceCrashed:
        assert "last words" in str(caught.value)
        assert (kept / "log.txt").read_text() == "last words\n"


def test_only_the_newest_failed_runs_are_kept(install, folder, monkeypatch):
    monkeypatch.setattr(jobs, "KEPT", 2)
    kept = []
    for _ in range(4):
        with pytest.raises(NgspiceError) as caught:
            ngspice.run("t\nV1 a 0 1\nV2 a 0 2\n.op\n.end\n")
        kept.append(caught.value.folder)
        time.sleep(0.01)
    assert sorted(folder.iterdir()) == sorted(kept[-2:])


def test_an_interrupted_run_leaves_nothing(folder, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(runners, "execute", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ngspice.run(DIVIDER)
    assert list(folder.iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_by_the_next_one(folder):
    code = (
        "import os, signal\n"
        "from spice_models import jobs\n"
        "with jobs.job({'circuit.cir': 'x'}) as made:\n"
        "    print(made, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL
    left = Path(done.stdout.strip())
    assert (left / "circuit.cir").exists()
    assert jobs.remove_stale(folder) == [left]
    assert list(folder.iterdir()) == []


def test_only_stale_folders_of_ones_own_are_removed(folder, tmp_path, monkeypatch):
    dead = subprocess.Popen(["true"])
    dead.wait()
    name = f"{jobs._RUNNING}{dead.pid}-abc"
    other_machine = name.replace(jobs._MACHINE, jobs._MACHINE + "2")
    mine = folder / f"{jobs._RUNNING}{os.getpid()}-abc"
    for kept in (other_machine, mine.name, "spice_models-failed-1-abc", f"{jobs._RUNNING}x-abc"):
        (folder / kept).mkdir()
    (tmp_path / "precious").mkdir()
    (folder / (name + "link")).symlink_to(tmp_path / "precious")
    (folder / (name + "file")).touch()
    assert jobs.remove_stale(folder) == []
    (folder / name).mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: 987654)
        assert jobs.remove_stale(folder) == []
    assert jobs.remove_stale(folder) == [folder / name]
    assert (tmp_path / "precious").exists()


def test_stale_folders_are_removed_when_the_first_run_starts(folder):
    dead = subprocess.Popen(["true"])
    dead.wait()
    stale = folder / f"{jobs._RUNNING}{dead.pid}-abc"
    stale.mkdir()
    ngspice.run(DIVIDER)
    assert not stale.exists()


@pytest.mark.parametrize(
    "line",
    [
        ".control\nshell touch {marker}\n.endc",
        "  .CONTROL\nshell touch {marker}\n.endc",
        "*# shell touch {marker}",
        ".exec touch {marker}",
        '.model m d_process(process_file="{marker}")',
    ],
)
def test_commands_are_refused_where_they_are_not_allowed(line, tmp_path):
    marker = tmp_path / "marker"
    text = DIVIDER.replace(".op", line.format(marker=marker) + "\n.op")
    with pytest.raises(UnsafeNetlist, match="would run a command"):
        ngspice.run(text, allow_commands=False)
    assert not marker.exists()


def test_a_trusted_netlist_can_run_commands_so_the_refusal_is_needed(tmp_path):
    marker = tmp_path / "marker"
    text = DIVIDER.replace(".op", f".op\n.control\nshell touch {marker}\n.endc")
    ngspice.run(text)
    assert marker.exists()


@pytest.mark.parametrize("title", ["a\n.control", "a\r.control", "é", "a\x1b[2J"])
def test_a_title_cannot_smuggle_a_line_in(title, make_array):
    with pytest.raises(CircuitError, match="title"):
        netlist(make_array(1, 1), title=title)


def test_commands_in_the_text_of_an_array_are_refused(make_array, monkeypatch):
    text = "* t\n.control\nshell true\n.endc\n.end\n"
    monkeypatch.setattr(ngspice, "netlist", lambda *_, **__: text)
    with pytest.raises(UnsafeNetlist):
        ngspice.sweep(make_array(2, 2), np.eye(2))


class Slow:
    """A runner without KLU that answers at once."""

    def run(self, text, timeout_seconds, vectors=(), points=None):
        return {name: np.zeros(points) for name in vectors}

    def has_klu(self):
        return False


def test_a_large_array_without_klu_warns_once_and_says_what_to_do(monkeypatch):
    monkeypatch.setattr(ngspice, "_warned", set())
    array = Array.from_siemens(np.full((65, 64), 1e-5))
    with pytest.warns(SlowSolverWarning, match=r"65 x 64.*slow.*runner='wasm'.*nodal") as caught:
        ngspice.sweep(array, np.ones((1, 65)), runner=Slow())
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ngspice.transfer_matrix(array, runner=Slow())


def test_arrays_of_64_by_64_warn_of_nothing(monkeypatch):
    monkeypatch.setattr(ngspice, "_warned", set())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ngspice.transfer_matrix(Array.from_siemens(np.full((64, 64), 1e-5)), runner=Slow())
