"""The experiment as a folder: table, figure, resumed after a kill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from crossbar.figures import save_figure
from crossbar.folders import RunFolder
from crossbar.limits.cases import cases
from crossbar.limits.experiment import Data, LimitRow, limit_row
from crossbar.limits.plots import limits_figure
from crossbar.limits.study import LimitsStudy
from crossbar.tables import NETWORK

Progress = Callable[[int, int], None]


def title(study: LimitsStudy) -> str:
    """What the figure is about."""
    design = study.design
    return (
        f"What limits the bits: {study.size} x {study.size} random weights, {design.label}, "
        f"{100 * design.tolerance:g} % resistors, {1e6 * design.full_scale_siemens:g} uS full scale"
    )


def run_limits(
    study: LimitsStudy, out: str | Path, *, progress: Progress | None = None
) -> list[LimitRow]:
    """Compute every case, or what is left of them, into a folder, and draw it.

    Parameters
    ----------
    study : LimitsStudy
        What to compare.
    out : str or Path
        Folder for ``results.csv``, ``run.json``, ``limits.png`` and ``limits.svg``.
    progress : callable, optional
        Called with the numbers of finished and of all rows.

    Returns
    -------
    list of LimitRow
        The whole table.

    Raises
    ------
    InputError
        For a folder of another experiment, or one that cannot be written.
    """
    from crossbar import __version__

    every = cases(study)
    tasks = {
        (case.name, count, chip): (case, count, chip)
        for case in every
        for count in study.resistors
        for chip in range(study.chips)
    }
    identity = {"version": __version__, "experiment": "limits", "study": asdict(study)}
    data = Data.of(study)
    with RunFolder(Path(out), identity, LimitRow) as folder:
        found = folder.finished([NETWORK], "crossbar limits")
        if progress:
            progress(len(found), len(tasks))
        if not (folder.complete and len(found) == len(tasks)):
            folder.start(found)
        for key, (case, count, chip) in tasks.items():
            if key in found:
                continue
            rows = [limit_row(study, data, case, count, chip)]
            folder.append(rows)
            found[key] = rows
            if progress:
                progress(len(found), len(tasks))
        table = [row for key in tasks for row in found[key]]
        folder.finish(table)
    save_figure(lambda: limits_figure(table, every, title(study)), Path(out), "limits")
    return table
