"""The folder of a small study with names that try to break out, and its page."""

import shutil
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("Agg")
pytest.importorskip("plotly")

from crossbar import Design, Tile, studies
from crossbar.reporting.page import write_report

SCRIPT = "<script>alert(1)</script>"
QUOTES = "a\"b'$x$ &amp; <b>c</b> %{x}"
STUDY = studies.Study(
    resistors=(2, 4, 6),
    designs=(
        Design(ladder="stagger", name=SCRIPT),
        Design(ladder="binary", programmed_by="nominal", name=QUOTES),
    ),
    chips=2,
    seed=3,
    simulator="ideal",
    tile=Tile(48, 32),
)


@pytest.fixture(scope="session")
def study() -> studies.Study:
    return STUDY


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The folder of the finished study; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "run & <i>one</i>"
    studies.run(STUDY, folder)
    return folder


@pytest.fixture(scope="session")
def page(finished) -> Path:
    """Its page, beside it; not to be changed."""
    path = finished.parent / "report.html"
    write_report(finished, path)
    return path


@pytest.fixture
def folder(finished, tmp_path) -> Path:
    """The same folder, to change."""
    return Path(shutil.copytree(finished, tmp_path / "run"))
