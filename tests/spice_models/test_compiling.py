"""The first call after installing compiles, says so once, and keeps what it compiled."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import numpy as np
from spice_models.compiled import compiled
from spice_models.line_kernels import factor_bits, factor_words
assert compiled(lambda: 1)() == 1  # of another package
print("before", file=__import__("sys").stderr)
factor_words(np.ones((2, 2)), np.ones((2, 3)))
factor_bits(np.ones((2, 2)), np.ones((3, 2)))
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
        said.append(done.stderr.splitlines())
    assert [line.partition(" for")[0] for line in said[0]] == [
        "before",
        "spice_models: compiling the circuit solver",
    ]
    assert said[1] == ["before"]
