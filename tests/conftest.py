"""Fixtures for all tests."""

import signal
import sys
import warnings
from typing import NamedTuple

import pytest

from crossbar.cli import main


class Done(NamedTuple):
    """What a command that has ended leaves."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def crossbar(monkeypatch, capsys):
    """Run a command in this process, which spares starting one."""

    def run(*arguments, cwd=None):
        if cwd is not None:
            monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["crossbar", *map(str, arguments)])
        monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process is pytest's
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(ended.value.code, *capsys.readouterr())

    return run
