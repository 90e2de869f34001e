"""The first call after installing compiles, says so once, and keeps what it compiled."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import solvers
solvers.solve([0.5, -0.25, 0.125], 0.3)
solvers.solve([0.5, -0.25, 0.125], 0.4, coefficients=(-1, 0, 1))
"""


def test_compiling_is_announced_once_and_cached(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    said = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", CODE],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        said.append(done.stderr)
    assert said[0].count("solvers: compiling the search, once after installing") == 1
    assert said[1] == ""
