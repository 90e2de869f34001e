from collections.abc import Callable

import numpy as np
import pytest

from spice_models import Array, Switch, Wires

MakeArray = Callable[..., Array]


@pytest.fixture
def make_array() -> MakeArray:
    """Random arrays: resistances over two decades, some branches absent, half enabled."""

    def make(
        rows: int,
        lines: int,
        branches: int = 4,
        *,
        seed: int = 0,
        wires: Wires | None = None,
        switch: Switch | None = None,
        enabled: bool | None = None,
    ) -> Array:
        random = np.random.default_rng([seed, rows, lines, branches])
        shape = (rows, lines, branches)
        ohm = 10 ** random.uniform(4, 6, shape)
        ohm[random.random(shape) < 0.1] = np.inf
        states = random.random(shape) < 0.5 if enabled is None else np.full(shape, enabled)
        return Array(ohm, states, switch or Switch(), wires or Wires())

    return make
