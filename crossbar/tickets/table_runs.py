"""The strong-ticket table: a folder's rows beside the published values, and what explains them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossbar.datasets import load_dataset
from crossbar.errors import InputError
from crossbar.files import write_atomically
from crossbar.models.trained import Shown, step
from crossbar.models.training import deterministic, image_tensors
from crossbar.tables import RowType, read_table, to_csv
from crossbar.tickets.constructions import CONSTRUCTIONS
from crossbar.tickets.experiments import TicketRow, WeightErrorRow, measure
from crossbar.tickets.leeway import MOST_ROWS, SOLVER_TOLERANCES, LeewayRow, leeway_rows
from crossbar.tickets.network_runs import identity_of, trained
from crossbar.tickets.published import (
    ComparisonRow,
    compare_da_cunha,
    compare_pensia,
    to_markdown,
)
from crossbar.tickets.runs import Key, run_rows

COUNTS = (5, 10, 15, 20)
NETWORK_NAME = "lenet-5-digits"
TABLE_NAME = "strong-tickets"


@dataclass(frozen=True)
class StrongTickets:
    """What the table holds.

    Parameters
    ----------
    compared : list of ComparisonRow
        Published values and ours.
    constructions : list of TicketRow
        Every construction on the same network.
    leeway : list of LeewayRow
        How many numbers stay within a solver's tolerance.
    """

    compared: list[ComparisonRow]
    constructions: list[TicketRow]
    leeway: list[LeewayRow]


def run_table(
    out: Path,
    *,
    counts: Sequence[int] = COUNTS,
    sets: int = MOST_ROWS,
    epochs: int | None = None,
    seed: int = 0,
    shown: Shown | None = None,
) -> StrongTickets:
    """Make the table of all rows that `run_pensia` and `run_da_cunha` left in a folder.

    What else it shows is made here, once: the four constructions on a small LeNet-5 for digits
    (folder ``constructions-digits``), and the numbers that stay within a solver's tolerance
    (folder ``leeway``). Writes ``strong-tickets.md`` and ``strong-tickets.csv``.

    Parameters
    ----------
    out : Path
        Folder.
    counts : sequence of int
        n of the constructions.
    sets : int
        Of `leeway.leeway_rows`.
    epochs, seed
        Of the training of the network for digits; of the random networks.
    shown : callable, optional
        Draws progress.

    Raises
    ------
    InputError
        As `runs.run_rows`, and for tables that are damaged.
    """
    constructions = _constructions(out, counts, epochs, seed, shown)
    identity = {"experiment": "leeway", "settings": {"sets": sets}}
    keys: list[Key] = [(one,) for one in SOLVER_TOLERANCES]

    def make(skip: Collection[Key]) -> Iterator[LeewayRow]:
        return leeway_rows(rows=sets, skip=skip)

    with step(shown, "leeway", "tolerances") as progress:
        leeway = run_rows(out / "leeway", identity, LeewayRow, keys, make, progress=progress)
    compared = compared_in(out, leeway)
    table = StrongTickets(compared, constructions, leeway)
    write_atomically(out / f"{TABLE_NAME}.csv", to_csv(compared, ComparisonRow))
    write_atomically(out / f"{TABLE_NAME}.md", to_markdown(compared, constructions, leeway))
    return table


def compared_in(out: Path, leeway: Sequence[LeewayRow] = ()) -> list[ComparisonRow]:
    """Compare all rows in a folder's ``pensia-...`` and ``da-cunha-...`` with the papers'.

    Each folder counts by itself: errors without a table of accuracies, or the other way round.

    Raises
    ------
    InputError
        For tables or settings that are damaged.
    """
    compared: list[ComparisonRow] = []
    for folder in sorted(out.glob("pensia-*")):
        dataset = folder.name.removeprefix("pensia-")
        compared += compare_pensia(dataset, _rows(folder, TicketRow), leeway)
    folders = [folder.name for folder in out.glob("da-cunha-*") if folder.is_dir()]
    for name in sorted({name.removesuffix("-errors") for name in folders}):
        rows, errors = _rows(out / name, TicketRow), _rows(out / f"{name}-errors", WeightErrorRow)
        dataset = name.removeprefix("da-cunha-")
        compared += compare_da_cunha(dataset, rows, errors, images=_images(out / name))
    return compared


def _rows(folder: Path, kind: type[RowType]) -> list[RowType]:
    path = folder / "results.csv"
    return read_table(path, kind, "crossbar tickets") if path.exists() else []


def _images(folder: Path) -> int | None:
    """How many test images a run was told to use; None for all, or where it does not say."""
    path = folder / "run.json"
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["identity"]["settings"]["images"]
        return None if found is None else int(found)
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: not readable as settings of 'crossbar tickets da-cunha'; run it again into "
            "another folder"
        ) from None


def _constructions(
    out: Path, counts: Sequence[int], epochs: int | None, seed: int, shown: Shown | None
) -> list[TicketRow]:
    """Each construction on a LeNet-5 for digits, its random weights as wide as the largest."""
    dataset = load_dataset("digits")
    with deterministic():
        made = trained(NETWORK_NAME, dataset, out, epochs, seed, shown)
        images, _ = image_tensors(dataset, train=False)
        largest = max(float(one.detach().abs().max()) for one in made.module.parameters())
        settings: dict[str, Any] = {"counts": list(counts), "seed": seed, "scale": largest}
        identity = identity_of("constructions", settings, dataset, made)
        keys = [(name, n) for name in CONSTRUCTIONS for n in counts]

        def make(skip: Collection[Key]) -> Iterator[TicketRow]:
            for name, n in keys:
                if (name, n) not in skip:
                    ticket = CONSTRUCTIONS[name](made.module, n, seed=seed, scale=largest)
                    yield measure(name, ticket, images, dataset.test_labels)

        name = f"constructions-{dataset.name}"
        with step(shown, name, "rows") as progress:
            return run_rows(out / name, identity, TicketRow, keys, make, progress=progress)
