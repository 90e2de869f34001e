"""The ngspice executable of this machine, in batch mode."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from spice_models.checks import check_seconds
from spice_models.errors import NgspiceNotFound, NgspiceTooOld
from spice_models.process import execute
from spice_models.runners import CIRCUIT, RESULT, Vectors, run_program

__all__ = ["OLDEST_VERSION", "NativeRunner", "NgspiceInfo", "executable", "probe"]

OLDEST_VERSION = 39
"""The oldest ngspice that this package was run with; older ones are refused."""

_UPGRADE = (
    f"the oldest supported one is {OLDEST_VERSION}; install a newer one and set NGSPICE to its "
    "path, or use runner='wasm'"
)
_INSTALL = (
    "no ngspice executable {where}; install it (Debian or Ubuntu: sudo apt install ngspice; "
    "macOS: brew install ngspice; conda: conda install -c conda-forge ngspice) "
    "or set NGSPICE to its path"
)
PROBE = "probe\nV1 a 0 1\nR1 a 0 1\n.options klu\n.op\n.end\n"
"""A netlist whose log tells whether there is KLU."""

PROBE_SECONDS = 30.0
"""Time for questions about version and solver [s]."""


@dataclass(frozen=True)
class NgspiceInfo:
    """What the installed ngspice can do."""

    path: str
    version: str
    klu: bool


@dataclass(frozen=True)
class NativeRunner:
    """Runs netlists by ``ngspice -b``: the variable NGSPICE, or the first one on PATH."""

    def run(
        self,
        text: str,
        timeout_seconds: float,
        vectors: Collection[str] = (),
        points: int | None = None,
    ) -> Vectors:
        """As `spice_models.runners.Runner.run`."""
        check_seconds(timeout_seconds)
        path = executable()
        refuse_old(_version(path, min(timeout_seconds, PROBE_SECONDS)), path)
        command = [path, "-n", "-b", "-r", RESULT, CIRCUIT]
        return run_program(command, text, timeout_seconds, vectors, points)

    def has_klu(self) -> bool:
        """Whether this build holds KLU."""
        return probe().klu


def executable() -> str:
    """Path of ngspice: the environment variable NGSPICE, or the first one on PATH."""
    wanted = os.environ.get("NGSPICE") or "ngspice"
    found = shutil.which(wanted)
    if found is None:
        named = f"at NGSPICE = {wanted!r}" if os.environ.get("NGSPICE") else "on PATH"
        raise NgspiceNotFound(_INSTALL.format(where=named))
    return os.path.abspath(found)


def probe() -> NgspiceInfo:
    """Find ngspice, its version, and whether it has the solver KLU. Cached by path.

    Raises
    ------
    NgspiceNotFound
        The text says how to install it.
    NgspiceTooOld
        If its version is below `OLDEST_VERSION`.
    """
    return _probe(executable())


def refuse_old(version: str | None, where: str) -> None:
    """Raise `NgspiceTooOld` if a version, such as ``39.3``, is below the oldest supported one.

    A program that tells no version is left to its run, where anything wrong shows.
    """
    number = re.match(r"\d+", version or "")
    if number and int(number[0]) < OLDEST_VERSION:
        raise NgspiceTooOld(f"{where} is ngspice {version}; {_UPGRADE}")


@lru_cache(maxsize=8)
def _version(path: str, timeout_seconds: float) -> str | None:
    with TemporaryDirectory(prefix="spice_models-probe-") as folder:
        banner, _ = execute([path, "-v"], Path(folder), timeout_seconds)
    found = re.search(r"ngspice-([\w.+-]+)", banner)
    return found[1] if found else None


@lru_cache(maxsize=8)
def _probe(path: str) -> NgspiceInfo:
    version = _version(path, PROBE_SECONDS)
    if version is None:
        raise NgspiceNotFound(f"{path} does not say that it is ngspice; set NGSPICE to its path")
    refuse_old(version, path)
    with TemporaryDirectory(prefix="spice_models-probe-") as folder:
        Path(folder, "probe.cir").write_text(PROBE, encoding="ascii")
        log, _ = execute([path, "-n", "-b", "probe.cir"], Path(folder), PROBE_SECONDS)
    return NgspiceInfo(path, version, "Using KLU" in log)
