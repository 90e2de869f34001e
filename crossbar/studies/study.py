"""Many chips, many resistor counts: the tasks of a study, run and resumed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from crossbar.datasets import Dataset, load_dataset
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.evaluation import Setting
from crossbar.files import read_design
from crossbar.networks import SHIPPED_NAMES, Network, load_network
from crossbar.nonidealities import Nonidealities
from crossbar.production import check_programming
from crossbar.results import Row
from crossbar.scaling import Scaling
from crossbar.settings import build, read_toml
from crossbar.simulation import SimulatorName, Tile
from crossbar.sweeps import Sweep, settings_at, sweep_settings
from crossbar.workers import IN_FLIGHT
from spice_models import Wires

Progress = Callable[[int, int], None]
MOST_TASKS = 1_000_000
NOT_SWEPT = (
    "resistors", "designs", "designs.resistors", "designs.name", "chips", "first_chip",
)  # fmt: skip
"""What a sweep cannot name: the study has settings of its own for it."""


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
        Word-line voltage of the largest activation, for read noise and in the netlists that
        are written [V].
    wires : Wires
        Wire, driver and sense resistances [ohm].
    tile : Tile
        Largest circuit.
    nonidealities : Nonidealities
        What the chips suffer besides; by default nothing.
    sweep : Sweep
        Any of these settings, or of those below them, with several values; the tasks above are
        run at each of its points.
    first_chip : int
        Number of the first chip, for machines that share the chips of one study.
    wire_aware : bool
        Whether lines are placed and switches are chosen for the wires, see `placement.place` and
        `compensation.compensate`.
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
    nonidealities: Nonidealities = field(default_factory=Nonidealities)
    sweep: Sweep = field(default_factory=Sweep)
    first_chip: int = 0
    wire_aware: bool = False
    scaling: Scaling = "layer"

    def __post_init__(self) -> None:
        self._check_sweep()
        self._check_settings()
        # refused here, not after hours
        cells = [replace(one, resistors=count) for one in self.designs for count in self.resistors]
        check_programming(self.wire_aware, self.scaling, self.simulator, cells, self.nonidealities)
        _ = self.points

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
        if self.first_chip < 0:
            raise InputError(f"first_chip = {self.first_chip}: give 0 or more")
        for name in self.sweep.names:
            if name in NOT_SWEPT or name.partition(".")[0] == "sweep":
                raise InputError(f"sweep.{name}: not for a sweep; give its values in the study")
        if self.chips * len(self.resistors) * len(self.designs) * len(self.sweep) > MOST_TASKS:
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
        if not 0 < self.read_volt < math.inf:
            raise InputError(f"read_volt = {self.read_volt}: give a positive voltage")

    @cached_property
    def points(self) -> tuple[Study, ...]:
        """The study at each point of its sweep, without the sweep; itself where there is none."""
        if not self.sweep.names:
            return (self,)
        plain = replace(self, sweep=Sweep())
        return tuple(settings_at(plain, values) for values in self.sweep.combinations())

    def tasks(self) -> list[Task]:
        """All tasks, in the order of the finished table."""
        return [
            Task(replace(design, resistors=count), chip, number)
            for number, point in enumerate(self.points)
            for design in point.designs
            for count in point.resistors
            for chip in range(self.first_chip, self.first_chip + self.chips)
        ]

    @property
    def shown_task(self) -> Task:
        """What netlists and costs are about: the first design's first chip at the first point, at
        most resistors."""
        point = self.points[0]
        design = replace(point.designs[0], resistors=max(point.resistors))
        return Task(design, self.first_chip)

    def setting(self, network: Network | None = None, dataset: Dataset | None = None) -> Setting:
        """What all tasks of a point share; loads network and data unless given, and checks them."""
        return Setting(
            network=load_network(self.network) if network is None else network,
            dataset=load_dataset(self.dataset) if dataset is None else dataset,
            seed=self.seed,
            measurement_error=self.measurement_error,
            simulator=self.simulator,
            method=self.method,
            wires=self.wires,
            tile=self.tile,
            read_volt=self.read_volt,
            nonidealities=self.nonidealities,
            wire_aware=self.wire_aware,
            scaling=self.scaling,
        )


@dataclass(frozen=True)
class Task:
    """One chip of one design: the unit of work, and of what is written and resumed.

    `point` is the number of the point of the study's sweep.
    """

    design: Design
    chip: int
    point: int = 0

    @property
    def key(self) -> tuple[str, int, int]:
        """What names the task in the table, beside the point."""
        return self.design.label, self.design.resistors, self.chip


def load_study(path: str | Path) -> Study:
    """Read a study from a TOML file; a relative path in it starts at the file's folder.

    A design may name a ``file``, as `crossbar design` writes it, whose fields count where it gives
    none of its own (but its radix where that gives another ladder); without a list ``resistors``
    the study takes their numbers.

    Raises
    ------
    InputError
        Naming the file, the setting, the value and the remedy.
    """
    values = read_toml(path)
    _read_designs(values, Path(path).parent)
    for number, design in enumerate(_dicts(values.get("designs"))):
        if "resistors" in design:
            raise InputError(
                f"{path}: designs.{number}.resistors: all designs have the same numbers; "
                "move them to the top-level list 'resistors'"
            )
        if isinstance(counts := values.get("resistors"), list) and counts:
            design["resistors"] = counts[0]
    if isinstance(sweep := values.get("sweep"), dict):
        try:
            values["sweep"] = sweep_settings(sweep)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    _find_networks(values, Path(path).parent)
    return build(Study, values, path)


def _read_designs(values: dict[str, Any], folder: Path) -> None:
    """Fill in what designs leave to their files."""
    counts = []
    given = values.get("designs")
    designs: list[Any] = given if isinstance(given, list) else []
    for number, design in enumerate(designs):
        if not isinstance(design, dict) or "file" not in design:
            continue
        if not isinstance(name := design.pop("file"), str):
            raise InputError(f"designs.{number}.file = {name!r}: give a path in quotes")
        filed = asdict(read_design(folder / name))
        counts.append(filed.pop("resistors"))
        if design.get("ladder", filed["ladder"]) != filed["ladder"]:
            del filed["radix"]  # of the other ladder
        designs[number] = {**filed, **design}
    if counts and "resistors" not in values:
        values["resistors"] = sorted(set(counts))


def _find_networks(values: dict[str, Any], folder: Path) -> None:
    """Let relative paths of networks, swept ones too, start at a folder."""

    def found(name: Any) -> Any:
        own = isinstance(name, str) and name not in SHIPPED_NAMES
        return str(folder / name) if own else name

    sweep = values.get("sweep")
    tables = [values, *_dicts(sweep["points"])] if isinstance(sweep, dict) else [values]
    for table in tables:
        if "network" in table:
            table["network"] = found(table["network"])
    if isinstance(sweep, dict) and isinstance(names := sweep["grid"].get("network"), list):
        sweep["grid"]["network"] = [found(name) for name in names]


def run(
    study: Study,
    out: str | Path,
    *,
    executor: Executor | None = None,
    progress: Progress | None = None,
    in_flight: int = IN_FLIGHT,
) -> list[Row]:
    """Run a study, or what is left of it, into a folder.

    Tasks are appended to a log as they end. A killed run continues where it was when `run` is
    called again, and ends with the same table; so does a run of more chips, resistor counts,
    designs or swept values, which keeps what is there.

    Parameters
    ----------
    study : Study
        What to run.
    out : str or Path
        Folder for ``results.csv``, ``tasks.jsonl``, ``run.json`` and ``netlists/``; made when
        missing.
    executor : concurrent.futures.Executor, optional
        Where tasks run; default one after another.
    progress : callable, optional
        Called with the numbers of finished and of all tasks.
    in_flight : int
        Most tasks that are given to the executor at a time.

    Returns
    -------
    list of Row
        The rows of this study, in the order of `Study.tasks`; the table also keeps what earlier
        runs in the folder did besides.

    Raises
    ------
    InputError
        Before any work: a network that does not fit, a folder of another study.
    workers.LostWork
        When workers died, too often for one task or all of them.
    spice_models.NgspiceError
        When ngspice is missing, or fails on a tile.
    """
    from crossbar.studies.runs import run_study

    return run_study(study, Path(out), executor, progress, in_flight)


run_study = run


def _dicts(values: Any) -> Iterable[dict[str, Any]]:
    return (value for value in values if isinstance(value, dict)) if type(values) is list else ()
