"""Files with one value for each branch of an array: CSV, a line a branch, or NPZ."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from crossbar.errors import InputError

INDEX = ("row", "column", "branch")
SUFFIXES = (".csv", ".npz")
MOST_BRANCHES = 2**28
_DIGITS = 9
_LARGEST_INDEX = 10**_DIGITS - 1

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Branches:
    """What a file says about the branches of an array.

    Parameters
    ----------
    source : str
        The file, for errors.
    name : str
        Name of the values: the CSV's column or the NPZ's array.
    values : ndarray, (rows, columns, branches)
        NaN where the file has none.
    lines : ndarray of int, (rows, columns, branches), optional
        Line of each value in a CSV, from 1; 0 where it has none.
    """

    source: str
    name: str
    values: Floats
    lines: Ints | None = None

    def refuse(self, wrong: NDArray[np.bool_], remedy: str) -> None:
        """Raise an InputError that names the file's first wrong value, if there is one."""
        if not wrong.any():
            return
        places = np.argwhere(wrong)
        if self.lines is not None:
            places = places[np.argsort(self.lines[wrong], kind="stable")]
        place = tuple(places[0].tolist())
        where = f"{self.name}[{', '.join(map(str, place))}] = {self.values[place]}"
        if self.lines is not None and self.lines[place]:
            where = f"line {self.lines[place]}: {self.name} = {self.values[place]}"
        raise InputError(f"{self.source}: {where}: {remedy}")


@dataclass(frozen=True, eq=False)
class Entries:
    """Values one by one, each with its place in the array and in the file.

    Parameters
    ----------
    source, name : str
        As in `Branches`.
    index : ndarray of int, (entries, 3)
        Row, column and branch, from 0.
    values : ndarray, (entries,)
        NaN where empty.
    lines : ndarray of int, (entries,)
        Line of each entry in a CSV, or its number in an NPZ's arrays.
    noun : str
        "line" or "entry".
    """

    source: str
    name: str
    index: Ints
    values: Floats
    lines: Ints
    noun: str

    def error(self, entry: int, text: str) -> InputError:
        """An InputError about one entry."""
        return InputError(f"{self.source}: {self.noun} {self.lines[entry]}: {text}")


def read_branches(
    path: str | Path,
    names: Sequence[str],
    branches: int | None = None,
    rows: int | None = None,
    columns: int | None = None,
) -> Branches:
    """Read a value for each branch.

    A ``.csv`` has the columns row, column, branch and one of `names`, in any order, and a
    line for each branch; lines that begin with # are comments. A ``.npz`` holds one of
    `names` as an array (rows, columns, branches), or that array and row, column and branch
    as lists of equal length. Numbers count from 0.

    Parameters
    ----------
    path : str or Path
        The file.
    names : sequence of str
        Names that the values may have.
    branches, rows, columns : int, optional
        The array's size; where none is given, the file's largest number tells it.

    Raises
    ------
    InputError
        For an unreadable or empty file, another header, values that are no numbers, numbers
        that are repeated, out of range or, where the size is not given or for the branches,
        never occur; it names file, line, field, value and remedy.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: give a file whose name ends in {' or '.join(SUFFIXES)}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    sizes = (rows, columns, branches)
    if path.suffix == ".csv":
        return _dense(read_entries(path, data, names), sizes)
    return _from_arrays(path, data, names, sizes)


def read_entries(path: Path, data: bytes, names: Sequence[str]) -> Entries:
    """The lines of a CSV; without `names` it has an index only, and the values are NaN."""
    wanted = f"{','.join(INDEX)}" + (f",{names[0]}" if names else "")
    header: list[str] | None = None
    index: list[tuple[int, int, int]] = []
    values: list[float] = []
    numbers: list[int] = []
    for number, line in enumerate(io.StringIO(_text(path, data), newline=None), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        fields = _fields(line)
        if header is None:
            header = [field.lower() for field in fields]
            name = _value_name(f"{path}: line {number}", header, names, wanted)
            places = [header.index(field) for field in (*INDEX, *((name,) if name else ()))]
            continue
        where = f"{path}: line {number}"
        if len(fields) != len(header):
            raise InputError(
                f"{where}: has {len(fields)} fields: give {len(header)} ({','.join(header)}), "
                "separated by commas, with a decimal point"
            )
        texts = [fields[place] for place in places]
        row, column, branch = (
            _whole(where, field, text) for field, text in zip(INDEX, texts, strict=False)
        )
        index.append((row, column, branch))
        values.append(_number(where, name, texts[3]) if name else np.nan)
        numbers.append(number)
    if header is None:
        raise InputError(f"{path}: is empty: give a header {wanted} and a line for each branch")
    if not index:
        raise InputError(f"{path}: has a header only: give a line for each branch")
    return Entries(
        str(path), name, np.array(index), np.array(values, dtype=float), np.array(numbers), "line"
    )


def _text(path: Path, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
        if "\0" not in text:
            return text
        wrong = data.index(0)
    except UnicodeDecodeError as error:
        wrong = error.start
    line = data[:wrong].count(b"\n") + 1
    raise InputError(
        f"{path}: line {line}: byte 0x{data[wrong]:02x} is no UTF-8 text: "
        "save the file as CSV in UTF-8"
    )


def _fields(line: str) -> list[str]:
    fields = next(csv.reader([line])) if '"' in line else line.split(",")
    return [field.strip() for field in fields]


def _value_name(where: str, header: Sequence[str], names: Sequence[str], wanted: str) -> str:
    """The one of `names` in a header that has nothing else besides row, column, branch."""
    found = [name for name in names if name in header]
    if len(found) == (1 if names else 0) and sorted(header) == sorted([*INDEX, *found]):
        return found[0] if found else ""
    values = f", the last one of {', '.join(names)}" if len(names) > 1 else ""
    raise InputError(
        f"{where}: header = {','.join(header)[:80]!r}: give the columns {wanted}{values}, "
        "separated by commas"
    )


def _whole(where: str, field: str, text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS:
        return int(text)
    allowed = f"from 0 to {_LARGEST_INDEX}" if text.isdecimal() else "from 0 on"
    raise InputError(f"{where}: {field} = {text[:40]!r}: give a whole number {allowed}")


def _number(where: str, field: str, text: str) -> float:
    if not text:
        return np.nan
    try:
        number = float(text) if text.isascii() and "_" not in text else np.inf
        if number < np.inf or np.isnan(number) or text.lower().lstrip("+") in ("inf", "infinity"):
            return number
    except ValueError:
        pass
    raise InputError(
        f"{where}: {field} = {text[:40]!r}: give a number with a decimal point, or nothing"
    )


def _dense(entries: Entries, sizes: tuple[int | None, int | None, int | None]) -> Branches:
    shape = tuple(_size(entries, axis, size) for axis, size in enumerate(sizes))
    if np.prod([float(size) for size in shape]) > MOST_BRANCHES:
        raise InputError(
            f"{entries.source}: names an array of {' x '.join(map(str, shape))} branches: give "
            f"at most {MOST_BRANCHES}"
        )
    flat = np.ravel_multi_index(tuple(entries.index.T), shape)
    order = np.argsort(flat, kind="stable")
    again = np.flatnonzero(np.diff(flat[order]) == 0)
    if again.size:
        at = again[np.argmin(order[again + 1])]
        first, second = int(order[at]), int(order[at + 1])
        place = ", ".join(
            f"{field} = {number}"
            for field, number in zip(INDEX, entries.index[second].tolist(), strict=True)
        )
        earlier = f"{entries.noun} {entries.lines[first]}"
        raise entries.error(second, f"{place}: stands in {earlier} already; keep one of them")
    values = np.full(shape, np.nan)
    values.flat[flat] = entries.values
    if entries.noun != "line":
        return Branches(entries.source, entries.name, values)
    lines = np.zeros(shape, dtype=np.int64)
    lines.flat[flat] = entries.lines
    return Branches(entries.source, entries.name, values, lines)


def _size(entries: Entries, axis: int, size: int | None) -> int:
    """The array's size along an axis, all of whose numbers are in range."""
    field, numbers = INDEX[axis], entries.index[:, axis]
    wrong = numbers < 0
    if size is not None:
        wrong |= numbers >= size
    if wrong.any():
        entry = int(np.argmax(wrong))
        most = f"from 0 to {size - 1}" if size is not None else "from 0 on"
        owner = "the design's cell has" if field == "branch" else "the array has"
        why = f"; {owner} {size}" if size is not None else ""
        raise entries.error(entry, f"{field} = {numbers[entry]}: give a number {most}{why}")
    if size is not None and field != "branch":
        return size
    present = np.unique(numbers)
    end = size if size is not None else int(present[-1]) + 1
    if present.size < end:
        absent = int(np.argmin(present == np.arange(present.size)))
        absent = absent if present[absent] != absent else present.size
        raise InputError(
            f"{entries.source}: {field} = {absent} occurs nowhere: number from 0 without gaps"
            + (f" to {end - 1}, as the design's cell has {end}" if size is not None else "")
            + "; what does not conduct needs at least one line without a value"
        )
    return end


def _from_arrays(
    path: Path,
    data: bytes,
    names: Sequence[str],
    sizes: tuple[int | None, int | None, int | None],
) -> Branches:
    arrays = read_arrays(path, data)
    found = [name for name in arrays if name in names]
    others = set(arrays) - set(found)
    if len(found) != 1 or others not in (set(), set(INDEX)):
        raise InputError(
            f"{path}: holds the arrays {', '.join(arrays)[:80] or '(none)'}: give one of "
            f"{', '.join(names)}, alone (rows, columns, branches) or with {', '.join(INDEX)}"
        )
    name = found[0]
    kinds = "biuf" if name == "enabled" else "iuf"
    values = arrays[name]
    if values.dtype.kind not in kinds:
        raise InputError(f"{path}: {name} has type {values.dtype}: give real numbers")
    if not values.size:
        raise InputError(f"{path}: {name} is empty: give a value for each branch")
    if not others:
        return _checked_dense(path, name, values, sizes)
    for field in INDEX:
        column = arrays[field]
        if column.dtype.kind not in "iu" or column.shape != values.shape or values.ndim != 1:
            raise InputError(
                f"{path}: {field} is {column.dtype} of shape {column.shape}, {name} has shape "
                f"{values.shape}: give integers, one for each value of a list"
            )
        if (column > _LARGEST_INDEX).any():
            raise InputError(
                f"{path}: {field} = {column.max()}: give a whole number from 0 to {_LARGEST_INDEX}"
            )
    index = np.stack([arrays[field].astype(np.int64) for field in INDEX], axis=1)
    entries = Entries(str(path), name, index, values.astype(float), np.arange(values.size), "entry")
    return _dense(entries, sizes)


def read_arrays(path: Path, data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an NPZ by their names; no pickles."""
    try:
        loaded = np.load(io.BytesIO(data), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            raise InputError(f"{path}: is one array without a name: save it with numpy.savez")
        return {name: np.asarray(loaded[name]) for name in loaded.files}
    except InputError:
        raise
    except (ValueError, KeyError, EOFError, OSError, RuntimeError, BadZipFile, zlib.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:80]
        raise InputError(
            f"{path}: no readable .npz file ({reason}): write it with numpy.savez, no pickles"
        ) from None


def _checked_dense(
    path: Path,
    name: str,
    values: NDArray[Any],
    sizes: tuple[int | None, int | None, int | None],
) -> Branches:
    fits = values.ndim == 3 and all(
        size is None or size == found for size, found in zip(sizes, values.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(
            f"{size}" if size is not None else f"{field}s"
            for field, size in zip(("row", "column", "branche"), sizes, strict=True)
        )
        raise InputError(f"{path}: {name} has shape {values.shape}: give ({wanted})")
    return Branches(str(path), name, values.astype(float))
