"""Read IDX files, the format of MNIST and Fashion-MNIST, plain or gzipped.

Source of the format: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits: two
zero bytes, a code of the type, the number of dimensions, each dimension as a big-endian 32-bit
integer, then the values.
"""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from crossbar.errors import InputError

UINT8 = 0x08
OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
GZIP_MAGIC = b"\x1f\x8b"
LARGEST = 2**34
FILES = tuple(
    f"{part}-{what}"
    for part in ("train", "t10k")
    for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
)


@dataclass(frozen=True)
class IdxImages:
    """The four files of a folder.

    Parameters
    ----------
    train_images, test_images : ndarray of uint8, (images, height, width)
        Pixels from 0 to 255.
    train_labels, test_labels : ndarray of uint8, (images,)
        Classes.
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]


def read_folder(folder: str | Path) -> IdxImages:
    """Read the four files of MNIST's names, plain or ``.gz``.

    ``train-images-idx3-ubyte`` may also be spelt ``train-images-idx3.ubyte`` or
    ``train-images.idx3-ubyte``. Of a file that is there twice, the plain one and the first
    spelling count.

    Raises
    ------
    InputError
        For a missing folder or file, one that `read_idx` refuses, images and labels of different
        counts, or training and test images of different sizes.
    """
    paths = [_find(Path(folder), name) for name in FILES]
    train_images, train_labels, test_images, test_labels = (
        read_idx(path, 3 if "idx3" in path.name else 1) for path in paths
    )
    for number, (images, labels) in enumerate(
        [(train_images, train_labels), (test_images, test_labels)]
    ):
        if len(images) != len(labels):
            raise InputError(
                f"data = {folder}: {paths[2 * number].name} holds {len(images)} images but "
                f"{paths[2 * number + 1].name} {len(labels)} labels; take both from one set"
            )
    if train_images.shape[1:] != test_images.shape[1:]:
        raise InputError(
            f"data = {folder}: training images are {_size(train_images)} but test images "
            f"{_size(test_images)}; take both from one set"
        )
    return IdxImages(train_images, train_labels, test_images, test_labels)


def read_idx(path: str | Path, dimensions: int) -> NDArray[np.uint8]:
    """Read the bytes of one IDX file; a name that ends in ``.gz`` is unpacked.

    Parameters
    ----------
    path : str or Path
        The file.
    dimensions : int
        How many it must have: 3 for images, 1 for labels.

    Raises
    ------
    InputError
        For a file that is unreadable, empty, no gzip, no IDX, of another type than unsigned bytes
        or another number of dimensions, shorter or longer than its header says.
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            if path.suffix != ".gz":
                return _decode(raw, path, dimensions)
            with gzip.GzipFile(fileobj=raw) as unpacked:
                return _decode(unpacked, path, dimensions)  # type: ignore[arg-type]
    except EOFError:
        raise InputError(f"data = {path}: truncated; get the file again") from None
    except (gzip.BadGzipFile, zlib.error):
        raise InputError(
            f"data = {path}: not gzip, or damaged; get it again, or drop the .gz of a plain file"
        ) from None
    except OSError as error:
        raise InputError(f"data = {path}: cannot be read ({error.strerror}); check it") from None


def _decode(stream: BinaryIO, path: Path, dimensions: int) -> NDArray[np.uint8]:
    shape = _read_shape(stream, path, dimensions)
    count = math.prod(shape)
    if not count:
        raise InputError(f"data = {path}: holds nothing, its shape is {shape}; get another file")
    if count > LARGEST:
        raise InputError(f"data = {path}: claims a shape of {shape}; no such file, get it again")
    values = stream.read(count)
    if len(values) < count:
        raise InputError(
            f"data = {path}: truncated, {len(values)} bytes of {count} for {shape}; get it again"
        )
    if stream.read(1):
        raise InputError(f"data = {path}: goes on after its {count} bytes; get the file again")
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)


def _read_shape(stream: BinaryIO, path: Path, dimensions: int) -> tuple[int, ...]:
    magic = stream.read(4)
    if not magic:
        raise InputError(f"data = {path}: empty; get the file again")
    if magic[:2] == GZIP_MAGIC:
        raise InputError(f"data = {path}: is gzipped; unpack it, or end its name in .gz")
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise InputError(
            f"data = {path}: no IDX file, it starts with {magic.hex()} and not with "
            f"{bytes([0, 0, UINT8, dimensions]).hex()}; get the file again"
        )
    if magic[2] != UINT8:
        kind = OTHER_TYPES.get(magic[2], f"an unknown type {magic[2]:#04x}")
        raise InputError(f"data = {path}: holds {kind}; give unsigned bytes (type 0x08)")
    if magic[3] != dimensions:
        raise InputError(
            f"data = {path}: has {magic[3]} dimensions, not {dimensions}; images have 3 (idx3), "
            "labels 1 (idx1): check the names of the files"
        )
    header = stream.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise InputError(f"data = {path}: truncated in its header; get the file again")
    return tuple(int(size) for size in np.frombuffer(header, dtype=">u4"))


def _find(folder: Path, name: str) -> Path:
    if not folder.is_dir():
        raise InputError(f"data = {folder}: no such folder; it should hold {', '.join(FILES)}")
    spellings = (name, name.replace("-ubyte", ".ubyte"), name.replace("-idx", ".idx"))
    for path in [folder / f"{spelling}{end}" for end in ("", ".gz") for spelling in spellings]:
        if path.is_file():
            return path
    raise InputError(
        f"data = {folder}: has no {' or '.join(spellings)}, plain or .gz; "
        f"it should hold {', '.join(FILES)}"
    )


def _size(images: NDArray[np.uint8]) -> str:
    return f"{images.shape[1]} x {images.shape[2]}"
