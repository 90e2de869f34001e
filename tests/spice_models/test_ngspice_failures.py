import os
import stat
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from spice_models import (
    BadRawfile,
    CircuitError,
    NgspiceError,
    NgspiceNotFound,
    NoConvergence,
    SimulationTimeout,
    SingularMatrix,
    ngspice,
    process,
)

DIVIDER = "divider\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.op\n.end\n"


def program(folder, body):
    """Write a shell script that stands in for ngspice."""
    path = folder / "fake-ngspice"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_any_netlist_returns_its_vectors():
    found = ngspice.run(DIVIDER)
    assert found["v(b)"].tolist() == [0.5]
    assert found["i(v1)"] == pytest.approx([-0.5e-3], rel=1e-9, abs=0)


def test_the_probe_tells_path_version_and_solver():
    info = ngspice.probe()
    assert os.path.isabs(info.path)
    assert info.version[0].isdigit()
    assert isinstance(info.klu, bool)
    assert ngspice.probe() is info


def test_a_title_that_speaks_of_errors_is_no_error():
    assert "v(a)" in ngspice.run(DIVIDER.replace("divider", "error: singular matrix"))


@pytest.mark.parametrize(
    ("elements", "kind", "text"),
    [
        ("V1 a 0 1\nV2 a 0 2\nR1 a 0 1k", SingularMatrix, "loop of voltage sources"),
        ("V1 a 0 1\nR1 a 0 1k\nR2 x y 1k", SingularMatrix, "path to ground"),
        ("V1 a 0 1\nM1 a a 0 0 nope", NgspiceError, "can't find model 'nope'"),
        ("V1 a 0 1\nX1 a 0 nope", NgspiceError, "unknown subckt"),
        ("V1 a 0 1\nR1 a 0 {nope}", NgspiceError, "correct the netlist"),
        ("V1 a 0 1\nthis is no element", NgspiceError, "correct the netlist"),
        (
            "V1 a 0 1\nR1 b a 1\nB1 b 0 V=1/v(b)-3*v(b)^2+exp(30*v(b))-5",
            NoConvergence,
            "stepping failed",
        ),
    ],
)
def test_what_ngspice_complains_of_is_a_typed_error(elements, kind, text):
    with pytest.raises(kind, match=text) as caught:
        ngspice.run(f"a circuit\n{elements}\n.op\n.end\n")
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ohm", ["0", "0.0", "0.000", ".0", "-0", "0e3", "0k", "0 tc1=1"])
def test_a_resistor_of_zero_ohm_is_refused_because_ngspice_changes_it_silently(ohm):
    with pytest.raises(CircuitError, match="R1 a b 0|R1 a b .0|R1 a b -0"):
        ngspice.run(f"t\nV1 a 0 1\nR1 a b {ohm}\nR2 b 0 1\n.op\n.end\n")


@pytest.mark.parametrize("ohm", ["0.1", "0.01k", "1e0", "10", "00.5", ".05"])
def test_small_resistances_are_not_taken_for_zero(ohm):
    assert "v(b)" in ngspice.run(f"t\nV1 a 0 1\nR1 a b {ohm}\nR2 b 0 1\n.op\n.end\n")


@pytest.mark.parametrize(
    "text", ["", "\n", "title only\n", "t\nV1 a 0 1\nR1 a 0 1\n.end\n", "\x01\x02"]
)
def test_a_netlist_without_a_circuit_or_an_analysis_is_an_error(text):
    with pytest.raises(NgspiceError):
        ngspice.run(text)


def test_two_analyses_are_refused():
    with pytest.raises(BadRawfile, match="2 analyses"):
        ngspice.run(DIVIDER.replace(".op", ".op\n.dc V1 0 1 1"))


def test_missing_ngspice_says_how_to_install_it(monkeypatch, make_array):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("NGSPICE", raising=False)
    for call in (
        ngspice.probe,
        lambda: ngspice.run(DIVIDER),
        lambda: ngspice.sweep(make_array(1, 1), [[1.0]]),
    ):
        with pytest.raises(NgspiceNotFound, match=r"apt install ngspice.*brew.*conda"):
            call()


def test_a_wrong_NGSPICE_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("NGSPICE", "/nowhere/ngspice")
    with pytest.raises(NgspiceNotFound, match="NGSPICE = '/nowhere/ngspice'"):
        ngspice.run(DIVIDER)
    monkeypatch.setenv("NGSPICE", program(tmp_path, "echo hello"))
    with pytest.raises(NgspiceNotFound, match="does not say that it is ngspice"):
        ngspice.probe()


def test_NGSPICE_takes_precedence_over_the_path(monkeypatch, tmp_path):
    path = program(
        tmp_path, "echo '** ngspice-77.1 : a fake'; echo 'Using KLU as Direct Linear Solver'"
    )
    monkeypatch.setenv("NGSPICE", path)
    info = ngspice.probe()
    assert (info.path, info.version, info.klu) == (path, "77.1", True)


def test_a_timeout_kills_the_run_and_its_children(monkeypatch, tmp_path):
    marker = tmp_path / "pid"
    monkeypatch.setenv("NGSPICE", program(tmp_path, f"sleep 300 & echo $! > {marker}; wait"))
    start = time.monotonic()
    with pytest.raises(SimulationTimeout, match=r"after 0\.5 s"):
        ngspice.run(DIVIDER, timeout_seconds=0.5)
    assert time.monotonic() - start < 60
    child = int(marker.read_text())
    deadline = time.monotonic() + 10
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(child)


def is_running(pid):
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_long_simulation_is_stopped():
    with pytest.raises(SimulationTimeout):
        ngspice.run("t\nV1 a 0 sin(0 1 1k)\nR1 a 0 1\n.tran 1n 100\n.end\n", timeout_seconds=0.3)


def test_a_timeout_must_be_positive():
    with pytest.raises(ValueError, match="timeout_seconds = 0"):
        ngspice.run(DIVIDER, timeout_seconds=0)


def test_ngspice_runs_apart_from_the_terminal_and_with_one_thread(monkeypatch, tmp_path):
    said = tmp_path / "said"
    session = f"$({sys.executable} -c 'import os; print(os.getsid(0))')"
    body = f"echo $$ {session} $OMP_NUM_THREADS $(cat | wc -c) > {said}"
    monkeypatch.setenv("NGSPICE", program(tmp_path, body))
    with pytest.raises(BadRawfile, match="no rawfile"):
        ngspice.run(DIVIDER)
    pid, session, threads, read = said.read_text().split()
    assert pid == session
    assert (threads, read) == ("1", "0")


def test_a_crash_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("NGSPICE", program(tmp_path, "kill -SEGV $$"))
    with pytest.raises(NgspiceError, match="signal 11"):
        ngspice.run(DIVIDER)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        ("head -c 700 good > result.raw", "cut short"),
        ("sed 's/i(vs1)/i(xx1)/' good > result.raw", r"lacks i\(vs1\)"),
        ("head -c 40 good > result.raw", "cut short"),
        ("printf '' > result.raw", "0 analyses"),
    ],
)
def test_a_spoilt_rawfile_is_never_believed(spoil, text, monkeypatch, tmp_path, make_array):
    real = ngspice.executable()
    body = f'"{real}" "$@" > log 2>&1; mv result.raw good; {spoil}; cat log'
    array = make_array(6, 4)
    inputs = np.random.default_rng(0).normal(size=(8, 6))
    assert ngspice.sweep(array, inputs).currents.shape == (8, 4)
    monkeypatch.setenv("NGSPICE", program(tmp_path, body))
    with pytest.raises(BadRawfile, match=text):
        ngspice.sweep(array, inputs)


def test_an_ascii_rawfile_asked_for_by_the_environment_changes_nothing(monkeypatch):
    monkeypatch.setenv("SPICE_ASCIIRAWFILE", "1")
    assert ngspice.run(DIVIDER)["v(b)"].tolist() == [0.5]


def test_success_leaves_nothing_behind_and_failure_the_netlist_and_the_log(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ngspice.run(DIVIDER)
    assert list(tmp_path.iterdir()) == []
    text = "t\nV1 a 0 1\n.end\n"
    with pytest.raises(NgspiceError) as caught:
        ngspice.run(text)
    (kept,) = tmp_path.iterdir()
    assert kept == caught.value.folder
    assert str(caught.value).endswith(f"kept for inspection: {kept}")
    assert sorted(file.name for file in kept.iterdir()) == ["circuit.cir", "log.txt"]
    assert (kept / "circuit.cir").read_text() == text
    assert "Circuit: t" in (kept / "log.txt").read_text()


def test_a_failing_exit_status_is_an_error_even_after_a_good_result(monkeypatch, tmp_path):
    real = ngspice.executable()
    monkeypatch.setenv("NGSPICE", program(tmp_path, f'{real} "$@"; exit 3'))
    with pytest.raises(NgspiceError, match="status 3"):
        ngspice.run(DIVIDER)


def test_a_run_that_starts_while_all_are_stopped_does_not_go_on(tmp_path, monkeypatch):
    """stop_all may come after the process has started and before it stands in the list."""
    monkeypatch.setenv("NGSPICE", program(tmp_path, "sleep 500"))
    monkeypatch.setattr(process, "_stopping", threading.Event())
    start = subprocess.Popen

    def start_late(*arguments, **options):
        started = start(*arguments, **options)
        ngspice.stop_all()
        return started

    monkeypatch.setattr(subprocess, "Popen", start_late)
    began = time.monotonic()
    with pytest.raises(NgspiceError, match="the program ends"):
        ngspice.run(DIVIDER)
    assert time.monotonic() - began < 100
