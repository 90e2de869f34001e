"""A study of many chips on a Dask cluster in which a worker is killed, beside the serial run.

Chips of one design are run twice: one after another in this process, and on a `LocalCluster` of
worker processes, one of which is killed (SIGKILL) when a third of the chips is done. The rows of
both must be the same, but for the time that each took. Prints wall times and their ratio::

    python benchmarks/clusters.py --chips 2500 --out out/clusters
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from crossbar.design import Design
from crossbar.results import Row
from crossbar.studies import Study, run
from crossbar.workers import executor_for


def main() -> None:
    """Run both, compare, and print what it took."""
    asked = arguments()
    study = Study(
        resistors=(asked.resistors,),
        designs=(Design(),),
        chips=asked.chips,
        seed=1,
        simulator=asked.simulator,
    )
    start = time.perf_counter()
    with executor_for(1, None) as executor:
        serial = run(study, asked.out / "serial", executor=executor)
    serial_s = time.perf_counter() - start
    print(f"serial: {asked.chips} chips in {serial_s:.1f} s", flush=True)
    clustered, cluster_s, killed = on_cluster(study, asked.out / "cluster", asked.workers)
    same = untimed(serial) == untimed(clustered)
    print(
        f"cluster of {asked.workers}: {asked.chips} chips in {cluster_s:.1f} s, worker {killed} "
        f"killed; ratio {serial_s / cluster_s:.2f}; rows {'the same' if same else 'DIFFER'}"
    )
    if not same:
        raise SystemExit(1)


def on_cluster(study: Study, out: Path, workers: int) -> tuple[list[Row], float, int]:
    """Rows, wall time [s] without the start of the cluster, and the process that was killed."""
    from distributed import LocalCluster

    killed: list[int] = []
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:

        def kill(done: int, total: int) -> None:
            if done > total // 3 and not killed:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        start = time.perf_counter()
        with executor_for(1, cluster.scheduler_address) as executor:
            rows = run(study, out, executor=executor, progress=kill)
        return rows, time.perf_counter() - start, killed[0]


def untimed(rows: list[Row]) -> list[Row]:
    """The rows without the time that each took."""
    return [replace(row, seconds=0.0) for row in rows]


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--chips", type=int, default=2500)
    parser.add_argument("--resistors", type=int, default=8, help="per weight")
    parser.add_argument("--simulator", choices=("ideal", "nodal"), default="ideal")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--out", type=Path, default=Path("out/clusters"), help="a new folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
