"""The same netlists through every runner. The WebAssembly one is tested where it is installed."""

import ctypes.util
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from spice_models import (
    Array,
    BadRawfile,
    DiskFull,
    NgspiceCrashed,
    NgspiceError,
    NgspiceNotFound,
    NgspiceTooOld,
    NoConvergence,
    SimulationTimeout,
    SingularMatrix,
    UnsafeNetlist,
    Wires,
    jobs,
    ngspice,
    nodal,
    pyspice_adapter,
    runners,
    wasm,
)
from spice_models.runners import RESULT, Runner, find_runner

AGREEMENT = 1e-9
"""Of full scale: KLU's .dc sweeps differ from nodal analysis by up to 3.4e-10."""

DIVIDER = "divider\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.op\n.end\n"
LONG = "long\nV1 a 0 sin(0 1 1k)\nR1 a 0 1\n.tran 1u 20m\n.end\n"


def why_no_wasm():
    try:
        wasm.engine()
        wasm.node()
    except NgspiceNotFound as error:
        return str(error)
    return ""


HAS_LIBRARY = bool(os.environ.get("NGSPICE_LIBRARY_PATH") or ctypes.util.find_library("ngspice"))
NATIVE = "native"
SHARED = pytest.param(
    "shared", marks=pytest.mark.skipif(not HAS_LIBRARY, reason="libngspice is not installed")
)
WASM = pytest.param("wasm", marks=pytest.mark.skipif(bool(why_no_wasm()), reason=why_no_wasm()))
EVERY = pytest.mark.parametrize("runner", [NATIVE, SHARED, WASM])


@EVERY
@pytest.mark.parametrize("points", [1, 4])
@pytest.mark.parametrize("cells", ["folded", "branches"])
def test_every_runner_gives_the_currents_of_nodal_analysis(runner, points, cells, make_array):
    array = make_array(7, 5)
    inputs = np.random.default_rng(points).normal(size=(points, 7))
    found = ngspice.sweep(array, inputs, cells, runner=runner)
    wanted = nodal.currents(array, inputs)
    assert found.currents.shape == (points, 5)
    assert np.abs(found.currents - wanted).max() <= AGREEMENT * np.abs(wanted).max()
    assert 0 <= found.mismatch < 1e-7


@EVERY
def test_the_transfer_matrix_of_every_runner(runner, make_array):
    array = make_array(12, 9)
    found = ngspice.transfer_matrix(array, runner=runner).siemens
    wanted = nodal.transfer_matrix(array).siemens
    assert np.abs(found - wanted).max() <= AGREEMENT * wanted.max()


@pytest.mark.parametrize("runner", [WASM])
def test_a_large_tile_with_wires_is_solved_by_KLU(runner):
    siemens = np.random.default_rng(0).uniform(1e-6, 1e-4, (128, 128))
    array = Array.from_siemens(siemens)
    inputs = np.random.default_rng(1).uniform(-1, 1, (1, 128))
    found = ngspice.sweep(array, inputs, runner=runner).currents
    wanted = nodal.currents(array, inputs)
    assert np.abs(found - wanted).max() <= AGREEMENT * np.abs(wanted).max()


@pytest.mark.parametrize("runner", [WASM])
def test_a_long_sweep_by_KLU_keeps_its_digits(runner):
    """Without ``pivrel`` in `netlist.OPTIONS` it is wrong by several 1e-9 of full scale."""
    random = np.random.default_rng(0)
    array = Array.from_siemens(random.uniform(1e-6, 1e-4, (64, 64)))
    inputs = np.vstack([np.eye(64), random.uniform(-1, 1, (16, 64))])
    found = ngspice.sweep(array, inputs, runner=runner).currents
    wanted = nodal.currents(array, inputs)
    assert np.abs(found - wanted).max() <= 1e-10 * np.abs(wanted).max()


@EVERY
def test_any_netlist_through_every_runner(runner):
    found = ngspice.run(DIVIDER, runner=runner)
    assert found["v(b)"].tolist() == [0.5]
    assert found["i(v1)"] == pytest.approx([-0.5e-3], rel=1e-9, abs=0)


@EVERY
def test_an_ac_analysis_returns_complex_numbers(runner):
    text = "rc\nV1 a 0 dc 0 ac 1\nR1 a b 1k\nC1 b 0 1u\n.ac lin 1 1k 1k\n.end\n"
    found = ngspice.run(text, runner=runner)["v(b)"]
    # Default gmin of 1e-12 S against 1e-3 S.
    assert found == pytest.approx([1 / (1 + 2j * np.pi * 1e3 * 1e3 * 1e-6)], rel=1e-8)


@EVERY
@pytest.mark.parametrize(
    ("elements", "kind", "text"),
    [
        ("V1 a 0 1\nV2 a 0 2\nR1 a 0 1k", SingularMatrix, "ngspice says: .*singular matrix"),
        ("V1 a 0 1\nR1 a 0 1k\nR2 x y 1k", SingularMatrix, "path to ground"),
        ("V1 a 0 1\nM1 a a 0 0 nope", NgspiceError, "nope"),
        (
            "V1 a 0 1\nR1 b a 1\nB1 b 0 V=1/v(b)-3*v(b)^2+exp(30*v(b))-5",
            NoConvergence,
            "failed|limit",
        ),
    ],
)
def test_every_runner_tells_what_ngspice_complains_of(runner, elements, kind, text):
    with pytest.raises(kind, match=text) as caught:
        ngspice.run(f"a circuit\n{elements}\n.op\n.end\n", runner=runner)
    assert type(caught.value) is kind
    folder = caught.value.folder
    assert str(folder) in str(caught.value)
    assert elements in (folder / "circuit.cir").read_text()


@EVERY
def test_no_analysis_is_an_error_of_every_runner(runner):
    with pytest.raises(NgspiceError):
        ngspice.run("t\nV1 a 0 1\nR1 a 0 1\n.end\n", runner=runner)


@EVERY
def test_two_analyses_are_refused_by_every_runner(runner):
    with pytest.raises(BadRawfile, match="2 analyses"):
        ngspice.run(DIVIDER.replace(".op", ".op\n.dc V1 0 1 1"), runner=runner)


@EVERY
def test_every_runner_stops_in_time(runner):
    text = "t\nV1 a 0 sin(0 1 1k)\nR1 a 0 1\n.tran 1n 100\n.end\n"
    with pytest.raises(SimulationTimeout, match=r"after 0\.7 s"):
        ngspice.run(text, 0.7, runner=runner)
    with pytest.raises(ValueError, match="timeout_seconds = 0"):
        ngspice.run(DIVIDER, 0, runner=runner)


@EVERY
def test_several_runs_at_once(runner, make_array):
    arrays = [make_array(4, 3, seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda array: ngspice.transfer_matrix(array, runner=runner), arrays)
        for array, matrix in zip(arrays, found, strict=True):
            wanted = nodal.transfer_matrix(array).siemens
            assert np.abs(matrix.siemens - wanted).max() <= AGREEMENT * wanted.max()


@EVERY
def test_a_folder_with_spaces_and_accents(runner, tmp_path, monkeypatch):
    folder = tmp_path / "mes données d'été; $(x) 100 %"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert ngspice.run(DIVIDER, runner=runner)["v(b)"].tolist() == [0.5]
    with pytest.raises(SingularMatrix) as caught:
        ngspice.run("t\nV1 a 0 1\nV2 a 0 2\n.op\n.end\n", runner=runner)
    assert caught.value.folder.parent == folder


def test_a_runner_of_ones_own(make_array):
    class Recorder:
        def run(self, text, timeout_seconds, vectors=(), points=None):
            self.asked = (text, timeout_seconds, list(vectors), points)
            return {name: np.zeros(points or 1) for name in vectors}

        def has_klu(self):
            return True

    recorder = Recorder()
    assert isinstance(recorder, Runner)
    found = ngspice.sweep(make_array(2, 3), np.eye(2), timeout_seconds=7, runner=recorder)
    assert found.currents.shape == (2, 3)
    text, seconds, vectors, points = recorder.asked
    assert text.startswith("* resistive crossbar array\n")
    assert (seconds, points) == (7, 2)
    assert vectors == ["i(bin0)", "i(bin1)", "i(vs0)", "i(vs1)", "i(vs2)"]


@pytest.mark.parametrize("wrong", ["xyce", None, 3])
def test_an_unknown_runner_is_refused(wrong):
    with pytest.raises(ValueError, match="give 'native', 'shared', 'wasm'"):
        find_runner(wrong)


def test_a_missing_wasm_build_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("NGSPICE_WASM", str(tmp_path))
    monkeypatch.setenv("NODE", "sh")
    with pytest.raises(NgspiceNotFound, match=r"get_wasm_ngspice\.sh.*npm install.*@1\.8\.0"):
        ngspice.run(DIVIDER, runner="wasm")
    monkeypatch.delenv("NGSPICE_WASM")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(NgspiceNotFound, match=str(tmp_path)):
        wasm.engine()


def test_a_missing_node_says_how_to_get_it(monkeypatch):
    monkeypatch.setenv("NODE", "/nowhere/node")
    with pytest.raises(NgspiceNotFound, match="NODE = '/nowhere/node'.*apt install nodejs"):
        wasm.node()


@pytest.mark.parametrize("where", ["file", "prefix", "cache"])
def test_the_wasm_build_is_found_where_npm_puts_it(where, monkeypatch, tmp_path):
    prefix = tmp_path / "spice_models"
    module = prefix / "node_modules/eecircuit-engine/dist/eecircuit-engine.mjs"
    module.parent.mkdir(parents=True)
    module.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("NGSPICE_WASM", raising=False)
    if where != "cache":
        monkeypatch.setenv("NGSPICE_WASM", str(module if where == "file" else prefix))
    assert wasm.engine() == module.resolve()


def test_a_spoilt_wasm_build_is_an_error(monkeypatch, tmp_path):
    if why_no_wasm():
        pytest.skip(why_no_wasm())
    spoilt = tmp_path / "engine.mjs"
    spoilt.write_text("this is no module")
    monkeypatch.setenv("NGSPICE_WASM", str(spoilt))
    with pytest.raises(NgspiceError, match="fatal: SyntaxError"):
        ngspice.run(DIVIDER, runner="wasm")


@pytest.mark.skipif(not HAS_LIBRARY, reason="libngspice is not installed")
def test_a_wrong_library_is_named(monkeypatch):
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", "/nowhere/libngspice.so")
    with pytest.raises(NgspiceNotFound, match="/nowhere/libngspice.so.*NGSPICE_LIBRARY_PATH"):
        ngspice.run(DIVIDER, runner="shared")


@pytest.mark.skipif(not HAS_LIBRARY, reason="libngspice is not installed")
def test_an_old_library_is_refused(monkeypatch):
    old = "import spice_models.pyspice_adapter as a; a.refuse_old('34', 'libngspice')"
    monkeypatch.setattr("spice_models.pyspice_adapter._COMMAND", (sys.executable, "-c", old))
    with pytest.raises(NgspiceTooOld, match="ngspice 34; the oldest supported one is 39"):
        ngspice.run(DIVIDER, runner="shared")


@pytest.mark.skipif(not HAS_LIBRARY, reason="libngspice is not installed")
def test_a_crash_of_the_library_does_not_end_this_program(monkeypatch):
    crash = (sys.executable, "-c", "import os; os.kill(os.getpid(), 11)")
    monkeypatch.setattr("spice_models.pyspice_adapter._COMMAND", crash)
    with pytest.raises(NgspiceCrashed, match="signal 11"):
        ngspice.run(DIVIDER, runner="shared")


@pytest.mark.parametrize("runner", [NATIVE, SHARED])
def test_what_a_runner_must_deliver_is_checked(runner):
    with pytest.raises(BadRawfile, match=r"lacks i\(vnone\)"):
        find_runner(runner).run(DIVIDER, 60, ["i(vnone)"])
    with pytest.raises(BadRawfile, match="1 points, not 2"):
        find_runner(runner).run(DIVIDER, 60, ["v(b)"], 2)


@EVERY
def test_every_runner_tells_whether_it_has_klu(runner):
    assert isinstance(find_runner(runner).has_klu(), bool)


def test_wires_of_zero_ohm_need_no_klu_and_no_warning():
    array = Array.from_siemens(np.full((65, 65), 1e-5), Wires.ideal())
    found = ngspice.sweep(array, np.ones((1, 65)))
    assert found.currents == pytest.approx(np.full((1, 65), 65e-5), rel=1e-9, abs=0)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("runner", [NATIVE, WASM])
def test_a_disk_that_is_full_for_the_result_is_told(runner, monkeypatch):
    """The rawfile is a link to a device that has no room for a single byte."""
    write = jobs._write

    def write_and_link(folder, files):
        write(folder, files)
        (folder / RESULT).symlink_to("/dev/full")

    monkeypatch.setattr(jobs, "_write", write_and_link)
    with pytest.raises(DiskFull, match="TMPDIR") as caught:
        ngspice.run(LONG, runner=runner)
    assert sorted(p.name for p in caught.value.folder.iterdir()) == ["circuit.cir", "log.txt"]


@pytest.mark.skipif(not HAS_LIBRARY, reason="libngspice is not installed")
def test_the_library_says_nothing_of_a_full_disk_but_its_short_result_does(monkeypatch):
    """The limit on the size of a file cuts the rawfile as a full disk does."""
    limited = ("/bin/sh", "-c", "trap '' XFSZ; ulimit -f 4; exec \"$@\"", "sh")
    command = (*limited, *pyspice_adapter._COMMAND)
    monkeypatch.setattr(pyspice_adapter, "_COMMAND", command)
    with pytest.raises(BadRawfile, match="cut short"):
        ngspice.run(LONG, runner="shared")
    usage = type("Usage", (), {"free": 4096})
    monkeypatch.setattr(runners.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFull, match=r"4096 bytes free.*TMPDIR"):
        ngspice.run(LONG, runner="shared")


@EVERY
@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda raw: raw[:-1], "cut short"),
        (lambda raw: raw[:40], "cut short"),
        (lambda raw: b"", "0 analyses"),
        (lambda raw: bytes(range(256)) * 9, "not in the binary format"),
        (lambda raw: raw[:-8] + np.float64(np.nan).tobytes(), "not finite"),
        (lambda raw: raw.replace(b"i(v1)", b"i(v2)"), r"lacks i\(v1\)"),
    ],
)
def test_a_spoilt_result_of_no_runner_is_believed(runner, spoil, text, monkeypatch):
    read = runners._content
    monkeypatch.setattr(runners, "_content", lambda *where: spoil(read(*where)))
    with pytest.raises(BadRawfile, match=text) as caught:
        find_runner(runner).run(DIVIDER, 60, ["i(v1)"], 1)
    assert (caught.value.folder / "circuit.cir").read_text() == DIVIDER


@EVERY
@pytest.mark.parametrize("line", [".control\nshell touch {}\n.endc", "*# shell touch {}"])
def test_commands_reach_no_runner_that_was_not_to_run_them(runner, line, tmp_path):
    marker = tmp_path / "marker"
    with pytest.raises(UnsafeNetlist, match="would run a command"):
        ngspice.run(
            DIVIDER.replace(".op", line.format(marker) + "\n.op"),
            runner=runner,
            allow_commands=False,
        )
    assert not marker.exists()


@EVERY
def test_several_processes_at_once(runner):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = [pool.submit(ngspice.run, DIVIDER, 100, runner=runner) for _ in range(4)]
        assert [one.result()["v(b)"].tolist() for one in found] == [[0.5]] * 4
