"""The commands about pruning; torch is imported only when one runs."""

from __future__ import annotations

import time
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click

from crossbar.errors import InputError
from crossbar.models.commands import (
    DATA,
    DATASET,
    MODELS,
    require_torch,
    whole_numbers,
)
from crossbar.progress import interruptible
from crossbar.pruning.rows import FAMILIES

FAMILY_NAMES = tuple(name.replace(" ", "-") for name in FAMILIES)


@click.command(
    epilog="Example: crossbar prune lenet.safetensors --family magnitude --keep 0.1 --epochs 12 "
    "--dataset fashion-mnist --data /usr/share/datasets/fashion-mnist --out pruned.safetensors"
)
@click.argument("model", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--family", required=True, type=click.Choice(FAMILY_NAMES), help="How to prune.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="File to write (.safetensors)."
)
@click.option("--keep", type=float, help="Fraction that stays: of weights, or of filters.")
@click.option(
    "--scope",
    type=click.Choice(("global", "layer")),
    help="Of magnitudes: compare all layers, or keep as much of each.  [default: global]",
)
@click.option("--rate", type=float, help="Share that a round prunes.  [default: 0.2]")
@click.option(
    "--output-rate",
    type=float,
    help="Of the last layer, relative to --rate, for --scope layer: 0.5 as Frankle and Carbin.  "
    "[default: 1]",
)
@click.option("--rewind", "rewind_epochs", type=int, help="Epoch to rewind to.  [default: 0]")
@click.option(
    "--start",
    type=click.Choice(("signed constant", "kaiming", "as given")),
    help="Random weights of edge-popup.  [default: signed constant]",
)
@click.option("--norm", type=int, help="Of a filter: 1 or 2.  [default: 2]")
@click.option("--shrink", is_flag=True, default=None, help="Remove filters from the matrices.")
@click.option("--bits", type=int, help="Of a weight, for quantization.")
@click.option(
    "--per", type=click.Choice(("layer", "channel")), help="What shares a scale.  [default: layer]"
)
@click.option("--rank", type=int, help="Of every layer, in place of --keep.")
@DATASET
@DATA
@click.option(
    "--epochs",
    type=int,
    help="Of each training; families that can do without are fine-tuned only when it is given.",
)
@click.option("--batch", type=int, help="Images a step.  [default: 60]")
@click.option("--lr", type=float, help="First learning rate.  [default: 0.0012; digits: 0.005]")
@click.option("--seed", type=int, help="Of first weights and order of images.  [default: 0]")
@click.option("--quiet", is_flag=True, help="No progress.")
def prune(
    model: Path,
    family: str,
    out: Path,
    dataset: str,
    data: Path | None,
    epochs: int | None,
    batch: int | None,
    lr: float | None,
    seed: int | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Prune the network of FILE (.safetensors): magnitude pruning at once or in rounds, lottery
    tickets and their control, edge-popup, filters; or fewer bits, or low rank. For reinitialized,
    the control, FILE must be the ticket whose mask it takes."""
    require_torch("safetensors")
    from crossbar.datasets import load_dataset
    from crossbar.files import check_output
    from crossbar.models.console import progress_bar
    from crossbar.models.model_files import load_model
    from crossbar.models.training import DEFAULTS, Training
    from crossbar.pruning.files import Order, prune_network

    check_output(out, (".safetensors",), inputs=[model])
    settings = {"epochs": epochs, "batch": batch, "lr": lr, "seed": seed}
    given = {name: value for name, value in settings.items() if value is not None}
    order = Order(
        FAMILIES[FAMILY_NAMES.index(family)],
        {name: value for name, value in options.items() if value is not None},
        Training(**(DEFAULTS.get(dataset, {}) | given)),
        fine_tune=epochs is not None,
    )
    network = load_model(model)
    images = load_dataset(dataset, data)
    begun = time.perf_counter()
    with interruptible(), progress_bar(quiet, family, "epochs") as progress:
        done = prune_network(network, images, out, order, progress=progress)
    size, details = done.size, done.made.about.details
    rounding = "" if done.rounded else " (accuracy before rounding)"
    click.echo(
        f"{out}: {family}, {size.kept_weights} of {done.before_weights} weights kept; stored in "
        f"{size.stored_bits / 1000:.1f} kbit at {size.weight_bits} bits a weight{rounding}; "
        f"{size.resistors} resistors, "
        f"{size.resistors_per_weight} a weight ({size.array_resistors} on full arrays); "
        f"{details['accuracy_percent']:.2f} % of the test images of {images.name}, before "
        f"{done.before_percent:.2f} %; {time.perf_counter() - begun:.0f} s"
    )


@click.command(
    "prune-study",
    epilog="Example: crossbar prune-study --dataset fashion-mnist --data "
    "/usr/share/datasets/fashion-mnist --out out/pruning",
)
@DATASET
@DATA
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option(
    "--network",
    default="lenet-300-100",
    show_default=True,
    type=click.Choice(MODELS),
    help="Which.",
)
@click.option(
    "--families", default=",".join(FAMILY_NAMES), show_default="all", help="Separated by commas."
)
@click.option("--keep", default="0.5,0.2,0.1,0.05,0.02", show_default=True, help="Fractions kept.")
@click.option("--rate", default=0.2, show_default=True, help="Share that a round prunes.")
@click.option(
    "--quantized", default="2,3,4,5,6,8", show_default=True, help="Bits to try for quantization."
)
@click.option("--bits", default=8, show_default=True, help="Of the weights of other families.")
@click.option("--seeds", default=3, show_default=True, help="Networks of each.")
@click.option("--seed", default=0, show_default=True, help="The first.")
@click.option("--epochs", type=int, help="Of each training.  [default: 12; digits: 60]")
@click.option("--batch", type=int, help="Images a step.  [default: 60]")
@click.option(
    "--popup-lr", default=2e-3, show_default=True, help="First learning rate of edge-popup."
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Processes, a seed of a family each; the results do not depend on it.",
)
@click.option("--quiet", is_flag=True, help="No progress.")
def prune_study(
    dataset: str,
    data: Path | None,
    out: Path,
    network: str,
    families: str,
    keep: str,
    rate: float,
    quantized: str,
    bits: int,
    seeds: int,
    seed: int,
    epochs: int | None,
    batch: int | None,
    popup_lr: float,
    workers: int,
    quiet: bool,
) -> None:
    """All families in one table and figure: accuracy against stored bits, non-zero weights and
    resistors, several seeds. A run that was stopped goes on when the same command is given again.
    """
    require_torch("safetensors")
    from crossbar.datasets import load_dataset
    from crossbar.models.console import progress_bar
    from crossbar.models.lenet import build_model
    from crossbar.models.training import DEFAULTS, Training
    from crossbar.pruning.console import families_table
    from crossbar.pruning.counting import count
    from crossbar.pruning.studies import PruningStudy, run_pruning_study

    settings = {"seed": seed, "epochs": epochs, "batch": batch}
    given = {name: value for name, value in settings.items() if value is not None}
    study = PruningStudy(
        network=network,
        families=tuple(
            name.strip().replace("low-rank", "low rank") for name in families.split(",")
        ),
        keep=_fractions("--keep", keep),
        rate=rate,
        rounded_bits=whole_numbers("--quantized", quantized),
        bits=bits,
        seeds=seeds,
        training=Training(**(DEFAULTS.get(dataset, {}) | given)),
        popup_lr=popup_lr,
    )
    found = load_dataset(dataset, data)
    with interruptible(), _processes(workers) as executor:
        rows = run_pruning_study(
            study, found, out, executor=executor, shown=partial(progress_bar, quiet)
        )
    first = build_model(network, found.image_shape, found.classes)
    click.echo(families_table(rows, count(first).weights))
    click.echo(f"Networks, table and figure: {out}")


def _processes(workers: int) -> AbstractContextManager[Executor | None]:
    """As many fresh processes, or none for one: torch's threads do not survive a fork."""
    if workers == 1:
        return nullcontext()
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def _fractions(name: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{name} = {text!r}: give fractions like 0.5,0.2,0.1") from None
