"""A search as a folder: the rows as they come, then the table, the figure and the design."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crossbar.designing.causes import remedy
from crossbar.designing.families import families
from crossbar.designing.outputs import design_toml, write_design
from crossbar.designing.plots import trade_figure
from crossbar.designing.searching import search
from crossbar.designing.specification import Preference, Specification
from crossbar.designing.trade import TradeRow, recommended, smallest
from crossbar.errors import InputError
from crossbar.figures import save_figure
from crossbar.files import write_atomically
from crossbar.folders import RunFolder
from crossbar.tables import NETWORK, to_csv

if TYPE_CHECKING:
    from matplotlib.figure import Figure


VERIFIED = ("array.cir", "hardest.cir", "chip.npz", "verification.txt")
"""What `verifying.verify` and the command write of the chosen cell."""


@dataclass(frozen=True)
class Outcome:
    """What a search found.

    Parameters
    ----------
    rows : list of TradeRow
        All cells looked at.
    chosen : TradeRow, optional
        The one to take; None where none meets the specification, and then `why` says so.
    why : str
        The reason.
    """

    rows: list[TradeRow]
    chosen: TradeRow | None
    why: str

    @property
    def trade(self) -> list[TradeRow]:
        """The smallest cell of each kind."""
        return smallest(self.rows)


def run_design(
    specification: Specification,
    out: str | Path,
    *,
    prefer: Preference = "area",
    progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
) -> Outcome:
    """Search, or finish a search that was stopped, and write all that it leads to.

    Parameters
    ----------
    specification : Specification
        What is asked.
    out : str or Path
        Folder for ``results.csv`` (all cells looked at), ``run.json``, ``trade.csv``,
        ``trade.png`` and ``.svg``, and of the chosen cell ``design.toml``, ``cell.lib`` and
        ``resistors.csv``.
    prefer : str
        As in `trade.recommended`.
    progress, workers
        As in `searching.search`.

    Raises
    ------
    InputError
        For a folder of another search, unless that found nothing.
    """
    from crossbar import __version__

    families(specification)  # refused before there is a folder
    folder = Path(out)
    identity = {"version": __version__, "experiment": "design", "asked": asdict(specification)}
    _clear_failed(folder, specification)
    with RunFolder(folder, identity, TradeRow) as run:
        rows_of = run.finished([NETWORK], "crossbar design")
        known = {key: rows[0] for key, rows in rows_of.items()}
        if not run.complete:
            run.start(rows_of)
        rows = search(
            specification,
            known=known,
            keep=lambda row: run.append([row]),
            progress=progress,
            workers=workers,
        )
        run.finish(rows)
        try:
            told = "" if any(row.met for row in rows) else remedy(specification, rows, workers)
            chosen, why = recommended(rows, prefer, told)
        except InputError as error:
            outcome = Outcome(rows, None, str(error))
        else:
            outcome = Outcome(rows, chosen, why)
        _write(folder, specification, outcome)
        if outcome.chosen is None and not (folder / "design.toml").exists():
            _mark_failed(folder)
    return outcome


def _mark_failed(folder: Path) -> None:
    """Say in ``run.json`` that another specification may have the folder."""
    state = json.loads((folder / "run.json").read_text(encoding="utf-8")) | {"failed": True}
    write_atomically(folder / "run.json", json.dumps(state, indent=2, allow_nan=False) + "\n")


def _clear_failed(folder: Path, specification: Specification) -> None:
    """Remove the files of a search of another specification that found nothing."""
    try:
        state = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        asked = state["identity"]["asked"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if state.get("failed") is True and asked != json.loads(json.dumps(asdict(specification))):
        for name in ("results.csv", "trade.csv", "trade.png", "trade.svg", "run.json"):
            (folder / name).unlink(missing_ok=True)


def _write(folder: Path, specification: Specification, outcome: Outcome) -> None:
    write_atomically(folder / "trade.csv", to_csv(outcome.trade, TradeRow))

    def draw() -> Figure:
        return trade_figure(outcome.trade, specification.bits, outcome.chosen)

    save_figure(draw, folder, "trade")
    if outcome.chosen is not None:
        if _read(folder / "design.toml") != design_toml(specification, outcome.chosen, outcome.why):
            for name in VERIFIED:  # of a cell that was chosen before
                (folder / name).unlink(missing_ok=True)
        write_design(folder, specification, outcome.chosen, outcome.why)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
