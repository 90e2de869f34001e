"""Transfer matrices that were solved, kept in memory so that nobody solves them twice.

A matrix is known by the content of its array: cell conductances, wires, method and tolerance. So
what is kept never changes an answer, not by a bit; it only saves time.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spice_models.array import Array

__all__ = ["LARGEST_BYTES", "Kept", "Solved", "content"]

LARGEST_BYTES = 64 * 2**20
"""Memory for all kept matrices together [byte]: 512 of 128 x 128."""


class Solved(NamedTuple):
    """One transfer matrix, (lines, rows) [S], read-only; its mismatch; what solved it."""

    siemens: NDArray[np.float64]
    mismatch: float
    method: str


def content(array: Array, method: str, tolerance: float) -> Hashable:
    """What a transfer matrix depends on, as a key."""
    digest = hashlib.blake2b(array.siemens.tobytes(), digest_size=16)
    for ohm in array.wires.each(array.rows, array.lines).values():
        digest.update(ohm.tobytes())
    return array.siemens.shape, digest.digest(), method, tolerance


class Kept:
    """The matrices used last, as many as fit into `largest_bytes`; safe with threads."""

    def __init__(self, largest_bytes: int) -> None:
        self._largest = largest_bytes
        self._bytes = 0
        self._found: OrderedDict[Hashable, Solved] = OrderedDict()
        self._lock = Lock()

    def after_fork(self) -> None:
        """In a forked process: a lock that another thread held is nobody's here."""
        if self._lock.locked():
            self._found = OrderedDict()
            self._bytes = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> Solved | None:
        """The matrix of this key, which counts as used now; None if it is not kept."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: Hashable, solved: Solved) -> None:
        """Keep a matrix, and forget those that were not used for longest."""
        size = solved.siemens.nbytes
        with self._lock:
            if key in self._found or size > self._largest:
                return
            self._found[key] = solved
            self._bytes += size
            while self._bytes > self._largest:
                _, oldest = self._found.popitem(last=False)
                self._bytes -= oldest.siemens.nbytes

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._found.clear()
            self._bytes = 0
