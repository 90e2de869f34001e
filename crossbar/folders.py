"""The folder of a study: locked, appended to, resumed, never half written."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self

import numpy as np

from crossbar.errors import InputError
from crossbar.files import PART, write_atomically
from crossbar.tables import RowType, made_by, read_table, to_csv

Key = tuple[Hashable, ...]


def read_digital_accuracy(folder: Path, command: str = "crossbar study") -> float:
    """Test accuracy of the digital network from a study's ``run.json`` [%].

    NaN where the study sweeps the network or the dataset, and not all have the same.

    Parameters
    ----------
    folder : Path
        Of the study.
    command : str
        What makes such a folder, for the message when it is none.

    Raises
    ------
    InputError
        When the study is not there.
    """
    try:
        found = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        percent = found["digital_accuracy_percent"]
        return math.nan if percent is None else float(percent)
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{folder}: has no run.json of a study; name the folder of '{command} --out'"
        ) from None


class RunFolder(Generic[RowType]):
    """The folder of one study; held by one process at a time.

    Parameters
    ----------
    path : Path
        The folder; made when missing.
    identity : dict
        Version, settings and inputs of the study; a folder of another is refused.
    kind : type
        The dataclass of the table's lines.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], kind: type[RowType]) -> None:
        self.path = path
        self.kind = kind
        self.identity = json.loads(json.dumps(_plain(identity), allow_nan=False))
        self._check()

    @property
    def _run_file(self) -> Path:
        return self.path / "run.json"

    @property
    def _table(self) -> Path:
        return self.path / "results.csv"

    def _check(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path}: is a file; name a folder for the results")
        if not self._run_file.exists():
            if self.path.exists() and any(not _is_ours(path) for path in self.path.iterdir()):
                raise InputError(
                    f"{self.path}: holds other files and no run.json; name an empty or new folder"
                )
            return
        try:
            found = json.loads(self._run_file.read_text(encoding="utf-8"))["identity"]
        except (OSError, ValueError, KeyError, TypeError):
            raise InputError(
                f"{self._run_file}: not readable as a study's settings; name another folder"
            ) from None
        self._refuse_other(found)

    def _refuse_other(self, found: dict[str, Any]) -> None:
        if found != self.identity:
            self._refuse_experiment(found)
            kind = "specification" if "asked" in self.identity else "study"
            raise InputError(
                f"{self.path}: belongs to another {kind} ({difference(found, self.identity)}); "
                "name another folder"
            )

    def _refuse_experiment(self, found: Mapping[str, Any]) -> None:
        """Raise an InputError where the folder is not one of this command at all."""
        theirs, mine = made_by(found), made_by(self.identity)
        if (theirs, found.get("experiment")) != (mine, self.identity.get("experiment")):
            raise InputError(
                f"{self.path}: holds another experiment, made by '{theirs}'; name another folder"
            )

    def __enter__(self) -> Self:
        from filelock import FileLock, Timeout

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.path / ".lock")
            self._lock.acquire(timeout=0)
        except Timeout:
            raise InputError(
                f"{self.path}: another run is writing here; wait for it or name another folder"
            ) from None
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be written ({error.strerror}); name another folder"
            ) from None
        try:
            self._check()  # another run may have taken the folder since
        except InputError:
            self._lock.release()
            raise
        for part in [*self.path.glob(f".*{PART}"), *self.path.glob(f"netlists/.*{PART}")]:
            part.unlink()  # a kill left it
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def finished(
        self, layers: list[str], command: str = "crossbar study"
    ) -> dict[Key, list[RowType]]:
        """Rows of the tasks that are complete, by their key.

        `layers` are the labels that the rows of a complete task have, in order; `command` is what
        writes such a table, to name where it is damaged.
        """
        if not self._table.exists():
            return {}
        rows_of: dict[Key, list[RowType]] = {}
        for row in read_table(self._table, self.kind, command):
            rows_of.setdefault(row.key, []).append(row)
        return {key: rows for key, rows in rows_of.items() if [row.layer for row in rows] == layers}

    @property
    def complete(self) -> bool:
        """Whether the run in this folder was finished."""
        if not self._run_file.exists():
            return False
        return bool(json.loads(self._run_file.read_text(encoding="utf-8")).get("complete"))

    def start(self, rows_of: Mapping[Key, list[RowType]], digital: float | None = None) -> None:
        """Write ``run.json`` and a table of the complete tasks only.

        `digital` is the test accuracy of the digital network [%], if there is one.
        """
        self._write_run(complete=False, digital=digital)
        write_atomically(self._table, self._csv([row for rows in rows_of.values() for row in rows]))

    def append(self, rows: list[RowType]) -> None:
        """Add the rows of a task and wait until they are on the disk."""
        try:
            with self._table.open("a", encoding="utf-8", newline="") as file:
                file.write(self._csv(rows, header=False))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(
                f"{self._table}: cannot be written ({error.strerror}); "
                "mend that and run the same command to continue"
            ) from None

    def finish(self, table: list[RowType], digital: float | None = None) -> None:
        """Write the table in its final order and mark the run complete."""
        write_atomically(self._table, self._csv(table))
        self._write_run(complete=True, digital=digital)

    def has_netlists(self, layers: list[str]) -> bool:
        """Whether the netlist of every layer is there."""
        return all((self.path / "netlists" / f"layer_{layer}.cir").is_file() for layer in layers)

    def write_netlists(self, texts: Mapping[str, str]) -> None:
        """Write netlists by file name."""
        folder = self.path / "netlists"
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made ({error.strerror}); move it away") from None
        for name, text in texts.items():
            write_atomically(self.path / "netlists" / name, text)

    def _csv(self, rows: list[RowType], header: bool = True) -> str:
        return to_csv(rows, self.kind, header)

    def _write_run(self, complete: bool, digital: float | None) -> None:
        state = self._state()
        if digital is not None:
            state["digital_accuracy_percent"] = None if math.isnan(digital) else digital
        state["complete"] = complete
        write_atomically(self._run_file, json.dumps(state, indent=2, allow_nan=False) + "\n")

    def _state(self) -> dict[str, Any]:
        return {"identity": self.identity}


def difference(found: Any, wanted: Any, where: str = "") -> str:
    """The first setting in which two studies differ."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(found.keys() | wanted.keys()):
            if found.get(key) != wanted.get(key):
                below = f"{where}.{key}" if where else key
                return difference(found.get(key), wanted.get(key), below)
    if isinstance(found, list) and isinstance(wanted, list):
        if all(isinstance(value, str) for value in (*found, *wanted)):
            return f"{_setting(where)} was {', '.join(found)}, is {', '.join(wanted)}"
        if len(found) != len(wanted):
            return f"{_setting(where)} had {len(found)} entries, has {len(wanted)}"
        pairs = enumerate(zip(found, wanted, strict=True))
        number, (old, new) = next((k, pair) for k, pair in pairs if pair[0] != pair[1])
        return difference(old, new, f"{where}.{number}")
    return f"{_setting(where)} was {found}, is {wanted}"


def _setting(where: str) -> str:
    """A setting as its user calls it."""
    return where.removeprefix("study.").removeprefix("asked.").rstrip("_")


def _is_ours(path: Path) -> bool:
    """Whether a run that was killed before its first result may have left this file."""
    return path.name == ".lock" or (path.name.startswith(".") and path.name.endswith(PART))


def _plain(value: Any) -> Any:
    """The same value, with infinity and NaN as text: JSON has no numbers for them."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
