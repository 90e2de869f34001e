"""Switch states to and from files: CSV, NPZ, and a stream of bits in the chip's own order."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from crossbar.branch_files import INDEX, SUFFIXES, read_branches, read_entries
from crossbar.errors import InputError
from crossbar.files import check_output, write_atomically

SWITCH_SUFFIXES = (*SUFFIXES, ".txt")
DEFAULT_ORDER = "row,column,branch"
_LINE_BITS = 64
_ONE, _EITHER = "enabled", "line"
_TITLE = "# resistive-crossbar switches: 1 closed, 0 open; the first bit first"
_EITHER_TITLE = (
    "# resistive-crossbar switches: two bits a branch, that to the positive line and that to the "
    "negative one; 1 closed, 0 open; the first bit first"
)

_REFERENCE = "; the last column is the reference"

Shape = tuple[int, int, int]
Switches = NDArray[np.bool_] | NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class BitOrder:
    """The order in which the branches of a chip stand in a stream of bits.

    A branch that can take either line has two bits there, one after the other: that of its
    switch to the positive line, then that of its switch to the negative one.

    Parameters
    ----------
    text : str
        What the stream's header says about it.
    positions : ndarray of int, (bits,)
        For each bit, or pair of bits, its branch, counted through (rows, columns, branches)
        with the last fastest; every branch once.
    line_bits : int
        Branches in a line of text; lines mean nothing.
    """

    text: str
    positions: NDArray[np.int64]
    line_bits: int = _LINE_BITS


def bit_order(text: str, shape: Shape) -> BitOrder:
    """An order such as ``row,column,branch`` or ``-row,branch,-column``.

    The first name changes slowest, the last one fastest; a minus sign counts down. The first
    bit of the stream is the first to be shifted in. Read as one binary number, it is the most
    significant: with ``row,column,-branch`` each cell is a number with branch 0 as its least
    significant bit.

    Parameters
    ----------
    text : str
        Row, column and branch, each once, separated by commas.
    shape : tuple of int
        Rows, columns and branches of the chip.

    Raises
    ------
    InputError
        For any other text.
    """
    signed = [part.strip() for part in text.split(",")]
    names = [part.removeprefix("-") for part in signed]
    if sorted(names) != sorted(INDEX):
        raise InputError(
            f"order = {text[:60]!r}: give row, column and branch, each once, separated by commas, "
            f"with - for descending, such as {DEFAULT_ORDER} or row,-column,branch"
        )
    axes = [INDEX.index(name) for name in names]
    flips = tuple(k for k, part in enumerate(signed) if part.startswith("-"))
    every = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    positions = np.flip(every.transpose(axes), flips)
    return BitOrder(",".join(signed), positions.ravel(), int(np.prod(positions.shape[1:])))


def read_bit_order(path: str | Path, shape: Shape) -> BitOrder:
    """Read an order of your own: a ``.csv`` with the columns row, column, branch.

    Parameters
    ----------
    path : str or Path
        A line for each switch, from the first bit of the stream to the last.
    shape : tuple of int
        Rows, columns and branches of the chip.

    Raises
    ------
    InputError
        For an unreadable file, or unless it names every switch of the chip once.
    """
    path = Path(path)
    if path.suffix != ".csv":
        raise InputError(f"order = {path}: give a file whose name ends in .csv")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    entries = read_entries(path, data, ())
    for axis, (field, size) in enumerate(zip(INDEX, shape, strict=True)):
        wrong = entries.index[:, axis] >= size
        if wrong.any():
            entry = int(np.argmax(wrong))
            number = entries.index[entry, axis]
            raise entries.error(entry, f"{field} = {number}: the chip's go from 0 to {size - 1}")
    positions = np.ravel_multi_index(tuple(entries.index.T), shape).astype(np.int64)
    seen, firsts = np.unique(positions, return_index=True)
    if seen.size < positions.size:
        entry = int(np.setdiff1d(np.arange(positions.size), firsts)[0])
        place = _place(int(positions[entry]), shape)
        raise entries.error(entry, f"{place}: names a switch once more; drop the line")
    if seen.size < np.prod(shape):
        absent = int(np.setdiff1d(np.arange(np.prod(shape)), seen)[0])
        raise InputError(
            f"{path}: {_place(absent, shape)} is missing: give all {np.prod(shape)} switches"
        )
    digest = hashlib.sha256(positions.astype("<i8").tobytes()).hexdigest()[:16]
    return BitOrder(f"of a file, {digest}", positions)


def write_switches(
    path: str | Path,
    enabled: Switches,
    *,
    order: BitOrder | str = "",
    reference: bool = False,
) -> None:
    """Write the switches of a chip.

    Parameters
    ----------
    path : str or Path
        ``.csv``: a line for each branch with row, column, branch and enabled (1 closed, 0
        open), counted from 0. ``.npz``: the bool array ``enabled`` (rows, columns,
        branches). ``.txt``: a stream of the characters 0 and 1, below three lines that
        begin with # and say shape and order; further line ends mean nothing. Where a branch
        can take either line, column and array are called ``line`` instead (1 the positive
        one, -1 the negative one, 0 neither), and the stream has two bits for it, see
        `BitOrder`.
    enabled : ndarray of bool or int8, (rows, columns, branches)
        `Program.enabled`; int8 where a branch can take either line.
    order : BitOrder or str
        Of a ``.txt`` only, see `bit_order` and `read_bit_order`; default
        ``row,column,branch``.
    reference : bool
        Whether the last column is the reference line of an offset chip; the head of a stream says
        so.

    Raises
    ------
    InputError
        For another ending, an order that does not fit, or a folder that cannot be written.
    """
    path = Path(path)
    check_output(path, SWITCH_SUFFIXES)
    enabled = cast(Switches, np.asarray(enabled))
    if enabled.dtype not in (np.bool_, np.int8) or enabled.ndim != 3 or not enabled.size:
        raise InputError(
            f"enabled is {enabled.dtype} of shape {enabled.shape}: give booleans (rows, columns, "
            "branches), or int8 where a branch can take either line"
        )
    if enabled.dtype == np.int8 and not np.isin(enabled, (-1, 0, 1)).all():
        raise InputError("enabled: every state must be -1, 0 or 1")
    name = _EITHER if enabled.dtype == np.int8 else _ONE
    if order and path.suffix != ".txt":
        raise InputError(f"order: {path} has an order of its own; write a .txt")
    if path.suffix == ".txt":
        write_atomically(path, _stream(enabled, order or DEFAULT_ORDER, reference))
    elif path.suffix == ".npz":
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **{name: enabled})
        write_atomically(path, buffer.getvalue())
    else:
        states = zip(np.ndindex(*enabled.shape), enabled.ravel().tolist(), strict=True)
        lines = [f"{row},{column},{branch},{on:d}" for (row, column, branch), on in states]
        write_atomically(path, "\n".join([f"{','.join(INDEX)},{name}", *lines]) + "\n")


def read_switches(path: str | Path, *, order: BitOrder | None = None) -> Switches:
    """Read what `write_switches` wrote, or what a chip reads back in the same form.

    Parameters
    ----------
    path : str or Path
        A ``.csv``, ``.npz`` or ``.txt``.
    order : BitOrder, optional
        Only needed for a ``.txt`` whose order came from a file.

    Returns
    -------
    ndarray of bool or int8, (rows, columns, branches)
        As `write_switches` takes it.

    Raises
    ------
    InputError
        For a file that is none of these; a switch without a state is an error too.
    """
    path = Path(path)
    if path.suffix == ".txt":
        return _from_stream(path, order)
    found = read_branches(path, (_ONE, _EITHER))
    either = found.name == _EITHER
    absent = np.isnan(found.values)
    if absent.any():
        place = tuple(np.argwhere(absent)[0].tolist())
        where = ", ".join(f"{field} = {k}" for field, k in zip(INDEX, place, strict=True))
        states = "-1, 0 or 1 for every branch" if either else "0 or 1 for every switch"
        raise InputError(f"{path}: {where}: {found.name} has no value; give {states}")
    if either:
        remedy = "give 1 (positive line), -1 (negative line) or 0 (neither)"
        found.refuse(~np.isin(found.values, (-1, 0, 1)), remedy)
        return found.values.astype(np.int8)
    found.refuse((found.values != 0) & (found.values != 1), "give 1 (closed) or 0 (open)")
    return np.asarray(found.values == 1)


def _stream(enabled: Switches, order: BitOrder | str, reference: bool) -> str:
    shape: Shape = (enabled.shape[0], enabled.shape[1], enabled.shape[2])
    how = bit_order(order, shape) if isinstance(order, str) else order
    _check_order(how, shape)
    states = enabled.ravel()[how.positions]
    either = enabled.dtype == np.int8
    closed = np.stack([states == 1, states == -1], axis=1) if either else states
    bits = (closed.ravel().astype(np.uint8) + ord("0")).tobytes().decode()
    line_bits = how.line_bits * (2 if either else 1)
    lines = [bits[k : k + line_bits] for k in range(0, len(bits), line_bits)]
    rows, columns, branches = shape
    size = f"# rows {rows}, columns {columns}, branches {branches}{_REFERENCE * reference}"
    return (
        "\n".join([_EITHER_TITLE if either else _TITLE, size, f"# order {how.text}", *lines]) + "\n"
    )


def _from_stream(path: Path, order: BitOrder | None) -> Switches:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no ASCII text: give a .txt of 'crossbar switches'") from None
    head = "\n".join(lines[:3])
    found = re.fullmatch(
        rf"({_TITLE}|{_EITHER_TITLE})\n"
        r"# rows (\d{1,9}), columns (\d{1,9}), branches (\d{1,9})"
        rf"(?:{_REFERENCE})?\n# order (.+)",
        head,
    )
    if not found:
        raise InputError(
            f"{path}: does not begin with the three lines of 'crossbar switches' that say shape "
            "and order; keep them"
        )
    shape: Shape = (int(found[2]), int(found[3]), int(found[4]))
    sides = 2 if found[1] == _EITHER_TITLE else 1
    bits = "".join("".join(lines[3:]).split())
    if wrong := re.search("[^01]", bits):
        raise InputError(f"{path}: bit {wrong.start()} = {wrong[0]!r}: give 0 or 1")
    if len(bits) != sides * np.prod([float(size) for size in shape]) or not bits:
        wanted = " x ".join(map(str, shape)) + (" x 2" if sides == 2 else "")
        raise InputError(f"{path}: has {len(bits)} bits: give {wanted}")
    if order is None and found[5].startswith("of a file"):
        raise InputError(f"{path}: order {found[5]}: read it with that file, see read_bit_order")
    how = bit_order(found[5], shape) if order is None else order
    _check_order(how, shape)
    if how.text != found[5]:
        raise InputError(f"{path}: order = {found[5]}: was asked to be read as {how.text}")
    closed = np.frombuffer(bits.encode(), dtype=np.uint8).reshape(-1, sides) == ord("1")
    if sides == 2 and (both := closed.all(axis=1)).any():
        raise InputError(
            f"{path}: bits {2 * int(np.argmax(both))} and the next are both 1: a branch is on one "
            "line at most"
        )
    states = closed[:, 0] if sides == 1 else closed[:, 0].astype(np.int8) - closed[:, 1]
    enabled = np.zeros(len(states), dtype=states.dtype)
    enabled[how.positions] = states
    return enabled.reshape(shape)


def _check_order(order: BitOrder, shape: Shape) -> None:
    if not np.array_equal(np.sort(order.positions), np.arange(np.prod(shape))):
        raise InputError(
            f"order {order.text}: is not that of {' x '.join(map(str, shape))} switches; "
            "make it for this chip's shape"
        )


def _place(position: int, shape: Shape) -> str:
    place = np.unravel_index(position, shape)
    return ", ".join(f"{field} = {number}" for field, number in zip(INDEX, place, strict=True))
