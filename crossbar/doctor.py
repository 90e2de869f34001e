"""What this installation has, and what to do about what is missing."""

from __future__ import annotations

import ctypes.util
import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("numpy", "scipy", "numba", "ortools", "matplotlib", "scikit-learn", "PySpice")


@dataclass(frozen=True)
class Finding:
    """One thing looked for.

    Parameters
    ----------
    name, text : str
        What it is, and what was found or what to do.
    good : bool
        Whether it is there.
    needed : bool
        Whether the package cannot do its main job without it.
    """

    name: str
    text: str
    good: bool = True
    needed: bool = True


def examine() -> list[Finding]:
    """Look for everything that the package uses."""
    from crossbar import __version__

    findings = [
        Finding("resistive-crossbar", __version__),
        Finding("python", platform.python_version()),
    ]
    return [*findings, *map(_package, PACKAGES), *_ngspice(), _library(), _wasm()]


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        needed = name != "PySpice"
        return Finding(name, f"install it with: pip install {name}", good=False, needed=needed)


def _ngspice() -> list[Finding]:
    from spice_models import NgspiceError, ngspice

    try:
        info = ngspice.probe()
    except NgspiceError as error:
        return [Finding("ngspice", str(error), good=False)]
    solver = (
        "KLU: fast on large arrays"
        if info.klu
        else "without KLU: fine for tiles up to 64 x 64, slow above; an ngspice of version 40 "
        "or later built with KLU is faster, and so are runner='wasm' and the 'nodal' simulator"
    )
    return [
        Finding("ngspice", f"version {info.version} at {info.path}"),
        Finding("ngspice solver", solver),
    ]


def _library() -> Finding:
    library = os.environ.get("NGSPICE_LIBRARY_PATH") or ctypes.util.find_library("ngspice")
    if library:
        return Finding("libngspice", f"{library} (for PySpice)")
    return Finding(
        "libngspice",
        "only needed for PySpice's shared-library mode; Debian: apt install libngspice0",
        good=False,
        needed=False,
    )


def _wasm() -> Finding:
    from spice_models import NgspiceError, wasm

    try:
        info = wasm.probe()
    except NgspiceError as error:
        text = f"only needed for runner='wasm', KLU on any machine: {error}"
        return Finding("ngspice wasm", text, good=False, needed=False)
    solver = "with KLU" if info.klu else "without KLU"
    return Finding("ngspice wasm", f"version {info.version} {solver} at {info.path}")
