"""A study small enough to run in a second, without ngspice."""

from pathlib import Path

import pytest

SMALL = """
resistors = [2, 4]
chips = 2
seed = 3
simulator = "nodal"

[[designs]]
ladder = "stagger"

[[designs]]
name = "conventional"
ladder = "binary"
programmed_by = "nominal"
"""


@pytest.fixture
def small_toml(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path
