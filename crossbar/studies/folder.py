"""The folder of a study: a log that only grows, and the table that follows from it.

``tasks.jsonl`` has a line for each finished task: its hash, all settings that it follows from, its
rows. Lines are appended as tasks end, in any order, and never rewritten; so a kill costs at most
the tasks at work, and two logs merge by joining them. ``results.csv`` is made from the log: it
grows beside it, and at the end is written once more in the order of the tasks, which does not
depend on workers, kills or merges.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from crossbar.errors import InputError
from crossbar.files import write_atomically
from crossbar.folders import RunFolder, difference
from crossbar.results import Row, design_label, read_results
from crossbar.tables import to_csv

LOG = "tasks.jsonl"
EXTENT = ("resistors", "designs", "chips", "first_chip", "sweep")
"""What may change from run to run of one folder: it says which tasks, not what a task is."""

HASH_DIGITS = 16
_DIGESTS = ("network", "dataset")


def version_of_results(version: str) -> str:
    """The part of a version that results depend on: a patch changes none."""
    return ".".join(version.split(".")[:2])


def task_hash(settings: Mapping[str, Any]) -> str:
    """What names a task: 64 bits of SHA-256 over its settings.

    Network and dataset count by their digests, not by what their files are called.
    """
    counted = {name: value for name, value in settings.items() if name not in _DIGESTS}
    text = json.dumps(counted, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]


def setting_of(settings: Mapping[str, Any], name: str) -> Any:
    """A task's value of a study's setting by its dotted name; None where there is none."""
    value: Any = settings
    for part in name.replace("designs", "design", 1).split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def label_of(settings: Mapping[str, Any], swept: Sequence[str]) -> str:
    """What a table calls a task's design: its label, without a radix that has its own column."""
    design = settings["design"]
    return design_label(design | {"radix": None} if "designs.radix" in swept else design)


def shown(settings: Mapping[str, Any], swept: Sequence[str]) -> tuple[Any, ...]:
    """What a table can tell a task by: design, resistors, chip, and what it shows besides."""
    values = (json.dumps(setting_of(settings, name)) for name in swept)
    return label_of(settings, swept), settings["design"]["resistors"], settings["chip"], *values


@dataclass(frozen=True)
class Done:
    """A finished task.

    Parameters
    ----------
    task : str
        Its hash.
    settings : dict
        All that it follows from.
    rows : list of Row
        What came out; the columns `task` and `swept` are empty.
    """

    task: str
    settings: dict[str, Any]
    rows: list[Row]

    def setting(self, name: str) -> Any:
        """The value of a setting by its dotted name in a study; None where there is none."""
        return setting_of(self.settings, name)

    def named(self, swept: Sequence[str]) -> list[Row]:
        """The rows of a table that shows these settings."""
        values = tuple((name, self.setting(name)) for name in swept)
        design = label_of(self.settings, swept)
        return [replace(row, design=design, task=self.task, swept=values) for row in self.rows]

    def key(self, swept: Sequence[str]) -> tuple[Any, ...]:
        """What the table can tell the task by."""
        return shown(self.settings, swept)

    def order(self, swept: Sequence[str]) -> tuple[Any, ...]:
        """Where the task stands among others that nothing else orders."""
        values = [_sortable(self.setting(name)) for name in swept]
        label = label_of(self.settings, swept)
        return *values, label, self.settings["design"]["resistors"], self.settings["chip"]


def read_log(folder: Path) -> dict[str, Done]:
    """The finished tasks of a folder by their hash; a line that a kill cut short is left out.

    Raises
    ------
    InputError
        For a line that is whole and no task.
    """
    try:
        text = (folder / LOG).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{folder / LOG}: cannot be read ({error}); move it away") from None
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            values = json.loads(line)
        except ValueError:
            continue
        try:
            done = Done(values["task"], values["settings"], [Row(**row) for row in values["rows"]])
            good = bool(done.rows) and task_hash(done.settings) == done.task
        except (KeyError, TypeError, InputError):
            good = False
        if not good:
            raise InputError(f"{folder / LOG}, line {number}: is no finished task; remove the line")
        found[done.task] = done
    return found


def log_line(done: Done) -> str:
    """A task as a line of the log."""
    rows = [asdict(row) for row in done.rows]
    for row in rows:
        del row["task"], row["swept"]
    return json.dumps({"task": done.task, "settings": done.settings, "rows": rows}) + "\n"


def read_state(folder: Path) -> dict[str, Any]:
    """What is in a folder's ``run.json``.

    Raises
    ------
    InputError
        When there is none of a study; the message names another experiment.
    """
    try:
        state = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        made_by = _made_by(state["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        made_by = None
    if made_by is None:
        raise InputError(
            f"{folder}: has no run.json of a study; name the folder of 'crossbar study --out'"
        )
    if made_by != "'crossbar study'":
        raise InputError(f"{folder}: is of {made_by}; give folders of 'crossbar study' only")
    return dict(state)


def _made_by(identity: Mapping[str, Any]) -> str | None:
    """The command of the experiment that has this identity; None for none that is known."""
    if isinstance(named := identity.get("experiment"), str):
        plain = named in ("design", "limits")
        return f"'crossbar {named}'" if plain else f"'crossbar tickets' ({named})"
    study = identity["study"]
    marks = {"study": "designs", "lenets": "converters", "prune-study": "families"}
    return next((f"'crossbar {name}'" for name, mark in marks.items() if mark in study), None)


class StudyFolder(RunFolder[Row]):
    """The folder of one study, held by one process at a time.

    Parameters
    ----------
    path : Path
        The folder; made when missing.
    identity : dict
        See `studies.run`; a folder of another study is refused, one of a smaller or larger study
        is not.
    swept : sequence of str
        Dotted names that the table shows; those that an earlier run showed are added.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], swept: Sequence[str]) -> None:
        self.swept = list(swept)
        super().__init__(path, identity, Row)

    def _refuse_other(self, found: dict[str, Any]) -> None:
        self._refuse_experiment(found)
        state = json.loads(self._run_file.read_text(encoding="utf-8"))
        self.swept += [name for name in state.get("swept", ()) if name not in self.swept]
        if told := contradiction(found, self.identity, self.swept):
            raise InputError(
                f"{self.path}: belongs to another study ({told}); name another folder, "
                "or sweep that setting"
            )

    def done(self) -> dict[str, Done]:
        """The finished tasks, by their hash; see `read_log`."""
        if self._table.exists():
            read_results(self._table)  # to say so where somebody edited it
        return read_log(self.path)

    def begin(self, done: Iterable[Done], digital: float | None) -> None:
        """Write ``run.json`` and a table of the finished tasks, and end a line that was cut."""
        self._write_run(complete=False, digital=digital)
        write_atomically(self._table, self.text(done))
        log = self.path / LOG
        if log.exists() and not log.read_bytes().endswith(b"\n"):
            self._append(log, "\n")

    def add(self, done: Done) -> None:
        """Append a task to the log and the table, and wait until it is on the disk."""
        self.append_to_log(log_line(done))
        self._append(self._table, to_csv(done.named(self.swept), Row, False, self.swept))

    def append_to_log(self, lines: str) -> None:
        """Add whole lines to the log; see `log_line`."""
        self._append(self.path / LOG, lines)

    def _append(self, path: Path, text: str) -> None:
        try:
            with path.open("a", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(
                f"{path}: cannot be written ({error.strerror}); "
                "mend that and run the same command to continue"
            ) from None

    def end(self, done: Iterable[Done], digital: float | None) -> None:
        """Write the table in its final order and mark the run complete."""
        write_atomically(self._table, self.text(done))
        self._write_run(complete=True, digital=digital)

    def holds(self, done: Iterable[Done]) -> bool:
        """Whether the table says just this already."""
        return self._table.exists() and self._table.read_bytes() == self.text(done).encode()

    def text(self, done: Iterable[Done]) -> str:
        """The table of these tasks, in this order."""
        rows = [row for each in done for row in each.named(self.swept)]
        return to_csv(rows, Row, swept=self.swept)

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "swept": self.swept}


def contradiction(
    found: Mapping[str, Any], wanted: Mapping[str, Any], swept: Sequence[str]
) -> str | None:
    """What tells two studies apart that cannot share a folder; None where they can.

    Their `EXTENT` may differ, and what either sweeps.
    """
    old, new = (_fixed(identity, swept) for identity in (found, wanted))
    if None in (old.get("ngspice"), new.get("ngspice")):  # one of them does not use it
        old["ngspice"] = new["ngspice"] = None
    return None if old == new else difference(old, new)


def _fixed(identity: Mapping[str, Any], swept: Sequence[str]) -> dict[str, Any]:
    fixed = copy.deepcopy(dict(identity))
    fixed["version"] = version_of_results(str(fixed.get("version")))
    study = fixed["study"] = dict(fixed.get("study", {}))
    for name in EXTENT:
        study.pop(name, None)
    for name in swept:
        *parents, last = name.split(".")
        at: Any = study
        for part in parents:
            at = at.get(part) if isinstance(at, dict) else None
        if isinstance(at, dict):
            at.pop(last, None)
        fixed.pop(f"{name}_sha256", None)
    return fixed


def _sortable(value: Any) -> tuple[bool, float, str]:
    number = isinstance(value, int | float)
    return not number, float(value) if number else 0.0, json.dumps(value)
