""".ci/run with a stand-in for make: it shows pytest's closing line and passes failure on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PASSED = "======== 12 passed, 1 skipped in 3.45s ========"
FAILED = "======== 1 failed, 11 passed in 63.45s (0:01:03) ========"


@pytest.mark.parametrize(
    ("printed", "status", "closing"),
    [(PASSED, 0, PASSED), (FAILED, 2, FAILED), ("no ngspice", 2, "no closing line from pytest")],
)
def test_closing_line_and_status(tmp_path: Path, printed: str, status: int, closing: str) -> None:
    make = tmp_path / "make"
    make.write_text(f'#!/bin/bash\necho "{printed}"\necho "called with $*"\nexit {status}\n')
    make.chmod(0o755)
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/bash\nexit 1\n")
    apt.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci/run"],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CI": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status
    assert "called with test" in done.stdout
    assert done.stdout.splitlines()[-1] == closing
