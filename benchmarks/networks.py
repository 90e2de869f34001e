"""Time a network on arrays: programming, extraction of the wires' effect, and inference.

    python benchmarks/networks.py
    python benchmarks/networks.py --layers 64 32 10 --images 100

A fully connected network with random weights, without torch's training: LeNet-300-100 (784, 300,
100, 10: 266,200 weights) unless told otherwise, with wires of 1 ohm a segment, on tiles of
128 x 128. The compiled searches are loaded before the clock starts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

import crossbar


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    options = parsed(arguments)
    torch.manual_seed(0)
    model = network(options.layers)
    design = crossbar.Design(resistors=options.resistors)
    with ThreadPoolExecutor(options.workers) as executor:
        crossbar.convert(network([130, 70]), design, executor=executor)
        start, busy = time.perf_counter(), time.process_time()
        analog = crossbar.convert(model, design, executor=executor)
        converted = time.perf_counter()
    with torch.no_grad():
        analog(torch.rand(options.images, options.layers[0]))
    inference = time.perf_counter() - converted
    busy = time.process_time() - busy
    layers = analog.conversion.converted
    table = Table(title=f"{options.resistors} resistors a weight, {options.workers} workers")
    for name in ("layer", "weights", "tiles", "programming s", "extraction s"):
        table.add_column(name, justify="right")
    for layer in layers:
        table.add_row(
            layer.path,
            str(layer.outputs * layer.inputs),
            str(layer.tiles),
            f"{layer.programming_seconds:.2f}",
            f"{layer.extraction_seconds:.2f}",
        )
    console = Console()
    console.print(table)
    console.print(f"inference of {options.images} images: {inference:.2f} s")
    console.print(f"all together: {converted - start + inference:.2f} s, of CPU {busy:.2f} s")


def network(widths: Sequence[int]) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, nargs="+", default=[784, 300, 100, 10])
    parser.add_argument("--resistors", type=int, default=12)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
