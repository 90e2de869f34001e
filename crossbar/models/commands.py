"""The commands about networks; torch is imported only when one runs."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from crossbar.errors import InputError
from crossbar.models.converters import MOST_BITS
from crossbar.progress import interruptible, progress_bar, worker_options
from crossbar.scaling import Scaling
from crossbar.simulation import SimulatorName

if TYPE_CHECKING:
    from torch.nn import Module

    from crossbar.datasets import Dataset
    from crossbar.design import Design
    from crossbar.models.model_files import LoadedModel

BITS = click.IntRange(1, MOST_BITS)
MODELS = ("lenet-300-100", "lenet-5", "lenet-5-digits", "perceptron-500", "perceptron-16")


DATASET = click.option(
    "--dataset",
    default="digits",
    show_default=True,
    help="digits (built in), mnist or fashion-mnist (with --data).",
)
WIRE_AWARE = click.option(
    "--wire-aware", is_flag=True, help="Choose the switches for the array with its wires."
)
SCALING = click.option(
    "--scaling",
    type=click.Choice(get_args(Scaling)),
    default="layer",
    show_default=True,
    help="What has a full scale of its own.",
)
DATA = click.option("--data", type=click.Path(path_type=Path), help="Folder of the four IDX files.")


@click.command(
    epilog="Example: crossbar train lenet-300-100 --dataset fashion-mnist --data "
    "/usr/share/datasets/fashion-mnist --out lenet.safetensors; then the same with --prune 0.9 "
    "--from lenet.safetensors --out pruned.safetensors"
)
@click.argument("model", metavar="MODEL", type=click.Choice(MODELS))
@DATASET
@DATA
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="File to write (.safetensors)."
)
@click.option("--epochs", type=int, help="Times every image is seen.  [default: 12; digits: 60]")
@click.option("--batch", type=int, help="Images a step.  [default: 60]")
@click.option("--lr", type=float, help="First learning rate.  [default: 0.0012; digits: 0.005]")
@click.option("--seed", type=int, help="First weights and order of images.  [default: 0]")
@click.option(
    "--prune",
    type=float,
    help="Fraction of the weights to set to zero, at once; half-way, or first with --from.  "
    "[default: 0]",
)
@click.option(
    "--from", "start", type=click.Path(path_type=Path), help="Trained network to go on from."
)
@click.option("--quiet", is_flag=True, help="No progress.")
def train(
    model: str,
    dataset: str,
    data: Path | None,
    out: Path,
    start: Path | None,
    quiet: bool,
    **settings: Any,
) -> None:
    """Train MODEL, a network whose layers are in its name. A run that was stopped goes on from
    its last epoch when the same command is given again."""
    require_torch("safetensors")
    from crossbar.datasets import load_dataset
    from crossbar.files import check_output
    from crossbar.models import training
    from crossbar.models.model_files import load_model

    check_output(out, (".safetensors",), inputs=[start])
    given = {name: value for name, value in settings.items() if value is not None}
    described = training.Training(**(training.DEFAULTS.get(dataset, {}) | given))
    first = load_model(start) if start else None
    images = load_dataset(dataset, data)
    begun = time.perf_counter()
    with interruptible(), progress_bar(quiet, model, "epochs") as progress:
        made = training.train(model, images, out, described, start=first, progress=progress)
    click.echo(f"{out}: {_summary(made)}; {time.perf_counter() - begun:.0f} s")


@click.command(
    epilog="Example: crossbar lenets --dataset fashion-mnist --data "
    "/usr/share/datasets/fashion-mnist --out out/fashion"
)
@DATASET
@DATA
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option(
    "--resistors", default="4,6,8,10,12,16", show_default=True, help="Resistors per weight to try."
)
@click.option("--chips", default=3, show_default=True, help="Chips of each.")
@click.option("--bits", type=BITS, default=8, show_default=True, help="Of the converters.")
@click.option("--ohm", default=1.0, show_default=True, help="Each wire segment, driver and sense.")
@click.option(
    "--full-scale", type=float, help="Conductance of the largest weight [S].  [default: 1e-6]"
)
@click.option("--design", type=click.Path(path_type=Path), help="Cell design (.toml).")
@WIRE_AWARE
@SCALING
@click.option("--images", type=click.IntRange(min=1), help="Test images to use.  [default: all]")
@click.option("--epochs", type=int, help="Of each training.  [default: 12; digits: 60]")
@click.option("--seed", default=0, show_default=True, help="Of chips and training.")
@worker_options
@click.option("--quiet", is_flag=True, help="No progress.")
def lenets(
    dataset: str,
    data: Path | None,
    out: Path,
    resistors: str,
    chips: int,
    bits: int,
    ohm: float,
    full_scale: float | None,
    design: Path | None,
    wire_aware: bool,
    scaling: Scaling,
    images: int | None,
    epochs: int | None,
    seed: int,
    workers: int,
    scheduler: str | None,
    quiet: bool,
) -> None:
    """LeNets, dense and 90 % pruned, on arrays: bits, logit error, flips and accuracy against
    resistors per weight, with ideal and real wires, with and without converters. Trains the
    networks first. A run that was stopped goes on when the same command is given again."""
    require_torch("safetensors")
    from crossbar.datasets import load_dataset
    from crossbar.folders import read_digital_accuracy
    from crossbar.models.console import network_table
    from crossbar.models.converters import Converters
    from crossbar.models.lenets import run_lenets
    from crossbar.models.studies import ModelStudy
    from crossbar.workers import executor_for
    from spice_models import Wires

    study = ModelStudy(
        design=_scaled_design(design, full_scale),
        resistors=whole_numbers("--resistors", resistors),
        chips=chips,
        wires=Wires(ohm, ohm, ohm, ohm),
        converters=Converters(dac_bits=bits, adc_bits=bits),
        wire_aware=wire_aware,
        scaling=scaling,
        images=images,
        seed=seed,
    )
    settings = {"seed": seed} | ({} if epochs is None else {"epochs": epochs})
    found = load_dataset(dataset, data)
    with executor_for(workers, scheduler) as executor, interruptible():
        results = run_lenets(
            found,
            study,
            out,
            settings=settings,
            executor=executor,
            shown=partial(progress_bar, quiet),
        )
    for name, rows_of in results.items():
        digital = {
            kind: read_digital_accuracy(out / f"{name}-{kind}", "crossbar lenets")
            for kind in rows_of
        }
        click.echo(network_table(name, rows_of, digital))
    click.echo(f"Networks, tables and figures: {out}")


@click.command(
    epilog="Example: crossbar evaluate lenet.safetensors --dataset fashion-mnist --data "
    "/usr/share/datasets/fashion-mnist --resistors 12 --bits 8"
)
@click.argument("model", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--architecture", help="Of weights that do not say: lenet-300-100, lenet-5, ...")
@DATASET
@DATA
@click.option("--design", type=click.Path(path_type=Path), help="Cell design (.toml).")
@click.option("--resistors", type=int, help="Resistors per weight, in place of the design's.")
@click.option("--ohm", default=1.0, show_default=True, help="Each wire segment, driver and sense.")
@click.option(
    "--tile",
    type=click.IntRange(min=2),
    default=128,
    show_default=True,
    help="Word lines and bit lines of a tile; a column of weights takes two bit lines.",
)
@click.option("--bits", type=BITS, help="Of DACs and ADCs.  [default: no converters]")
@click.option(
    "--simulator", default="nodal", show_default=True, type=click.Choice(get_args(SimulatorName))
)
@WIRE_AWARE
@SCALING
@click.option(
    "--measurement-error",
    default=1e-5,
    show_default=True,
    help="Of the fabricated chips; relative, one sigma.",
)
@click.option("--images", type=click.IntRange(min=1), help="Test images to use.  [default: all]")
@click.option("--seed", default=0, show_default=True, help="Of the chip.")
@click.option("--quiet", is_flag=True, help="No progress.")
def evaluate(
    model: Path,
    architecture: str | None,
    dataset: str,
    data: Path | None,
    design: Path | None,
    resistors: int | None,
    ohm: float,
    tile: int,
    bits: int | None,
    simulator: SimulatorName,
    wire_aware: bool,
    scaling: Scaling,
    measurement_error: float,
    images: int | None,
    seed: int,
    quiet: bool,
) -> None:
    """Put the network of FILE (.safetensors, .npz, .pt or .onnx) on arrays and compare it with the
    digital one on the dataset's test images: tiles, resistors, bits, flips, accuracy. Training
    images set the ranges of converters, and wire-aware switches are chosen for them."""
    require_torch()
    from crossbar.datasets import load_dataset
    from crossbar.evaluation import CALIBRATION_IMAGES
    from crossbar.models.comparison import compare
    from crossbar.models.conversion import convert
    from crossbar.models.converters import Converters
    from crossbar.models.training import deterministic, image_tensors
    from crossbar.simulation import Tile
    from spice_models import Wires

    cell = _design(design, resistors)
    if tile % 2:
        raise InputError(f"--tile = {tile}: give an even number, columns are pairs of bit lines")
    found = load_dataset(dataset, data)
    network = _network(model, architecture, found)
    test, labels = image_tensors(found, train=False)
    train_images, _ = image_tensors(found, train=True)
    test, train_images = (part.to(_type_of(network)) for part in (test, train_images))
    with interruptible(), deterministic(), progress_bar(quiet, "matrices", "made") as progress:
        analog = convert(
            network,
            cell,
            wires=Wires(ohm, ohm, ohm, ohm),
            tile=Tile(tile, tile),
            simulator=simulator,
            seed=seed,
            measurement_error=measurement_error,
            converters=None if bits is None else Converters(dac_bits=bits, adc_bits=bits),
            calibration=[train_images[:CALIBRATION_IMAGES]] if bits or wire_aware else None,
            wire_aware=wire_aware,
            scaling=scaling,
            progress=progress,
        )
        compared = compare(network, analog, test[:images], labels[:images])
    click.echo(f"{cell.label}, {cell.resistors} resistors per weight; {found.name}")
    if images is not None and images > len(test):
        click.echo(f"--images {images}: there are {len(test)} test images, and all are used")
    click.echo(str(compared))


def require_torch(*others: str) -> None:
    """Say in one line how to get torch, or what else is named, where it is missing."""
    from crossbar.models.optional import require

    require("torch", *others)


def _design(path: Path | None, resistors: int | None) -> Design:
    from dataclasses import replace

    from crossbar.design import Design
    from crossbar.files import read_design

    cell = Design() if path is None else read_design(path)
    return cell if resistors is None else replace(cell, resistors=resistors)


def _scaled_design(path: Path | None, full_scale: float | None) -> Design:
    """The cell of a file, or the usual one, which loads wires a tenth as much; at a full scale."""
    from dataclasses import replace

    if full_scale is None:
        full_scale = 1e-6 if path is None else None
    cell = _design(path, None)
    return cell if full_scale is None else replace(cell, full_scale_siemens=full_scale)


def _network(path: Path, architecture: str | None, dataset: Dataset) -> Module:
    """The network of a file, which takes the images of the dataset.

    Raises
    ------
    InputError
        When it does not.
    """
    if path.suffix == ".onnx":
        from crossbar.models.onnx import load_onnx

        network = load_onnx(path)
    else:
        from crossbar.models.model_files import load_model

        loaded = load_model(path, architecture)
        about, wanted = loaded.about, (dataset.image_shape, dataset.classes)
        if (about.image_shape, about.classes) != wanted:
            raise InputError(
                f"model = {path}: is for images {about.image_shape} and {about.classes} classes; "
                f"{dataset.name} has {wanted[0]} and {wanted[1]}: choose another --dataset"
            )
        network = loaded.module
    _try_one(network, path, dataset)
    return network


def _type_of(network: Module) -> Any:
    """The number type of a network's first parameter, or of images."""
    import torch

    return next((value.dtype for value in network.parameters()), torch.float32)


def _try_one(network: Module, path: Path, dataset: Dataset) -> None:
    """Run an image through a network, and raise an InputError where it does not fit."""
    import torch

    from crossbar.models.training import image_tensors

    image = image_tensors(dataset, train=False)[0][:1].to(_type_of(network))
    try:
        with torch.inference_mode():
            shape = tuple(network(image).shape)
    except Exception as error:  # whatever the network's own code raises
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"model = {path}: does not take images {dataset.image_shape} of {dataset.name} "
            f"({reason}); choose another --dataset"
        ) from None
    if shape != (1, dataset.classes):
        raise InputError(
            f"model = {path}: returns {shape} for an image of {dataset.name}, which has "
            f"{dataset.classes} classes; choose another --dataset"
        )


def whole_numbers(name: str, text: str) -> tuple[int, ...]:
    """Numbers that stand with commas between them."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{name} = {text!r}: give whole numbers like 4,8,12") from None


def _summary(made: LoadedModel) -> str:
    details = made.about.details
    weights = sum(value.numel() for value in made.module.parameters() if value.dim() > 1)
    return (
        f"{made.about.architecture}, {weights} weights, "
        f"{100 * details['pruned_fraction']:.1f} % of them zero; "
        f"{details['accuracy_percent']:.2f} % of the test images of {details['dataset']} "
        f"(sha256 {details['dataset_sha256'][:16]})"
    )
