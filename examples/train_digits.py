"""Train and prune the small digits network that ships with crossbar.

The network reads scikit-learn's 8 x 8 digits (pixels / 16, so every input lies in [0, 1]) and
is pruned by global magnitude, a little each round, with training in between. Run it with::

    pip install 'resistive-crossbar[torch]'
    python examples/train_digits.py --out crossbar/data/digits.npz

The same seed on the same version of torch writes the same bytes. Every fourth image
(index % 4 == 3) is the test part. It is looked at only to report accuracy: settings are chosen
with ``--validate``, which never reads it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.utils import prune

PIXEL_MAX = 16.0
CLASSES = 10
BATCH = 64
WEIGHT_DECAY = 1e-4
SMOOTHING = 0.05
SHIFT_PROBABILITY = 0.3
CLIP_RMS = 4.0
"""No weight may exceed this many times the rms of the kept weights of its layer."""


@dataclass(frozen=True)
class Part:
    """Images (count, 64) with pixels in [0, 1] and their labels (count,)."""

    images: Tensor
    labels: Tensor


def load_parts(validate: bool) -> tuple[Part, Part]:
    """Return the part to train on and the part to score.

    Parameters
    ----------
    validate : bool
        Score on every fifth training image, held out, in place of the test part.
    """
    digits = load_digits()
    images = torch.tensor(digits.data / PIXEL_MAX, dtype=torch.float32)
    labels = torch.tensor(digits.target, dtype=torch.int64)
    index = torch.arange(len(labels))
    train, score = index[index % 4 != 3], index[index % 4 == 3]
    if validate:
        position = torch.arange(len(train))
        train, score = train[position % 5 != 4], train[position % 5 == 4]
    return Part(images[train], labels[train]), Part(images[score], labels[score])


def build(widths: list[int]) -> nn.Sequential:
    """Return linear layers of the given widths with a ReLU between each two."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def linear_layers(network: nn.Sequential) -> list[nn.Linear]:
    """Return the layers that hold weights, first to last."""
    return [layer for layer in network if isinstance(layer, nn.Linear)]


def mask_of(layer: nn.Linear) -> Tensor:
    """Return 1 for each weight that is kept and 0 for each that is pruned."""
    mask: Tensor = getattr(layer, "weight_mask", torch.ones_like(layer.weight))
    return mask


def shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return the images, some of them moved sideways by one pixel (rows or columns)."""
    picture = images.reshape(-1, 8, 8)
    moved = picture.clone()
    chosen = torch.rand(len(picture), generator=generator) < SHIFT_PROBABILITY
    direction = torch.randint(0, 4, (len(picture),), generator=generator)
    padded = nn.functional.pad(picture, (1, 1, 1, 1))
    for number, (row, column) in enumerate([(0, 1), (2, 1), (1, 0), (1, 2)]):
        take = chosen & (direction == number)
        moved[take] = padded[take, row : row + 8, column : column + 8]
    return moved.reshape(-1, 64)


def clip(network: nn.Sequential) -> None:
    """Clip each layer's weights to CLIP_RMS times the rms of those that are kept."""
    for layer in linear_layers(network):
        kept = mask_of(layer)
        raw = getattr(layer, "weight_orig", layer.weight).data
        rms = ((raw * kept).square().sum() / kept.sum()).sqrt()
        raw.clamp_(-CLIP_RMS * rms, CLIP_RMS * rms)


def fit(
    network: nn.Sequential, part: Part, epochs: int, rate: float, generator: torch.Generator
) -> None:
    """Train for some epochs with Adam and a rate that falls to zero along a cosine."""
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    loss_of = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    for _ in range(epochs):
        for batch in torch.randperm(len(part.labels), generator=generator).split(BATCH):
            optimizer.zero_grad()
            images = shifted(part.images[batch], generator)
            loss_of(network(images), part.labels[batch]).backward()
            optimizer.step()
            clip(network)
        schedule.step()


def remove_smallest(network: nn.Sequential, kept_fraction: float) -> None:
    """Prune the smallest weights of all layers together until a fraction is kept."""
    layers = linear_layers(network)
    total = sum(layer.weight.numel() for layer in layers)
    alive = sum(int(mask_of(layer).sum()) for layer in layers)
    prune.global_unstructured(
        [(layer, "weight") for layer in layers],
        pruning_method=prune.L1Unstructured,
        amount=alive - round(kept_fraction * total),
    )


def arrays_of(network: nn.Sequential) -> dict[str, NDArray[np.float64]]:
    """Return ``weight_k`` (outputs, inputs) and ``bias_k`` (outputs,) of every layer."""
    arrays: dict[str, NDArray[np.float64]] = {}
    for number, layer in enumerate(linear_layers(network)):
        arrays[f"weight_{number}"] = layer.weight.detach().double().numpy() + 0.0
        arrays[f"bias_{number}"] = layer.bias.detach().double().numpy()
    return arrays


def accuracy_of(arrays: dict[str, NDArray[np.float64]], part: Part) -> float:
    """Return the share of images whose largest output is the right label."""
    signal = part.images.double().numpy()
    depth = len(arrays) // 2
    for number in range(depth):
        signal = signal @ arrays[f"weight_{number}"].T + arrays[f"bias_{number}"]
        if number < depth - 1:
            signal = np.maximum(signal, 0.0)
    return float(np.mean(signal.argmax(axis=1) == part.labels.numpy()))


def pruned_fraction(arrays: dict[str, NDArray[np.float64]]) -> float:
    """Return the share of all weights (biases not counted) that are exactly zero."""
    weights = [array for name, array in arrays.items() if name.startswith("weight")]
    return sum(int((w == 0).sum()) for w in weights) / sum(w.size for w in weights)


def save(path: Path, arrays: dict[str, NDArray[np.float64]], meta: dict[str, object]) -> None:
    """Write the arrays and the description; a file is replaced whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    with draft.open("wb") as stream:
        text = np.array(json.dumps(meta, sort_keys=True))
        np.savez_compressed(stream, meta=text, **arrays)  # type: ignore[arg-type]
    os.replace(draft, path)


@click.command(
    epilog="Example: train_digits.py --hidden 48 32 --out wide.npz",
    context_settings={"show_default": True},
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@click.option("--seed", default=0, type=click.IntRange(0), help="Seed.")
@click.option("--hidden", nargs=2, default=(32, 16), type=click.IntRange(1), help="Hidden widths.")
@click.option(
    "--pruned", default=0.8, type=click.FloatRange(0, 1, max_open=True), help="Share set to zero."
)
@click.option("--rounds", default=8, type=click.IntRange(1), help="Rounds of pruning.")
@click.option(
    "--epochs", default=30, type=click.IntRange(1), help="Epochs a round, threefold in the last."
)
@click.option(
    "--rate", default=5e-3, type=click.FloatRange(0, min_open=True), help="First learning rate."
)
@click.option("--validate", is_flag=True, help="Score on held-out training images; no test part.")
def main(
    out: Path | None,
    seed: int,
    hidden: tuple[int, int],
    pruned: float,
    rounds: int,
    epochs: int,
    rate: float,
    validate: bool,
) -> None:
    """Train a ReLU network for the digits, prune it round by round, and write it to --out."""
    if validate and out is not None:
        raise click.UsageError("--validate trains on less: leave --out away, or --validate.")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train, score = load_parts(validate)
    widths = [train.images.shape[1], *hidden, CLASSES]
    network = build(widths)
    console = Console()
    with Progress(console=console) as progress:
        task = progress.add_task("training", total=rounds + 3)
        for number in range(rounds + 1):
            if number:
                remove_smallest(network, (1 - pruned) ** (number / rounds))
            turns = 3 if number == rounds else 1
            fit(network, train, turns * epochs, rate, generator)
            arrays = arrays_of(network)
            accuracy = accuracy_of(arrays, score)
            progress.update(task, advance=turns)
            console.print(
                f"round {number}: {pruned_fraction(arrays):6.1%} pruned, "
                f"{'validation' if validate else 'test'} accuracy {accuracy:.2%}"
            )
    if out is None:
        return
    meta = {
        "accuracy_test": accuracy,
        "architecture": widths,
        "dataset": "scikit-learn load_digits, pixels / 16",
        "pruned_fraction": pruned_fraction(arrays),
        "script": "examples/train_digits.py",
        "seed": seed,
        "split": "test: index % 4 == 3; train: the others",
        "torch": torch.__version__,
    }
    save(out, arrays, meta)
    console.print(f"wrote {out}")


if __name__ == "__main__":
    main()
