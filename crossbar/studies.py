"""Many chips, many resistor counts: the tasks of a study, run and resumed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, as_completed
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from crossbar.datasets import load_dataset
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.evaluation import Setting, digital_accuracy_percent, evaluate
from crossbar.folders import RunFolder
from crossbar.networks import SHIPPED_NAMES, Network, load_network
from crossbar.production import check_programming
from crossbar.results import NETWORK, Row
from crossbar.scaling import Scaling
from crossbar.settings import build, read_toml
from crossbar.simulation import SimulatorName, Tile
from spice_models import Wires

Progress = Callable[[int, int], None]
MOST_TASKS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Study:
    """What to fabricate, program and simulate.

    Parameters
    ----------
    resistors : tuple of int
        Resistors per weight to try, each at least 2.
    designs : tuple of Design
        Cells to compare; `resistors` replaces their number of resistors.
    chips : int
        Chips of each design and resistor count.
    seed : int
        Root of all random numbers.
    network : str
        ``"digits"`` or the path of an ``.npz`` file (see `networks.load_network`).
    dataset : str
        See `datasets.load_dataset`.
    measurement_error : float
        Relative standard deviation of the calibration.
    simulator : {"ideal", "nodal", "ngspice"}
        See `simulation.transfer`.
    method : str
        Subset-sum method, see `solvers.solve_batch`.
    read_volt : float
        Word-line voltage of the largest activation, in the netlists that are written [V].
    wires : Wires
        Wire, driver and sense resistances [ohm].
    tile : Tile
        Largest circuit.
    wire_aware : bool
        Whether the switches are chosen for the wires, see `compensation.compensate`.
    scaling : {"layer", "column", "tile"}
        What has a full scale of its own, see `scaling.scaled_siemens_per_weight`.

    Raises
    ------
    InputError
        For a value out of range; the message names field, value and remedy.
    """

    resistors: tuple[int, ...]
    designs: tuple[Design, ...]
    chips: int = 3
    seed: int = 0
    network: str = "digits"
    dataset: str = "digits"
    measurement_error: float = 1e-4
    simulator: SimulatorName = "ngspice"
    method: str = "auto"
    read_volt: float = 0.2
    wires: Wires = field(default_factory=Wires)
    tile: Tile = field(default_factory=Tile)
    wire_aware: bool = False
    scaling: Scaling = "layer"

    def __post_init__(self) -> None:
        self._check_sweep()
        self._check_settings()
        for design in self.designs:
            for count in self.resistors:
                replace(design, resistors=count)  # refused here, not after hours

    def _check_sweep(self) -> None:
        for name in ("resistors", "designs"):
            if not getattr(self, name):
                raise InputError(f"{name} = []: an empty sweep; give at least one")
        if len(set(self.resistors)) < len(self.resistors):
            raise InputError(f"resistors = {list(self.resistors)}: name each number once")
        labels = [design.label for design in self.designs]
        for label in labels:
            if labels.count(label) > 1:
                raise InputError(f"designs: two are called {label!r}; give each a name of its own")
        if self.chips < 1:
            raise InputError(f"chips = {self.chips}: give at least 1")
        if self.chips * len(self.resistors) * len(self.designs) > MOST_TASKS:
            raise InputError(
                f"chips = {self.chips}: with these sweeps more than {MOST_TASKS:,} tasks; "
                "give fewer"
            )

    def _check_settings(self) -> None:
        from solvers import METHODS

        if self.seed < 0:
            raise InputError(f"seed = {self.seed}: give a whole number of 0 or more")
        if not 0 <= self.measurement_error <= 0.1:
            raise InputError(
                f"measurement_error = {self.measurement_error}: give a fraction from 0 to 0.1"
            )
        for field_name, choices in (
            ("simulator", get_args(SimulatorName)),
            ("method", METHODS),
        ):
            value = getattr(self, field_name)
            if value not in choices:
                raise InputError(f"{field_name} = {value!r}: choose one of {', '.join(choices)}")
        check_programming(self.wire_aware, self.scaling, self.simulator, self.designs)
        if not 0 < self.read_volt < math.inf:
            raise InputError(f"read_volt = {self.read_volt}: give a positive voltage")

    def tasks(self) -> list[Task]:
        """All tasks, in the order of the finished table."""
        return [
            Task(replace(design, resistors=count), chip)
            for design in self.designs
            for count in self.resistors
            for chip in range(self.chips)
        ]

    def setting(self) -> Setting:
        """What all tasks share; loads network and data and checks that they fit."""
        return Setting(
            network=load_network(self.network),
            dataset=load_dataset(self.dataset),
            seed=self.seed,
            measurement_error=self.measurement_error,
            simulator=self.simulator,
            method=self.method,
            wires=self.wires,
            tile=self.tile,
            wire_aware=self.wire_aware,
            scaling=self.scaling,
        )


@dataclass(frozen=True)
class Task:
    """One chip of one design: the unit of work, and of what is written and resumed."""

    design: Design
    chip: int

    @property
    def key(self) -> tuple[str, int, int]:
        """What names the task in the table."""
        return self.design.label, self.design.resistors, self.chip


def load_study(path: str | Path) -> Study:
    """Read a study from a TOML file; a relative network path starts at the file's folder.

    Raises
    ------
    InputError
        Naming the file, the setting, the value and the remedy.
    """
    values = read_toml(path)
    for number, design in enumerate(_dicts(values.get("designs"))):
        if "resistors" in design:
            raise InputError(
                f"{path}: designs.{number}.resistors: the study sweeps it; "
                "move the numbers to the top-level list 'resistors'"
            )
        if isinstance(counts := values.get("resistors"), list) and counts:
            design["resistors"] = counts[0]
    network = values.get("network")
    if isinstance(network, str) and network not in SHIPPED_NAMES:
        values["network"] = str(Path(path).parent / network)
    return build(Study, values, path)


def run(
    study: Study,
    out: str | Path,
    *,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[Row]:
    """Run a study, or what is left of it, into a folder.

    Rows are written as tasks end. A killed run continues where it was when `run` is
    called again, and ends with the same table.

    Parameters
    ----------
    study : Study
        What to run.
    out : str or Path
        Folder for ``results.csv``, ``run.json`` and ``netlists/``; made when missing.
    executor : concurrent.futures.Executor, optional
        Where tasks run; default one after another.
    progress : callable, optional
        Called with the numbers of finished and of all tasks.

    Returns
    -------
    list of Row
        The whole table, in the order of `Study.tasks`.

    Raises
    ------
    InputError
        Before any work: a network that does not fit, a folder of another study.
    spice_models.NgspiceError
        When ngspice is missing, or fails on a tile.
    """
    setting = study.setting()
    ngspice = _ngspice_version(study)
    tasks = study.tasks()
    identity = _identity(study, setting.network, ngspice)
    with RunFolder(Path(out), identity, Row) as folder:
        rows_of = folder.finished([*setting.layer_labels, NETWORK])
        todo = [task for task in tasks if task.key not in rows_of]
        if progress:
            progress(len(tasks) - len(todo), len(tasks))
        if folder.complete and not todo and folder.has_netlists(setting.layer_labels):
            return [row for task in tasks for row in rows_of[task.key]]
        digital = digital_accuracy_percent(setting)
        folder.start(rows_of, digital)
        _write_netlists(study, setting, folder)
        for task, rows in _evaluated(setting, todo, executor):
            folder.append(rows)
            rows_of[task.key] = rows
            if progress:
                progress(len(rows_of), len(tasks))
        table = [row for task in tasks for row in rows_of[task.key]]
        folder.finish(table, digital)
    return table


def _evaluated(
    setting: Setting, tasks: list[Task], executor: Executor | None
) -> Iterator[tuple[Task, list[Row]]]:
    work = partial(_run_task, setting)
    if executor is None:
        yield from ((task, work(task)) for task in tasks)
        return
    futures = {executor.submit(work, task): task for task in tasks}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


def _run_task(setting: Setting, task: Task) -> list[Row]:
    return evaluate(setting, task.design, task.chip)


def _write_netlists(study: Study, setting: Setting, folder: RunFolder[Row]) -> None:
    """The first design's first chip, at most resistors, reading the first test image."""
    from crossbar.evaluation import layer_netlists

    design = replace(study.designs[0], resistors=max(study.resistors))
    folder.write_netlists(layer_netlists(setting, design, chip=0, read_volt=study.read_volt))


def _identity(study: Study, network: Network, ngspice: dict[str, Any] | None) -> dict[str, Any]:
    from crossbar import __version__

    return {
        "version": __version__,
        "study": asdict(study) | {"network": Path(study.network).name},
        "network_sha256": network.digest,
        "ngspice": ngspice,
    }


def _ngspice_version(study: Study) -> dict[str, Any] | None:
    if study.simulator != "ngspice":
        return None
    from spice_models import ngspice

    info = ngspice.probe()
    return {"version": info.version, "klu": info.klu}


def _dicts(values: Any) -> Iterable[dict[str, Any]]:
    return (value for value in values if isinstance(value, dict)) if type(values) is list else ()
