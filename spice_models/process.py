"""Programs run to their end, a timeout or the end of this one, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from spice_models.errors import NgspiceCrashed, NgspiceError, NgspiceNotFound, SimulationTimeout
from spice_models.log import tail

__all__ = [
    "end",
    "execute",
    "forget",
    "keep_log",
    "refuse_if_stopping",
    "start",
    "stop_all",
    "too_long",
]

_running: set[subprocess.Popen[bytes]] = set()
_stopping = threading.Event()


def execute(
    command: Sequence[str],
    folder: Path,
    timeout_seconds: float,
    environment: Mapping[str, str] | None = None,
) -> tuple[str, int]:
    """Output and exit status of a program, in a process group of its own.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments; no shell reads them.
    folder : Path
        Its working directory, where the output is kept as ``log.txt``.
    timeout_seconds : float
        It and all that it started are killed after this time.
    environment : mapping, optional
        Variables set besides those of this process.

    Raises
    ------
    NgspiceNotFound
        If it cannot be started.
    SimulationTimeout
        If it takes longer.
    NgspiceCrashed
        If it dies of a signal.
    NgspiceError
        If all runs were stopped.
    """
    process = start(command, folder, environment)
    output = _finish(process, timeout_seconds, folder)
    if process.returncode < 0:
        raise NgspiceCrashed(f"ngspice died of signal {-process.returncode}: {tail(output)}")
    return output, process.returncode


def start(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program that `stop_all` may kill, until it is given to `end`.

    Parameters and errors as for `execute`; its output is one unbuffered pipe, and so is its input
    if `stdin` asks for one.
    """
    refuse_if_stopping()
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "LC_ALL": "C", **(environment or {})}
    variables.pop("SPICE_ASCIIRAWFILE", None)
    try:
        process = subprocess.Popen(
            command,
            bufsize=0,
            cwd=folder,
            env=variables,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise NgspiceNotFound(f"{command[0]} cannot be started: {error}") from None
    _running.add(process)
    if _stopping.is_set():  # stop_all may have looked before it stood in its list
        end(process)
        refuse_if_stopping()
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and all that it started, if it still runs, and close its pipes."""
    if process.poll() is None:
        _kill(process)
    forget(process)


def forget(process: subprocess.Popen[bytes]) -> None:
    """Close this process's pipes to a program, which is now the business of nobody here."""
    _running.discard(process)
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def refuse_if_stopping() -> None:
    """Raise `NgspiceError` if all runs were stopped."""
    if _stopping.is_set():
        raise NgspiceError("ngspice was stopped, because the program ends")


def too_long(timeout_seconds: float, log: str) -> str:
    """What to say of a run that was stopped after its time."""
    return (
        f"ngspice was stopped after {timeout_seconds:g} s; allow more time or use "
        f"smaller arrays; ngspice says: {tail(log)}"
    )


def keep_log(folder: Path, said: bytes) -> None:
    """Keep what a program said as ``log.txt``, if the disk has room."""
    with contextlib.suppress(OSError):  # a full disk: the error that follows quotes the log
        (folder / "log.txt").write_bytes(said)


def stop_all() -> None:
    """Kill every run of this process, and refuse new ones: for a program that ends."""
    _stopping.set()
    for process in list(_running):
        _kill(process)


def _forget_all() -> None:
    """In a forked process: its parent's programs are not its own to stop."""
    for process in list(_running):
        process.returncode = 0  # or its end would be waited for here, or warned of
    _running.clear()


def _finish(process: subprocess.Popen[bytes], timeout_seconds: float, folder: Path) -> str:
    """Wait for a process, keep its log, and return it; kill it whole if anything goes wrong."""
    said = b""
    try:
        said = process.communicate(timeout=timeout_seconds)[0]
    except BaseException as error:
        _kill(process)
        if isinstance(error, subprocess.TimeoutExpired):
            said = error.output or b""
            log = said.decode("utf-8", "replace")
            raise SimulationTimeout(too_long(timeout_seconds, log)) from None
        raise
    finally:
        end(process)
        keep_log(folder, said)
    return said.decode("utf-8", "replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.wait()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
