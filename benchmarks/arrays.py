"""Simulators of one array in one run: ours, badcrossbar and ngspice; and layers of tiles.

    python benchmarks/arrays.py
    python benchmarks/arrays.py --sizes 64 1024 --inputs 1 --ohm 10 --all

Cells of 1 to 100 uS; wires, drivers and senses of the same resistance. Each solver runs in a
process of its own, on small arrays to warm up and once measured: CPU time with that of its
children [s], wall-clock time [s], peak memory of the process or of its largest child [MB], and
the largest difference to the direct solve relative to the largest current; above its size what
the iteration says of itself. Solvers are left out where they take minutes or many gigabytes;
``--all`` keeps them.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from spice_models import Array, NgspiceError, Wires, ngspice, nodal, wasm

Floats = NDArray[np.float64]
Solver = Callable[[Array, Floats], Floats]
Answer = TypeVar("Answer")
Job = tuple[int, int, float]
"""Rows and lines, input vectors, ohm."""

PROTOTYPES = "CROSSBAR_PROTOTYPES"
TILE = 128
TILES = 12


@dataclass(frozen=True)
class Entry:
    """A solver, whether it is installed, and where it stops: size at one input and at many."""

    solve: Solver
    largest: int
    largest_many: int
    missing: str = ""


@dataclass(frozen=True)
class Measured:
    """What a solver took and found."""

    values: Floats
    cpu: float
    wall: float
    megabytes: float
    estimate: float = float("nan")


def main() -> None:
    """Measure and print the tables, which are Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 128, 256, 1024])
    parser.add_argument("--inputs", type=int, nargs="+", default=[1, 100])
    parser.add_argument("--ohm", type=float, default=1.0, help="each segment and end [ohm]")
    parser.add_argument("--all", action="store_true", help="every solver at every size")
    parser.add_argument("--tiles", type=int, default=TILES, help="tiles of the layer; 0: no layer")
    parser.add_argument("--prototypes", type=Path, help="folder with nodal_line_cg.py")
    options = parser.parse_args()
    refuse_bad(parser, options)
    if options.prototypes:
        os.environ[PROTOTYPES] = str(options.prototypes)  # the measuring processes see it too
    console = Console(width=110)
    for size in options.sizes:
        console.print(currents_table(size, options.inputs, options.ohm, options.all))
    for line in left_out():
        console.print(line, highlight=False)
    if options.tiles:
        console.print(layer_table(options.tiles, options.ohm))


def refuse_bad(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with one line about the first option that nothing can be measured with."""
    for name in ("sizes", "inputs"):
        if (least := min(getattr(options, name))) < 1:
            parser.error(f"--{name}: {least}: give whole numbers from 1 on")
    if not 0 < options.ohm < float("inf"):
        parser.error(f"--ohm: {options.ohm}: give a finite resistance above 0")
    if options.tiles < 0:
        parser.error(f"--tiles: {options.tiles}: give a whole number from 0 on; 0: no layer")
    if options.prototypes and not (options.prototypes / "nodal_line_cg.py").is_file():
        parser.error(f"--prototypes: {options.prototypes}: give a folder with nodal_line_cg.py")


def solvers() -> dict[str, Entry]:
    """Every solver of currents by name, the reference first."""
    klu = has_klu()
    version, no_ngspice = native_version()
    prototypes = os.environ.get(PROTOTYPES)
    return {
        "ours, direct": Entry(by_nodal("direct"), 512, 512),
        "ours, iterative": Entry(by_nodal("iterative"), 1 << 20, 1 << 20),
        **({"prototype": Entry(by_prototype(prototypes), 1 << 20, 1 << 20)} if prototypes else {}),
        "badcrossbar": Entry(by_badcrossbar, 512, 512, no_badcrossbar()),
        f"ngspice {version}": Entry(
            by_ngspice("native"), 512 if klu else 64, 128 if klu else 32, no_ngspice
        ),
        "ngspice 45 wasm": Entry(by_ngspice("wasm"), 256, 32, no_wasm()),
    }


def left_out() -> list[str]:
    """Say where solvers stop by default, and which are missing."""
    lines = []
    for name, entry in solvers().items():
        if entry.missing:
            lines.append(f"{name}: not measured, {entry.missing}")
        elif entry.largest < 1 << 20:
            many = "" if entry.largest_many == entry.largest else f", {entry.largest_many} for more"
            lines.append(f"{name}: up to {entry.largest} for one input{many} (--all: everywhere)")
    return lines


def currents_table(size: int, inputs: list[int], ohm: float, keep_all: bool) -> Table:
    """Every solver at every number of inputs."""
    table = Table("array", "inputs", "solver", box=box.MARKDOWN)
    for name in ("CPU s", "wall s", "memory MB", "error"):
        table.add_column(name, justify="right")
    for count in inputs:
        reference = None
        for name, entry in solvers().items():
            limit = entry.largest if count == 1 else entry.largest_many
            if entry.missing or (size > limit and not keep_all):
                continue
            apart(warm_up, name, (size, count, ohm))  # compiles kernels, once and for all
            found = apart(measure, name, (size, count, ohm))
            error = "reference" if reference is None else relative(found.values, reference)
            if reference is None and name == "ours, iterative":
                error = f"{found.estimate:.0e} (own estimate)"
            reference = found.values if reference is None else reference
            table.add_row(f"{size} x {size}", str(count), name, *costs(found), error)
    return table


def layer_table(tiles: int, ohm: float) -> Table:
    """The transfer matrix of a tile, and of a layer of tiles with and without an executor."""
    table = Table("transfer matrices", "with", box=box.MARKDOWN)
    for name in ("CPU s", "wall s", "memory MB", "error"):
        table.add_column(name, justify="right")
    direct = apart(measure_tile, "direct", ohm)
    found = apart(measure_tile, "auto", ohm)
    table.add_row(f"one tile, {TILE} x {TILE}", "ours, direct", *costs(direct), "reference")
    table.add_row("", "ours", *costs(found), relative(found.values, direct.values))
    processes = os.cpu_count() or 1
    alone = apart(measure_layer, tiles, ohm, 0)
    shared = apart(measure_layer, tiles, ohm, processes)
    same = "same bits" if np.array_equal(alone.values, shared.values) else "DIFFER"
    table.add_row(f"layer of {tiles} such tiles", "ours, no executor", *costs(alone), "")
    table.add_row("", f"ours, executor of {processes} processes", *costs(shared), same)
    return table


def apart(task: Callable[..., Answer], *job: object) -> Answer:
    """Run a task in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(task, *job).result()


def warm_up(name: str, job: Job) -> None:
    """Solve something small, and not the same: what is kept would cost no time."""
    size, count, ohm = job
    solve = solvers()[name].solve
    solve(*workload(17 if size == 16 else 16, count, ohm))
    if name == "ours, iterative":  # kernels of their own for each width, and for long lines
        small = max(40, count + 1)  # of fewer rows, those would be solved
        solve(*workload(small + (size == small), count, ohm))
        solve(*workload(small, count, 1e3 * ohm))


def measure(name: str, job: Job) -> Measured:
    """Currents of one solver in this process."""
    size, count, ohm = job
    solve = solvers()[name].solve
    warm_up(name, job)
    array, inputs = workload(size, count, ohm)
    found = timed(lambda: solve(array, inputs))
    if name != "ours, iterative":
        return found
    estimate = nodal.product(array, inputs, method="iterative").mismatch
    return Measured(found.values, found.cpu, found.wall, found.megabytes, estimate)


def measure_tile(method: nodal.Method, ohm: float) -> Measured:
    """The transfer matrix of a tile."""
    nodal.transfer_matrix(workload(40, 1, ohm)[0], method=method, keep=False)
    array, _ = workload(TILE, 1, ohm)
    return timed(lambda: nodal.transfer_matrix(array, method=method, keep=False).siemens)


def measure_layer(tiles: int, ohm: float, processes: int) -> Measured:
    """Transfer matrices of many tiles, here or in warm workers; CPU time is that of the tiles."""
    arrays = [workload(TILE, 1, ohm, seed)[0] for seed in range(tiles)]
    warm_up = [workload(40, 1, ohm)[0]] * 4 * max(processes, 1)
    seconds: list[float] = []

    def layer(share_out: Callable[..., Iterable[tuple[Floats, float]]]) -> Floats:
        list(share_out(tile_of, warm_up))
        start = time.perf_counter()
        answers = list(share_out(tile_of, arrays))
        seconds[:] = [sum(one for _, one in answers), time.perf_counter() - start]
        return np.array([siemens for siemens, _ in answers])

    if processes:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            values = layer(pool.map)
    else:
        values = layer(map)
    return Measured(values, *seconds, peak_megabytes())


def tile_of(array: Array) -> tuple[Floats, float]:
    """Transfer matrix of a tile and its CPU time [s]; a name that other processes can find."""
    start = time.process_time()
    siemens = nodal.transfer_matrix(array, keep=False).siemens
    return siemens, time.process_time() - start


def timed(job: Callable[[], Floats]) -> Measured:
    """Run a job, and end the processes that it keeps, whose CPU time would not count otherwise."""
    wasm.close()
    cpu, wall = cpu_seconds(), time.perf_counter()
    values = job()
    wall = time.perf_counter() - wall
    wasm.close()
    return Measured(values, cpu_seconds() - cpu, wall, peak_megabytes())


def peak_megabytes() -> float:
    """Peak memory of this process or of the largest child that ended [MB]."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(kind).ru_maxrss for kind in kinds)
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def cpu_seconds() -> float:
    """CPU time of this process and of the children that ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(kind) for kind in kinds]
    return sum(one.ru_utime + one.ru_stime for one in used)


def costs(found: Measured) -> tuple[str, str, str]:
    """CPU, wall and memory as text."""
    return f"{found.cpu:.3f}", f"{found.wall:.3f}", f"{found.megabytes:.0f}"


def relative(values: Floats, reference: Floats) -> str:
    """Largest difference, relative to the largest value."""
    return f"{np.abs(values - reference).max() / np.abs(reference).max():.0e}"


def workload(size: int, inputs: int, ohm: float, seed: int = 0) -> tuple[Array, Floats]:
    """Draw an array and its input voltages, the same for all solvers."""
    random = np.random.default_rng(seed)
    siemens = random.uniform(1e-6, 1e-4, (size, size))
    array = Array.from_siemens(siemens, Wires(ohm, ohm, ohm, ohm))
    return array, random.uniform(0, 1, (inputs, size))


def by_nodal(method: nodal.Method) -> Solver:
    """Nodal analysis by one method."""
    return lambda array, inputs: nodal.currents(array, inputs, method)


def by_ngspice(runner: ngspice.RunnerName) -> Solver:
    """One sweep in ngspice."""
    return lambda array, inputs: ngspice.sweep(array, inputs, runner=runner).currents


def by_prototype(folder: str) -> Solver:
    """The line iteration that ours grew from, eight inputs at a time on one thread."""

    def solve(array: Array, inputs: Floats) -> Floats:
        if folder not in sys.path:
            sys.path.insert(0, folder)
        module = import_module("nodal_line_cg")
        module.nb.set_num_threads(1)
        blocks = [np.ascontiguousarray(inputs[k : k + 8].T) for k in range(0, len(inputs), 8)]
        ohm = array.wires.word_segment_ohm
        return np.concatenate([module.solve(array.siemens, block, ohm)[0] for block in blocks])

    return solve


def by_badcrossbar(array: Array, inputs: Floats) -> Floats:
    """badcrossbar (D. Joksas, A. Mehonic), currents alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = import_module("badcrossbar")
        logging.getLogger("badcrossbar").setLevel(logging.WARNING)
        ohm = array.wires.word_segment_ohm
        found = peer.compute(
            inputs.T, 1 / array.siemens, r_i=ohm, node_voltages=False, all_currents=False
        )
    return np.asarray(found.currents.output)


def no_badcrossbar() -> str:
    """Why badcrossbar cannot be run, if so."""
    if all(map(find_spec, ("badcrossbar", "pathvalidate"))):  # not imported: it takes 8 MB
        return ""
    return "not installed: pip install --no-deps badcrossbar==1.1.0 pathvalidate"


def native_version() -> tuple[str, str]:
    """Version of the ngspice of this machine, and why it cannot be run, if so."""
    try:
        info = ngspice.probe()
    except NgspiceError as error:
        return "native", str(error)
    return f"{info.version}{' with KLU' if info.klu else ''}", ""


def has_klu() -> bool:
    """Whether the ngspice of this machine has KLU."""
    try:
        return ngspice.probe().klu
    except NgspiceError:
        return False


def no_wasm() -> str:
    """Why ngspice as WebAssembly cannot be run, if so."""
    try:
        wasm.engine()
        wasm.node()
    except NgspiceError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    main()
