"""Solvers of one array in one run: iterative, direct, ngspice (small) and a prototype.

    python benchmarks/arrays.py
    python benchmarks/arrays.py --sizes 64 1024 --inputs 1 --ohm 10 --prototypes path/to/prototypes

Cells of 1 to 100 uS, wires, drivers and senses of the same resistance. Each solver runs in a
process of its own, once on a small array to compile and once measured: CPU time [s], peak memory
of the process [MB], largest difference to the direct solve (or to the iterative one where the
direct is left out) relative to the largest current.
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from spice_models import Array, Wires, ngspice, nodal

Floats = NDArray[np.float64]
SOLVERS = ("direct", "iterative", "ngspice", "prototype")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 128, 256])
    parser.add_argument("--inputs", type=int, default=1)
    parser.add_argument("--ohm", type=float, default=1.0, help="each segment and end [ohm]")
    parser.add_argument("--largest-direct", type=int, default=256)
    parser.add_argument("--largest-ngspice", type=int, default=32)
    parser.add_argument("--prototypes", type=Path, help="folder with nodal_line_cg.py")
    options = parser.parse_args()
    table = Table("size", "solver", "CPU [s]", "memory [MB]", "error")
    for size in options.sizes:
        reference = None
        for name in SOLVERS:
            if size > {"direct": options.largest_direct, "ngspice": options.largest_ngspice}.get(
                name, size
            ):
                continue
            if name == "prototype" and options.prototypes is None:
                continue
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                job = (name, size, options.inputs, options.ohm, options.prototypes)
                currents, seconds, megabytes = pool.submit(measure, *job).result()
            reference = currents if reference is None else reference
            error = np.abs(currents - reference).max() / np.abs(reference).max()
            table.add_row(str(size), name, f"{seconds:.3f}", f"{megabytes:.0f}", f"{error:.1e}")
    Console().print(table)


def measure(
    name: str, size: int, inputs: int, ohm: float, prototypes: Path | None
) -> tuple[Floats, float, float]:
    """Currents, CPU seconds, and peak memory [MB] of one solver in this process."""
    solve = solver(name, prototypes)
    solve(*workload(16, inputs, ohm))
    job = workload(size, inputs, ohm)
    start = cpu_seconds()
    currents = solve(*job)
    seconds = cpu_seconds() - start
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(kind).ru_maxrss for kind in kinds)
    return currents, seconds, peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def workload(size: int, inputs: int, ohm: float) -> tuple[Array, Floats]:
    """Draw an array and its input voltages, the same for all solvers."""
    random = np.random.default_rng(0)
    siemens = random.uniform(1e-6, 1e-4, (size, size))
    array = Array.from_siemens(siemens, Wires(ohm, ohm, ohm, ohm))
    return array, random.uniform(0, 1, (inputs, size))


def solver(name: str, prototypes: Path | None) -> Callable[[Array, Floats], Floats]:
    """Return the function that gives an array's currents."""
    if name == "ngspice":
        return lambda array, inputs: ngspice.sweep(array, inputs).currents
    if name == "prototype":
        sys.path.insert(0, str(prototypes))
        module = import_module("nodal_line_cg")
        module.nb.set_num_threads(1)

        def by_prototype(array: Array, inputs: Floats) -> Floats:
            blocks = [np.ascontiguousarray(inputs[k : k + 8].T) for k in range(0, len(inputs), 8)]
            ohm = array.wires.word_segment_ohm
            return np.concatenate([module.solve(array.siemens, block, ohm)[0] for block in blocks])

        return by_prototype
    return lambda array, inputs: nodal.currents(array, inputs, name)


def cpu_seconds() -> float:
    """CPU time of this process and of the children that ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(kind) for kind in kinds]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
