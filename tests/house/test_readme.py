"""The Python blocks of the README run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)


def test_the_readme_has_a_python_block() -> None:
    assert BLOCKS, "README.md: no ```python block"


@pytest.mark.parametrize("block", BLOCKS, ids=range(1, len(BLOCKS) + 1))
def test_block_runs(block: str, tmp_path: Path) -> None:
    (tmp_path / "block.py").write_text(block, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "block.py"], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    "target", sorted(set(re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", TEXT)))
)
def test_link_leads_to_a_file(target: str) -> None:
    assert (ROOT / target).exists(), f"README.md links to {target}, which does not exist"
