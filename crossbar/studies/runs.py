"""A study at work: its tasks, known by what they follow from, run and written as they end."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.evaluation import Setting, digital_accuracy_percent, evaluate, layer_netlists
from crossbar.folders import difference
from crossbar.results import Row
from crossbar.studies.folder import (
    EXTENT,
    Done,
    StudyFolder,
    shown,
    task_hash,
    version_of_results,
)
from crossbar.sweeps import short
from crossbar.workers import completed

if TYPE_CHECKING:
    from crossbar.studies.study import Study

Progress = Callable[[int, int], None]
Ngspice = tuple[str, bool]
"""Its version, and whether it has KLU."""


@dataclass(frozen=True)
class Planned:
    """A task of a study: a chip of a design at a point of the sweep, and all it follows from."""

    design: Design
    chip: int
    point: int
    settings: dict[str, Any]

    @property
    def call(self) -> tuple[Design, int, int, str]:
        """What a worker needs to know, and the hash."""
        return self.design, self.chip, self.point, task_hash(self.settings)


@dataclass(frozen=True)
class Shared:
    """What all tasks share: the setting of each point, the version, and the ngspice if one runs."""

    settings: tuple[Setting, ...]
    version: str
    ngspice: Ngspice | None


def run_study(
    study: Study,
    out: Path,
    executor: Executor | None,
    progress: Progress | None,
    in_flight: int,
) -> list[Row]:
    """See `study.run`."""
    shared = _shared(study)
    planned = plan(study, shared)
    identity = _identity(study, shared)
    with StudyFolder(out, identity, study.sweep.names) as folder:
        done = folder.done()
        _check_keys(planned, done, folder)
        todo = [task for name, task in planned.items() if name not in done]
        left = len(todo)
        if progress:
            progress(len(planned) - left, len(planned))
        labels = shared.settings[0].layer_labels
        if todo or not (
            folder.complete
            and folder.holds(in_order(done, planned, folder.swept))
            and folder.has_netlists(labels)
        ):
            digital = _digital_percent(shared.settings, done.values())
            folder.begin(in_order(done, planned, folder.swept), digital)
            _write_netlists(study, shared.settings[0], folder)
            for each in _evaluated(shared, todo, executor, in_flight):
                done[each.task] = each
                folder.add(each)
                left -= 1
                if progress:
                    progress(len(planned) - left, len(planned))
            folder.end(in_order(done, planned, folder.swept), digital)
        return [row for name in planned for row in done[name].named(folder.swept)]


def plan(study: Study, shared: Shared) -> dict[str, Planned]:
    """All tasks of a study by their hash, in the order of the finished table.

    Raises
    ------
    InputError
        Where two are the same.
    """
    common = [_settings(point, shared, n) for n, point in enumerate(study.points)]
    planned: dict[str, Planned] = {}
    for task in study.tasks():
        own = {"design": _plain(asdict(task.design)), "chip": task.chip}
        each = Planned(task.design, task.chip, task.point, common[task.point] | own)
        if (name := task_hash(each.settings)) in planned:
            label = f"{task.design.label}, {task.design.resistors} resistors, chip {task.chip}"
            values = [*study.sweep.combinations()][task.point]
            told = ", ".join(f"{name} = {short(value)}" for name, value in values) or "no point"
            raise InputError(
                f"sweep at {told}: names a task twice ({label}); give each value and design once"
            )
        planned[name] = each
    return planned


def in_order(
    done: Mapping[str, Done], first: Mapping[str, Any], swept: Sequence[str]
) -> Iterator[Done]:
    """Finished tasks: some in their own order, then the others by settings, design and chip."""
    yield from (done[name] for name in first if name in done)
    others = [each for name, each in done.items() if name not in first]
    yield from sorted(others, key=lambda each: each.order(swept))


def _shared(study: Study) -> Shared:
    """Networks and datasets of all points, each loaded once; checked that they fit."""
    from crossbar.datasets import load_dataset
    from crossbar.networks import load_network

    networks = {name: load_network(name) for name in {point.network for point in study.points}}
    datasets = {name: load_dataset(name) for name in {point.dataset for point in study.points}}
    settings = tuple(
        point.setting(networks[point.network], datasets[point.dataset]) for point in study.points
    )
    uses = any(point.simulator == "ngspice" for point in study.points)
    return Shared(settings, _version(), _ngspice() if uses else None)


def _version() -> str:
    from crossbar import __version__

    return version_of_results(__version__)


@lru_cache(maxsize=1)
def _ngspice_here() -> Ngspice:
    return _ngspice()


def _ngspice() -> Ngspice:
    from spice_models import ngspice

    info = ngspice.probe()
    return str(info.version), bool(info.klu)


def _settings(point: Study, shared: Shared, number: int) -> dict[str, Any]:
    """All that the results at a point follow from, but for the design and the chip.

    Every setting of a study counts, so that one that is new to it needs no word here.
    """
    setting = shared.settings[number]
    own = {f.name: getattr(point, f.name) for f in fields(point) if f.name not in EXTENT}
    return {
        **_plain(own),
        "version": shared.version,
        "ngspice": list(shared.ngspice or ()) if point.simulator == "ngspice" else None,
        "network": Path(point.network).name,
        "network_sha256": setting.network.digest,
        "dataset_sha256": setting.dataset.checksum,
    }


def _identity(study: Study, shared: Shared) -> dict[str, Any]:
    """What a folder's tasks have in common."""
    from crossbar import __version__

    first, ngspice = shared.settings[0], shared.ngspice
    return {
        "version": __version__,
        "study": asdict(study) | {"network": Path(study.network).name},
        "network_sha256": first.network.digest,
        "dataset_sha256": first.dataset.checksum,
        "ngspice": {"version": ngspice[0], "klu": ngspice[1]} if ngspice else None,
    }


def _check_keys(planned: Mapping[str, Planned], done: Mapping[str, Done], to: StudyFolder) -> None:
    """Refuse tasks that the table could not tell apart: another design of the same name."""
    known = {each.key(to.swept): each.settings for each in done.values()}
    for name, task in planned.items():
        if name in done:
            continue
        key = shown(task.settings, to.swept)
        if key in known:
            told = difference(known[key], task.settings)
            raise InputError(
                f"{to.path}: belongs to another study ({told}); name another folder, give the "
                "design another name, or sweep that setting"
            )
        known[key] = task.settings


def _digital_percent(settings: Sequence[Setting], done: Iterable[Done]) -> float:
    """Test accuracy of the digital network [%]; NaN where points have different ones, or where
    tasks of the folder are of other networks or datasets than these."""
    pairs = {(each.network.digest, each.dataset.checksum): each for each in settings}
    others = {
        (each.settings["network_sha256"], each.settings["dataset_sha256"]) for each in done
    } - set(pairs)
    found = {digital_accuracy_percent(each) for each in pairs.values()}
    return found.pop() if len(found) == 1 and not others else math.nan


def _evaluated(
    shared: Shared, todo: Sequence[Planned], executor: Executor | None, in_flight: int
) -> Iterator[Done]:
    by_call = {task.call: task for task in todo}
    for call, rows in completed(_run_task, shared, by_call, executor, in_flight=in_flight):
        yield Done(call[-1], by_call[call].settings, rows)


def _run_task(shared: Shared, call: tuple[Design, int, int, str]) -> list[Row]:
    design, chip, point, _ = call
    if (own := _version()) != shared.version:
        raise InputError(
            f"workers: one has resistive-crossbar {own}, here is {shared.version}; install the same"
        )
    if shared.ngspice is not None and (here := _ngspice_here()) != shared.ngspice:
        raise InputError(
            f"workers: one has ngspice {here[0]}, here is {shared.ngspice[0]}; install the same"
        )
    return evaluate(shared.settings[point], design, chip)


def _write_netlists(study: Study, setting: Setting, folder: StudyFolder) -> None:
    """Of `Study.shown_task`, for one test image."""
    task, volt = study.shown_task, study.points[0].read_volt
    folder.write_netlists(layer_netlists(setting, task.design, task.chip, read_volt=volt))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """The same as JSON reads it back, so that a task of a log is the task of a study."""
    plain: dict[str, Any] = json.loads(json.dumps(values, default=_as_json))
    return plain


def _as_json(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else asdict(value)
