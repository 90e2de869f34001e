"""Whole workloads of `solvers`: published ones, hard instances, and two threads against one."""

from __future__ import annotations

import math
import time

import numpy as np
from rich.table import Table

import solvers

DA_CUNHA = {5: 0.80, 10: 0.51, 15: 0.016, 20: 6.5e-4, 25: 6.9e-5, 30: 6.9e-6}


def workloads() -> Table:
    """One line for each workload: what it is, what it cost, what came out."""
    table = Table(title="Workloads")
    for title in ("workload", "CPU s", "wall s", "result"):
        table.add_column(title, justify="left" if title in ("workload", "result") else "right")
    for lines in (pensia(), da_cunha(), threads(), hard(), anytime()):
        for line in lines:
            table.add_row(*line)
        table.add_section()
    return table


def clocked(values, targets, **options):  # type: ignore[no-untyped-def]
    """A solution, its CPU and its wall time [s]."""
    solvers.solve_batch(values[:2], targets[:2], **options)
    cpu, wall = time.process_time(), time.perf_counter()
    solution = solvers.solve_batch(values, targets, **options)
    return solution, time.process_time() - cpu, time.perf_counter() - wall


def pensia() -> list[list[str]]:
    """397,000 weights of a 784-500-10 network from 21 numbers each, to within 0.01.

    A. Pensia et al., NeurIPS 2020, arXiv 2006.07990: 77,266 s of Gurobi on 36 cores.
    """
    rng = np.random.default_rng(2020)
    targets = rng.uniform(-0.5, 0.5, 397_000)
    values = rng.uniform(-1, 1, (targets.size, 21))
    solution, cpu, wall = clocked(values, targets)
    within = np.mean(np.abs(solution.error) <= 0.01)
    text = f"{within:.3%} within 0.01 (Pensia et al., Gurobi: 77,266 s on 36 cores)"
    return [["397,000 cells of n = 21", f"{cpu:.2f}", f"{wall:.2f}", text]]


def da_cunha() -> list[list[str]]:
    """The 2,572 weights of LeNet-5's convolutions.

    A. da Cunha et al., ICLR 2022. Weights are drawn as PyTorch initialises such layers and
    scaled to a largest one of 1/2; the error is relative to that.
    """
    rng = np.random.default_rng(2022)
    fans = np.repeat([25, 150], [156, 2416])
    weights = rng.uniform(-1, 1, fans.size) / np.sqrt(fans)
    weights *= 0.5 / np.abs(weights).max()
    lines = []
    for n, published in DA_CUNHA.items():
        values = rng.uniform(-1, 1, (weights.size, n))
        solution, cpu, wall = clocked(values, weights)
        worst = np.abs(solution.error).max() / 0.5
        text = f"largest relative error {worst:.2g} (da Cunha et al.: {published:.2g})"
        lines.append([f"2,572 cells of n = {n}", f"{cpu:.2f}", f"{wall:.2f}", text])
    return lines


def threads() -> list[list[str]]:
    """One thread against two."""
    rng = np.random.default_rng(1)
    lines = []
    for n, cells in ((12, 1_000_000), (24, 60_000)):
        values, targets = rng.uniform(-1, 1, (cells, n)), rng.uniform(-0.5, 0.5, cells)
        _, cpu, one = clocked(values, targets)
        _, _, two = clocked(values, targets, workers=2)
        text = f"{one / two:.2f} times faster on two threads ({two:.2f} s)"
        lines.append([f"{cells:,} cells of n = {n}", f"{cpu:.2f}", f"{one:.2f}", text])
    return lines


def hard() -> list[list[str]]:
    """Single instances to the end; the median of three."""
    rng = np.random.default_rng(4)
    lines = []
    for n in (40, 44, 48, 52, 56):
        runs = []
        for _ in range(3 if n < 56 else 1):
            solution, cpu, wall = clocked(
                rng.uniform(-1, 1, (1, n)), rng.uniform(-0.5, 0.5, 1), method="schroeppel-shamir"
            )
            runs.append((cpu, wall, float(np.abs(solution.error[0])), solution.status))
        cpu, wall, error, status = sorted(runs)[len(runs) // 2]
        text = f"{status}, {-math.log2(error):.1f} bits"
        lines.append([f"one cell of n = {n}", f"{cpu:.3f}", f"{wall:.3f}", text])
    return lines


def anytime() -> list[list[str]]:
    """What a limit of one second gives; the worst of five."""
    lines = []
    for n in (60, 64):
        rng = np.random.default_rng(n)
        errors = []
        for _ in range(5):
            solution, cpu, wall = clocked(
                rng.uniform(-1, 1, (1, n)),
                rng.uniform(-0.5, 0.5, 1),
                method="schroeppel-shamir",
                time_limit=1.0,
            )
            errors.append(max(float(np.abs(solution.error[0])), 2.0**-62))
        text = f"worst of five: {-math.log2(max(errors)):.1f} bits within 1 s"
        lines.append([f"one cell of n = {n}", f"{cpu:.2f}", f"{wall:.2f}", text])
    return lines
