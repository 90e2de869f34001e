"""One temporary folder for each run: gone after success, kept for inspection after an error."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from spice_models.errors import DiskFull, NgspiceError

__all__ = ["KEPT", "job", "remove_stale"]

KEPT = 20
"""How many folders of failed runs stay; the oldest give way to new ones."""

_FAILED = "spice_models-failed-"
_MACHINE = re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname()) or "_"
_RUNNING = f"spice_models-run-{_MACHINE}-"


@contextmanager
def job(files: dict[str, str]) -> Iterator[Path]:
    """Make a folder with these text files, and remove it unless an `NgspiceError` is raised.

    The error then names the folder in its text and in its attribute `folder`. Folders that a
    killed process left behind are removed first, once in a process.

    Parameters
    ----------
    files : dict of str to str
        Text by file name.

    Raises
    ------
    DiskFull
        If they cannot be written.
    """
    _remove_stale_once(tempfile.gettempdir())
    folder = _new_folder()
    try:
        _write(folder, files)
        yield folder
    except NgspiceError as error:
        error.folder = _keep(folder)
        error.args = (f"{error}; kept for inspection: {error.folder}",)
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def remove_stale(parent: Path) -> list[Path]:
    """Remove folders of runs whose process was killed on this machine, and return them.

    Only a real directory of the own user, with the name that `job` gives, whose process no
    longer lives, is removed. The machine's name is in it, as folders may be shared.

    Parameters
    ----------
    parent : Path
        The folder of temporary files.
    """
    removed = []
    for folder in parent.glob(f"{_RUNNING}*"):
        pid = re.match(r"(\d+)-", folder.name.removeprefix(_RUNNING))
        if pid and _is_own(folder) and not _lives(int(pid[1])):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed


@lru_cache(maxsize=8)
def _remove_stale_once(parent: str) -> None:
    remove_stale(Path(parent))


def _new_folder() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=f"{_RUNNING}{os.getpid()}-"))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(_full(Path(tempfile.gettempdir()), error)) from None


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(_full(folder, error)) from None


def _full(folder: Path, error: OSError) -> str:
    return (
        f"{folder} cannot hold the netlist ({error.strerror}); make room, or set TMPDIR to a "
        "folder on a larger disk"
    )


def _keep(folder: Path) -> Path:
    """Rename a folder so that it outlives this process, without its rawfile, and thin out."""
    (folder / "result.raw").unlink(missing_ok=True)
    kept = folder.with_name(_FAILED + folder.name.removeprefix(_RUNNING))
    try:
        folder.rename(kept)
    except OSError:
        return folder
    others = [path for path in kept.parent.glob(f"{_FAILED}*") if _is_own(path) and path != kept]
    for old in sorted(others, key=_age)[: max(0, len(others) - KEPT + 1)]:
        shutil.rmtree(old, ignore_errors=True)
    return kept


def _age(folder: Path) -> tuple[int, str]:
    try:
        return folder.lstat().st_mtime_ns, folder.name
    except FileNotFoundError:
        return 0, folder.name


def _is_own(folder: Path) -> bool:
    """Whether it is a directory, no link, of the user who asks."""
    try:
        is_own = not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()
        return is_own and folder.is_dir() and not folder.is_symlink()
    except FileNotFoundError:
        return False


def _lives(pid: int) -> bool:
    """Whether a process has this number; one of another user counts as alive."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
