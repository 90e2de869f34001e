"""Programs that stay between runs, by a stand-in and by Node where it is installed."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from spice_models import (
    BadRawfile,
    NgspiceCrashed,
    NgspiceError,
    NgspiceNotFound,
    SimulationTimeout,
    ngspice,
    process,
    resident,
    wasm,
)

DIVIDER = "divider\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.op\n.end\n"
PROGRAM = r"""
import json, os, sys, time
for line in sys.stdin:
    wish = json.loads(line)
    if wish == "die":
        print("last words", flush=True)
        os.kill(os.getpid(), 11)
    if wish == "vanish":
        os.kill(os.getpid(), 9)
    if wish == "sleep":
        print("not yet", flush=True)
        time.sleep(300)
    if wish == "fail":
        sys.exit("fatal: out of order")
    if wish == "wait":
        time.sleep(0.3)
    print("chatter", flush=True)
    reply = {"log": f"{wish} {os.getpid()} {os.environ['OMP_NUM_THREADS']}", "status": 0}
    print("\2" + json.dumps(reply | {"last": wish == "last"}), flush=True)
    if wish == "leave":
        break
"""
COMMAND = (sys.executable, "-S", "-c", PROGRAM)


@pytest.fixture(autouse=True)
def nothing_stays():
    resident.close()
    yield
    resident.close()
    assert not resident._all


@pytest.fixture
def ask(tmp_path):
    """Ask the stand-in, and return its answer and its number."""

    def ask(wish, seconds=60.0):
        log, status = resident.request(COMMAND, wish, tmp_path, seconds)
        said, pid, threads = log.split()
        assert (said, threads, status) == (wish, "1", 0)
        return int(pid)

    return ask


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def assert_ends(pid):
    deadline = time.monotonic() + 20
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(pid)


def test_one_program_answers_many_requests(ask):
    assert len({ask(str(k)) for k in range(5)}) == 1


def test_closing_ends_it_and_the_next_request_starts_another(ask):
    first = ask("a")
    resident.close()
    assert not is_running(first)
    assert ask("b") != first


def test_one_that_ended_while_idle_is_replaced_unnoticed(ask):
    first = ask("leave")
    assert_ends(first)
    assert ask("b") != first


def test_one_that_says_it_ends_is_not_asked_again(ask):
    first = ask("last")
    assert not resident._idle
    assert ask("b") != first


def test_a_crash_is_an_error_and_the_next_request_works(ask, tmp_path):
    first = ask("a")
    with pytest.raises(NgspiceCrashed, match=r"signal 11: .*last words"):
        ask("die")
    assert "last words" in (tmp_path / "log.txt").read_text()
    assert not is_running(first)
    assert ask("b") != first


def test_one_that_ends_with_words_is_not_asked_twice(tmp_path):
    log, status = resident.request(COMMAND, "fail", tmp_path, 60)
    assert (log, status) == ("fatal: out of order\n", 1)


def test_one_that_never_answers_is_not_started_again_and_again(tmp_path):
    silent = (sys.executable, "-S", "-c", "")
    assert resident.request(silent, "a", tmp_path, 60) == ("", 0)


def test_one_that_is_killed_while_idle_is_replaced_unnoticed(ask):
    first = ask("a")
    os.kill(first, signal.SIGKILL)
    assert_ends(first)
    second = ask("b")
    assert second != first
    assert ask("c") == second


def test_one_that_dies_silently_at_work_is_replaced_once(ask, tmp_path):
    ask("a")
    with pytest.raises(NgspiceCrashed, match="signal 9"):
        resident.request(COMMAND, "vanish", tmp_path, 60)
    assert ask("b")


def test_a_timeout_kills_it(ask):
    first = ask("a")
    with pytest.raises(SimulationTimeout, match=r"after 0\.3 s.*not yet"):
        ask("sleep", 0.3)
    assert not is_running(first)
    assert ask("b") != first


def test_an_interrupt_kills_it(ask, monkeypatch):
    first = ask("a")

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(resident._Resident, "_read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ask("b")
    assert not is_running(first)


def test_threads_get_one_each_and_few_are_kept(ask):
    with ThreadPoolExecutor(4) as pool:
        used = set(pool.map(ask, ["wait"] * 4))
    assert len(used) == 4
    assert {one.program.pid for one in resident._idle} < used
    assert len(resident._idle) == resident.KEPT_IDLE
    assert sum(map(is_running, used)) == resident.KEPT_IDLE


def test_what_cannot_be_started_is_told(tmp_path):
    with pytest.raises(NgspiceNotFound, match="/nowhere/node cannot be started"):
        resident.request(("/nowhere/node",), [], tmp_path, 60)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_starts_its_own_and_leaves_its_parents_alone(ask):
    mine = ask("a")
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def work():
        answers.put([len(resident._idle), ask("b"), ask("c")])

    child = context.Process(target=work)
    child.start()
    known, theirs, again = answers.get()
    child.join(60)
    assert (known, again) == (0, theirs)
    assert theirs != mine
    assert_ends(theirs)
    assert ask("d") == mine


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_does_not_stop_its_parents_runs(tmp_path):
    running = process.start(["sleep", "60"], tmp_path)
    child = multiprocessing.get_context("fork").Process(target=ngspice.stop_all)
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert running.poll() is None
    process.end(running)


@pytest.mark.parametrize("end", ["pass", "os.kill(os.getpid(), 9)", "os._exit(0)", "1 / 0"])
def test_it_ends_with_the_process_that_started_it(end, tmp_path):
    code = (
        "import os, pathlib\nfrom spice_models import resident\n"
        f"log, _ = resident.request({COMMAND!r}, 'a', pathlib.Path({str(tmp_path)!r}), 60)\n"
        f"print(log.split()[1], flush=True)\n{end}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert_ends(int(done.stdout))


def test_stopping_all_ends_idle_ones_and_those_at_work(ask, monkeypatch):
    monkeypatch.setattr(process, "_stopping", threading.Event())
    with ThreadPoolExecutor(2) as pool:
        idle, working = pool.map(ask, ["wait"] * 2)
        sleeper = pool.submit(ask, "sleep")
        while len(resident._idle) > 1:
            time.sleep(0.01)
        ngspice.stop_all()
        with pytest.raises(NgspiceError, match="the program ends"):
            sleeper.result(60)
    assert not is_running(idle)
    assert not is_running(working)
    with pytest.raises(NgspiceError, match="the program ends"):
        ask("b")


def why_no_wasm():
    try:
        wasm.engine()
        wasm.node()
    except NgspiceNotFound as error:
        return str(error)
    return ""


needs_wasm = pytest.mark.skipif(bool(why_no_wasm()), reason=why_no_wasm())


def the_node():
    (one,) = resident._idle
    return one.program.pid


@needs_wasm
def test_a_Node_is_kept_and_nothing_of_a_run_reaches_the_next():
    changed = DIVIDER.replace(".op", ".op\n.control\nset filetype=ascii\nset temp=99\n.endc")
    with pytest.raises(BadRawfile):
        ngspice.run(changed, runner="wasm")
    first = the_node()
    assert ngspice.run(DIVIDER, runner="wasm")["v(b)"].tolist() == [0.5]
    with pytest.raises(BadRawfile, match="no rawfile|no analysis"):
        ngspice.run(DIVIDER.replace(".op", ""), runner="wasm")
    with pytest.raises(NgspiceError, match="unknown subckt"):
        ngspice.run(DIVIDER.replace("R2 b 0 1k", "X1 b 0 nope"), runner="wasm")
    assert set(ngspice.run(DIVIDER, runner="wasm")) == {"v(a)", "v(b)", "i(v1)"}
    assert the_node() == first


@needs_wasm
@pytest.mark.parametrize("command", ["quit", "quit 3", "echo hello"])
def test_a_netlist_that_ends_ngspice_is_an_error_and_not_an_endless_wait(command):
    text = DIVIDER.replace(".op", f".control\n{command}\n.endc")
    with pytest.raises(NgspiceError) as caught:
        ngspice.run(text, 60, runner="wasm")
    assert not isinstance(caught.value, SimulationTimeout)
    assert ngspice.run(DIVIDER, runner="wasm")["v(b)"].tolist() == [0.5]


@needs_wasm
def test_a_Node_that_could_not_read_or_write_is_not_asked_again(tmp_path):
    log, status = wasm._ask(wasm.node(), str(wasm.engine()), tmp_path, 60)  # there is no netlist
    assert status == 1
    assert "fatal: Error: ENOENT" in log
    assert ngspice.run(DIVIDER, runner="wasm")["v(b)"].tolist() == [0.5]


@needs_wasm
def test_an_idle_Node_ends_by_itself(monkeypatch):
    monkeypatch.setattr(wasm, "IDLE_SECONDS", 0.1)
    assert ngspice.run(DIVIDER, runner="wasm")["v(b)"].tolist() == [0.5]
    assert_ends(the_node())
    assert ngspice.run(DIVIDER, runner="wasm")["v(b)"].tolist() == [0.5]


@needs_wasm
def test_the_wasm_build_tells_its_version_and_KLU():
    info = wasm.probe()
    assert info.klu
    assert int(info.version.split(".")[0]) >= 45
    assert info.path == str(wasm.engine())
