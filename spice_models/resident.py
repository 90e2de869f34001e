"""Programs that stay and answer one request after another: started once, used many times.

A program that is at work serves one request. Threads each get their own; a forked process
forgets those of its parent and starts its own. They end with this process, after some idle time,
by `close`, and by `spice_models.process.stop_all`.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from spice_models import process
from spice_models.errors import NgspiceCrashed, SimulationTimeout
from spice_models.log import tail

__all__ = ["KEPT_IDLE", "close", "request"]

KEPT_IDLE = 2
"""How many idle programs are kept; each holds some 300 MB."""

_MARK = b"\x02"
_CHUNK = 1 << 16
_SECONDS_TO_END = 5.0


class _Resident:
    """A program with an open line to it."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self.command = command
        self.program = process.start(command, Path("/"), stdin=subprocess.PIPE)
        self.has_answered = False
        self._said = b""

    def ask(self, message: object, deadline: float) -> tuple[str, int, bool] | None:
        """Log, exit status, and whether it goes on; None if it had ended before it was asked.

        Raises TimeoutError at the deadline of `time.monotonic`.
        """
        assert self.program.stdin is not None
        try:
            self.program.stdin.write(json.dumps(message).encode("ascii") + b"\n")
        except BrokenPipeError:
            return self._last_words()
        while True:
            *chatter, rest = self._said.split(b"\n")
            replies = [line for line in chatter if line.startswith(_MARK)]
            if replies:
                self._said = rest
                reply = json.loads(replies[0][len(_MARK) :])
                self.has_answered = True
                return reply["log"], reply["status"], not reply["last"]
            if not self._read(deadline):
                return self._last_words()

    def _read(self, deadline: float) -> bool:
        """Take what it says; False at the end of it."""
        assert self.program.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.program.stdout, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
        chunk = os.read(self.program.stdout.fileno(), _CHUNK)
        self._said += chunk
        return bool(chunk)

    def _last_words(self) -> tuple[str, int, bool] | None:
        try:
            status = self.program.wait(timeout=_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.end(self.program)
            status = self.program.wait()
        said = self.words()
        ended_idle = self.has_answered and not said.strip()
        return None if ended_idle else (said, status, False)

    def words(self) -> str:
        """What it said besides its answers."""
        return self._said.decode("utf-8", "replace")

    def end(self) -> None:
        """Kill it, and all that it started."""
        process.end(self.program)

    def forget(self) -> None:
        """Close this process's copy of the line: the program belongs to another process."""
        process.forget(self.program)
        self.program.returncode = 0  # or its end would be waited for here, or warned of


_lock = threading.Lock()
_all: set[_Resident] = set()
_idle: list[_Resident] = []


def request(
    command: Sequence[str], message: object, folder: Path, timeout_seconds: float
) -> tuple[str, int]:
    """Log and exit status of a request to a program, an idle one or a new one.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    message : object
        Sent as a line of JSON; a line that begins with the character 2 must answer it, with
        a JSON object of ``log``, ``status``, and ``last`` if the program then ends.
    folder : Path
        Where the log is kept as ``log.txt``.
    timeout_seconds : float
        For the start and the answer; then the program is killed.

    Raises
    ------
    NgspiceNotFound, SimulationTimeout, NgspiceCrashed, NgspiceError
        As `spice_models.process.execute`.
    """
    deadline = time.monotonic() + timeout_seconds
    answer = None
    while answer is None:  # one that ended or was killed while it was idle is replaced
        resident = _take(tuple(command))
        goes_on, said = False, ""
        try:
            answer = resident.ask(message, deadline)
            said, _, goes_on = answer or ("", 0, False)
        except TimeoutError:
            said = resident.words()
            raise SimulationTimeout(process.too_long(timeout_seconds, said)) from None
        finally:
            process.keep_log(folder, said.encode())
            _give_back(resident, goes_on)
    log, status, _ = answer
    if status < 0:
        process.refuse_if_stopping()
        raise NgspiceCrashed(f"ngspice died of signal {-status}: {tail(log)}")
    return log, status


def close() -> None:
    """End all idle programs of this process; a later request starts a new one."""
    with _lock:
        ended = list(_idle)
        _idle.clear()
        _all.difference_update(ended)
    for one in ended:
        one.end()


def _take(command: tuple[str, ...]) -> _Resident:
    with _lock:
        for one in reversed(_idle):
            if one.command == command:
                _idle.remove(one)
                return one
    made = _Resident(command)
    with _lock:
        _all.add(made)
    return made


def _give_back(resident: _Resident, goes_on: bool) -> None:
    with _lock:
        if goes_on:
            _idle.append(resident)
        surplus = _idle[:-KEPT_IDLE] + ([] if goes_on else [resident])
        _all.difference_update(surplus)
        del _idle[:-KEPT_IDLE]
    for one in surplus:
        one.end()


def _forget_all() -> None:
    """In a forked process: its parent's programs are not its own."""
    global _lock
    _lock = threading.Lock()
    for one in _all:
        one.forget()
    _all.clear()
    _idle.clear()


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
