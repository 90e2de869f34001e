"""``crossbar limits``; what computes is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from crossbar.design import Ladder
from crossbar.errors import InputError
from crossbar.messages import warn
from crossbar.progress import interruptible, progress_bar

if TYPE_CHECKING:
    from crossbar.limits.experiment import LimitRow
    from crossbar.limits.study import LimitsStudy


@click.command(epilog="Example: crossbar limits --out out/limits")
@click.argument("study", required=False, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--resistors", help="Per weight, to try.  [default: STUDY's, or 4,6,...,20]")
@click.option("--chips", type=click.IntRange(1), help="Chips of each.  [default: 5]")
@click.option(
    "--ladder",
    type=click.Choice(get_args(Ladder)),
    help="Of the cells.  [default: STUDY's, or stagger]",
)
@click.option(
    "--design",
    type=click.Path(path_type=Path),
    help="Cell (.toml) in place of STUDY's; its number of resistors does not count.",
)
@click.option("--seed", type=click.IntRange(0), help="Of chips, weights and inputs.  [default: 0]")
@click.option("--quiet", is_flag=True, help="No progress and no table.")
def limits(study: Path | None, out: Path, quiet: bool, **options: Any) -> None:
    """What limits the bits: each non-ideality alone at a usual value, and all together, on one
    layer of random weights. STUDY, a TOML file with the fields of LimitsStudy and sections
    [design], [wires] and [nonidealities], gives other values. A run that was stopped goes on
    when the same command is given again."""
    from crossbar.limits.cases import IDEAL_WIRES, cases, why_not_wire_aware
    from crossbar.limits.runs import run_limits

    described = _described(study, options)
    with interruptible(), progress_bar(quiet, "limits", "chips") as progress:
        rows = run_limits(described, out, progress=progress)
    if not quiet:
        texts = {case.name: case.text for case in cases(described)}
        _show(rows, texts)
        if described.wires != IDEAL_WIRES and (reason := why_not_wire_aware(described)):
            click.echo(f"No wire-aware curve: {reason}")
        click.echo(f"Cells: {described.design.label}. Table and figure: {out}")


def _described(study: Path | None, options: dict[str, Any]) -> LimitsStudy:
    """The study of the file, or the usual one, with what the options change."""
    from dataclasses import replace

    from crossbar.files import read_design
    from crossbar.limits.study import LimitsStudy
    from crossbar.models.commands import whole_numbers
    from crossbar.settings import build, read_toml

    if options["design"] and options["ladder"]:
        raise InputError("--ladder: the cell of --design has its own ladder; drop one of the two")
    described = build(LimitsStudy, read_toml(study), study) if study else LimitsStudy()
    given = {name: value for name, value in options.items() if value is not None}
    if "resistors" in given:
        given["resistors"] = whole_numbers("--resistors", given["resistors"])
    if "design" in given:
        given["design"] = read_design(given["design"])
        described = replace(described, design=given["design"])
        if not options["resistors"] and described.design.resistors not in described.resistors:
            warn(
                f"--design: its {described.design.resistors} resistors are not among the numbers "
                f"that are tried, {', '.join(map(str, described.resistors))}; --resistors "
                "gives others"
            )
    if "ladder" in given:
        radix = described.design.radix if given["ladder"] == described.design.ladder else None
        given["design"] = replace(described.design, ladder=given.pop("ladder"), radix=radix)
    return replace(described, **given)


def _show(rows: list[LimitRow], texts: dict[str, str]) -> None:
    """A line for each case: bits against resistors per weight, the mean over chips."""
    import numpy as np

    counts = sorted({row.resistors_per_weight for row in rows})
    width = max(map(len, texts.values()))
    click.echo(f"{'effective bits at n =':{width}s}" + "".join(f"{n:6d}" for n in counts))
    for name, text in texts.items():
        means = [
            np.mean(
                [r.effective_bits for r in rows if r.case == name and r.resistors_per_weight == n]
            )
            for n in counts
        ]
        click.echo(f"{text:{width}s}" + "".join(f"{mean:6.1f}" for mean in means))
