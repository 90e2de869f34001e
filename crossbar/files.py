"""Files in and out: matrices, programmed chips, and writing so that nothing is half there."""

from __future__ import annotations

import io
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from crossbar.calibration import MeasuredChip, Measurement
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.fabrication import Chip
from crossbar.production import ProgrammedChip
from crossbar.programming import Program
from crossbar.settings import build, read_toml

PART = ".part"
SETTINGS = ("version", "seed", "measurement_error", "method")
LARGEST_VOLT = 1e100
MATRIX_SUFFIXES = (".npy", ".npz", ".csv")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file or leave the old one: a kill in between loses nothing.

    Raises
    ------
    InputError
        When the folder is missing or may not be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    path = Path(os.path.realpath(path))  # through a link, not in its place
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is a folder or a device; name a file")
    part = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); check folder and rights"
        ) from None


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep a file that takes long to make for one process; a hidden lock stands beside it.

    Raises
    ------
    InputError
        When another process makes the same file, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"out = {path}: another run is writing it; wait for it or name another file"
        ) from None
    except OSError as error:
        raise InputError(
            f"out = {path}: cannot be written ({error.strerror}); check folder and rights"
        ) from None
    try:
        yield
    finally:
        with suppress(OSError):  # where an open file cannot be removed, it stays and does no harm
            os.unlink(lock.lock_file)
        lock.release()


def read_design(path: str | Path) -> Design:
    """Read a cell from a TOML file with the fields of `Design`, as `crossbar design` writes it.

    Raises
    ------
    InputError
        Naming the file, the setting, the value and the remedy.
    """
    return build(Design, read_toml(path), path)


def check_output(path: Path, suffixes: Sequence[str], inputs: Sequence[Path | None] = ()) -> None:
    """Raise an InputError, before any work, when a result could not be written to `path`.

    Parameters
    ----------
    path : Path
        The file to be written.
    suffixes : sequence of str
        Endings that its name may have.
    inputs : sequence of Path or None
        Files that are read, which it must not replace.
    """
    if path.suffix not in suffixes:
        raise InputError(f"out = {path}: give a file name that ends in {' or '.join(suffixes)}")
    if path.exists() and not path.is_file():
        raise InputError(f"out = {path}: is a folder or a device; name a file")
    if not os.access(path.resolve().parent, os.W_OK):
        raise InputError(f"out = {path}: its folder is missing or not writable; make it first")
    for source in inputs:
        if source is not None and path.exists() and source.exists() and path.samefile(source):
            raise InputError(f"out = {path}: is an input too; name another file")


def read_matrix(path: str | Path, field: str) -> NDArray[np.float64]:
    """Read a matrix of real numbers from ``.npy``, ``.npz`` (its only array) or ``.csv``.

    Parameters
    ----------
    path : str or Path
        The file; a CSV has no header.
    field : str
        What the matrix is, for errors.

    Raises
    ------
    InputError
        For an unreadable file, several arrays, pickles, or values that are no numbers.
    """
    path = Path(path)
    if path.suffix not in MATRIX_SUFFIXES:
        raise InputError(f"{field} = {path}: give a file of {', '.join(MATRIX_SUFFIXES)}")
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            if path.suffix == ".csv":
                matrix = np.loadtxt(file, delimiter=",", ndmin=2, encoding="utf-8-sig")
            else:
                matrix = _only_array(np.load(file, allow_pickle=False), path, field)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{field} = {path}: no such file; check the path") from None
    except OSError as error:
        raise InputError(f"{field} = {path}: cannot be read ({error})") from None
    except (ValueError, EOFError, BadZipFile, UserWarning) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        if isinstance(error, UnicodeDecodeError):
            said = "it is no text in UTF-8"
        remedy = "an array of numbers, no pickle"
        if path.suffix == ".csv":
            remedy = "rows of equal length, values separated by commas"
        raise InputError(
            f"{field} = {path}: not a matrix of numbers; give {remedy} ({said})"
        ) from None
    wrong = _unlike_matrix(matrix)
    if wrong:
        raise InputError(f"{field} = {path}: {wrong}")
    return np.atleast_2d(matrix).astype(float)


def _unlike_matrix(array: NDArray[Any]) -> str:
    """What keeps an array from being a matrix of real numbers; empty where nothing does."""
    if array.dtype.kind not in "iuf":
        return f"holds values of type {array.dtype}; give real numbers"
    if array.ndim > 2:
        return f"has shape {array.shape}; give a matrix, of two axes"
    return "" if array.size else f"is empty (shape {array.shape}); give at least one number"


def read_volts(path: str | Path, rows: int) -> NDArray[np.float64]:
    """Read the input voltages of `rows` word lines, (points, rows) [V].

    Raises
    ------
    InputError
        As `read_matrix`, or for another shape, or a voltage that no circuit can have.
    """
    volts = read_matrix(path, "inputs")
    if volts.shape[1] != rows:
        raise InputError(f"inputs have shape {volts.shape}: give (points, {rows})")
    bad = np.argwhere(~(np.abs(volts) < LARGEST_VOLT))
    if bad.size:
        row, column = bad[0]
        raise InputError(
            f"inputs = {path}: row {row}, column {column} (from 0) = {volts[row, column]}: give "
            f"finite volts below {LARGEST_VOLT:g}"
        )
    return volts


def _only_array(loaded: Any, path: Path, field: str) -> NDArray[Any]:
    if isinstance(loaded, np.ndarray):
        return loaded
    if len(loaded.files) != 1:
        raise InputError(
            f"{field} = {path}: holds the arrays {', '.join(loaded.files) or 'none'}; "
            "give a file with one"
        )
    return np.asarray(loaded[loaded.files[0]])


def write_matrix(path: Path, matrix: NDArray[np.float64]) -> None:
    """Write a matrix as ``.npy`` or ``.csv``, by the file's name."""
    check_output(path, (".npy", ".csv"))
    buffer = io.BytesIO()
    if path.suffix == ".npy":
        np.save(buffer, matrix, allow_pickle=False)
    else:
        np.savetxt(buffer, matrix, delimiter=",", fmt="%.17g")
    write_atomically(path, buffer.getvalue())


_ARRAYS = ("true_ohm", "on_siemens", "enabled", "target_siemens", "reachable")
_OPTIONAL = ("stuck_closed", "known_stuck_closed", "matrix_siemens")


def _optional(made: ProgrammedChip) -> dict[str, Any]:
    """Branches stuck closed, in chip and measurement, and the matrix, where there are any."""
    stuck = made.chip.stuck_closed, made.measurement.stuck_closed
    pairs = zip(_OPTIONAL, (*stuck, made.matrix_siemens), strict=True)
    return {name: array for name, array in pairs if array is not None}


def save_chip(path: Path, made: ProgrammedChip, settings: Mapping[str, Any]) -> None:
    """Write a programmed chip, with the settings that made it, as one ``.npz`` file."""
    check_output(path, (".npz",))
    about = {
        "design": asdict(made.chip.design),
        "siemens_per_weight": np.asarray(made.siemens_per_weight).tolist(),
        "settings": dict(settings),
    }
    if isinstance(made.chip, MeasuredChip):
        about["measured"] = made.chip.source
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        about=np.array(json.dumps(about)),
        true_ohm=made.chip.true_ohm,
        on_siemens=made.measurement.on_siemens,
        enabled=made.program.enabled,
        target_siemens=made.program.target_siemens,
        reachable=made.program.reachable,
        **_optional(made),
    )
    write_atomically(path, buffer.getvalue())


def load_chip(path: str | Path) -> tuple[ProgrammedChip, dict[str, Any]]:
    """Read what `save_chip` wrote: the chip and its settings.

    Raises
    ------
    InputError
        For a missing file, or one that is no programmed chip.
    """
    try:
        with Path(path).open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            about = json.loads(str(file["about"]))
            arrays = {name: file[name] for name in _ARRAYS}
            arrays |= {name: file[name] for name in _OPTIONAL if name in file}
        made = _assemble(build(Design, about["design"], path), arrays, about)
        settings = {key: about["settings"][key] for key in SETTINGS}
        settings["wire_aware"] = about["settings"].get("wire_aware")
    except FileNotFoundError:
        raise InputError(f"chip = {path}: no such file; check the path") from None
    except OSError as error:
        raise InputError(f"chip = {path}: cannot be read ({error})") from None
    except (KeyError, TypeError, IndexError, ValueError, EOFError, BadZipFile) as error:
        reason = f" ({error})" if isinstance(error, InputError) else ""
        raise InputError(
            f"chip = {path}: no programmed chip{reason}; make one with 'crossbar program'"
        ) from None
    return made, settings


def _assemble(
    design: Design, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]
) -> ProgrammedChip:
    stuck_chip, stuck_known, matrix = (arrays.get(name) for name in _OPTIONAL)
    per_weight = np.asarray(about["siemens_per_weight"], dtype=float)
    return ProgrammedChip(
        chip=(
            MeasuredChip(
                design, arrays["true_ohm"], str(about["measured"]), stuck_closed=stuck_chip
            )
            if "measured" in about
            else Chip(design, arrays["true_ohm"], stuck_closed=stuck_chip)
        ),
        measurement=Measurement(design, arrays["on_siemens"], stuck_closed=stuck_known),
        program=Program(arrays["enabled"], arrays["target_siemens"], arrays["reachable"]),
        siemens_per_weight=per_weight if per_weight.ndim else float(per_weight),
        matrix_siemens=matrix,
    )
