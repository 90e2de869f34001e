"""Labelled images: digits, and IDX files that are good, bad or of another set."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crossbar import InputError
from crossbar.datasets import Dataset, load_dataset
from crossbar.datasets.idx import FILES, read_folder, read_idx

FASHION = Path("/usr/share/datasets/fashion-mnist")
NO_FASHION = "no Fashion-MNIST: install Debian's dataset-fashion-mnist"


def idx(values, code=8):
    values = np.asarray(values, np.uint8)
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, code, values.ndim, *values.shape) + bytes(
        values
    )


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    for name, count in zip(FILES, (12, 12, 5, 5), strict=True):
        shape = (count, 4, 6) if "images" in name else (count,)
        top = 256 if "images" in name else 10
        (tmp_path / name).write_bytes(idx(random.integers(0, top, shape)))
    return tmp_path


@given(values=arrays(np.uint8, st.tuples(*[st.integers(1, 5)] * 3)), zipped=st.booleans())
def test_an_idx_file_reads_back(values, zipped, tmp_path_factory):
    path = tmp_path_factory.mktemp("idx") / ("images.gz" if zipped else "images")
    path.write_bytes(gzip.compress(idx(values)) if zipped else idx(values))
    assert np.array_equal(read_idx(path, 3), values)


def test_pixels_lie_between_0_and_1_and_keep_their_order(folder):
    images, labels = read_folder(folder).test_images, read_folder(folder).test_labels
    dataset = load_dataset("mnist", folder)
    assert dataset.image_shape == (1, 4, 6)
    assert dataset.train_inputs.dtype == np.float32
    assert np.array_equal(dataset.test_inputs, (images.reshape(5, 24) / 255).astype(np.float32))
    assert np.array_equal(dataset.test_labels, labels)


@pytest.mark.parametrize("old, new", [("-ubyte", ".ubyte"), ("-idx", ".idx"), ("", "")])
def test_all_spellings_plain_or_zipped_are_the_same_data(folder, old, new):
    checksum = load_dataset("mnist", folder).checksum
    for name in FILES:
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / f"{name.replace(old, new)}.gz").write_bytes(gzip.compress(content))
    assert load_dataset("mnist", folder).checksum == checksum


def test_the_checksum_is_what_its_docstring_says_and_sees_every_change(folder):
    dataset = load_dataset("mnist", folder)
    digest = hashlib.sha256()
    for array, kind in (
        (dataset.train_inputs, "<f4"),
        (dataset.train_labels, "<i8"),
        (dataset.test_inputs, "<f4"),
        (dataset.test_labels, "<i8"),
    ):
        digest.update(str(array.shape).encode() + array.astype(kind).tobytes())
    assert dataset.checksum == digest.hexdigest()
    content = bytearray((folder / FILES[3]).read_bytes())
    content[-1] = (content[-1] + 1) % 10
    (folder / FILES[3]).write_bytes(content)
    assert load_dataset("mnist", folder).checksum != dataset.checksum


def labels(count, top=9):
    return idx(np.arange(count) % (top + 1))


DAMAGE = {
    "empty": (FILES[0], b"", "empty"),
    "no idx": (FILES[0], b"P5 28 28 255", "no IDX file, it starts with 50352032"),
    "short magic": (FILES[0], b"\0\0", "no IDX file"),
    "floats": (FILES[0], idx(np.zeros((12, 4, 6)), code=0x0D), "holds float32"),
    "odd type": (FILES[0], idx(np.zeros((12, 4, 6)), code=0x42), "an unknown type 0x42"),
    "labels as images": (FILES[0], labels(12), "has 1 dimensions, not 3"),
    "no images": (FILES[0], idx(np.zeros((0, 4, 6))), "holds nothing"),
    "cut header": (FILES[0], idx(np.zeros((12, 4, 6)))[:9], "truncated in its header"),
    "cut": (FILES[0], idx(np.zeros((12, 4, 6)))[:-1], "truncated, 287 bytes of 288"),
    "longer": (FILES[0], idx(np.zeros((12, 4, 6))) + b"\0", "goes on after its 288 bytes"),
    "huge": (FILES[0], idx(np.zeros((1, 1, 1)))[:4] + b"\xff" * 12, "claims a shape"),
    "zipped": (FILES[0], gzip.compress(labels(12)), "is gzipped; unpack it"),
    "no gzip": (FILES[1] + ".gz", labels(12), "not gzip"),
    "damaged gzip": (FILES[1] + ".gz", gzip.compress(labels(12))[:-8] + b"\0" * 8, "not gzip"),
    "cut gzip": (FILES[1] + ".gz", gzip.compress(labels(12))[:-9], "truncated"),
    "counts": (FILES[1], labels(11), "holds 12 images but train-labels-idx1-ubyte 11 labels"),
    "sizes": (FILES[2], idx(np.zeros((5, 6, 4))), "training images are 4 x 6 but test images 6"),
    "label 10": (FILES[3], idx([0, 1, 2, 3, 10]), "a test label is 10"),
}


@pytest.mark.parametrize("name, content, message", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_bad_file_is_one_clear_line(folder, name, content, message):
    if name.endswith(".gz"):
        (folder / name.removesuffix(".gz")).unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as raised:
        load_dataset("mnist", folder)
    assert "\n" not in str(raised.value)


def test_what_is_missing_is_named_with_the_four_files(folder):
    with pytest.raises(InputError, match="no such folder") as raised:
        load_dataset("mnist", folder / "nowhere")
    assert all(name in str(raised.value) for name in FILES)
    (folder / FILES[2]).unlink()
    with pytest.raises(InputError, match=f"has no {FILES[2]}") as raised:
        load_dataset("mnist", folder)
    assert all(name in str(raised.value) for name in FILES)


def test_names_and_folders_that_do_not_go_together(folder):
    with pytest.raises(InputError, match="choose one of digits, mnist, fashion-mnist"):
        load_dataset("cifar")
    with pytest.raises(InputError, match="the digits need no files"):
        load_dataset("digits", folder)
    with pytest.raises(InputError, match="give the folder of its files; Debian's"):
        load_dataset("fashion-mnist")


def test_the_digits_are_as_studies_know_them():
    digits = load_dataset("digits")
    assert digits is load_dataset("digits")
    assert digits.train_inputs.dtype == np.float64
    assert digits.train_inputs.shape == (1348, 64)
    assert digits.image_shape == (1, 8, 8)
    assert digits.classes == 10
    assert digits.test_inputs.max() == 1


def test_an_image_without_a_shape_is_a_row():
    images, classes = np.zeros((3, 7)), np.array([0, 1, 2])
    assert Dataset("noise", images, classes, images, classes).image_shape == (1, 1, 7)
    with pytest.raises(InputError, match="does not fit 7 inputs"):
        Dataset("noise", images, classes, images, classes, image_shape=(1, 2, 3))


@pytest.mark.skipif(not FASHION.is_dir(), reason=NO_FASHION)
def test_real_fashion_mnist_is_known_and_not_taken_for_mnist():
    dataset = load_dataset("fashion-mnist", FASHION)
    assert dataset.train_inputs.shape == (60_000, 784)
    assert np.array_equal(np.bincount(dataset.test_labels), [1000] * 10)
    with pytest.raises(InputError, match="holds fashion-mnist, not mnist; choose fashion-mnist"):
        load_dataset("mnist", FASHION)
