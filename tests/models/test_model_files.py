"""Networks in files: what is written reads back, and what is bad is one clear line."""

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from crossbar import InputError  # noqa: E402
from crossbar.models.lenet import build_model  # noqa: E402
from crossbar.models.model_files import KEY, About, load_model, save_model  # noqa: E402
from crossbar.models.pruning import plain_state, prune_smallest  # noqa: E402

NAME = "lenet-5-digits"
ABOUT = About(NAME, (1, 8, 8), 10, {"seed": 3, "accuracy_percent": 97.5})


@pytest.fixture
def model():
    return build_model(NAME, (1, 8, 8), seed=3)


def test_a_network_reads_back_with_what_was_said_of_it(model, tmp_path):
    save_model(tmp_path / "a.safetensors", model, ABOUT)
    loaded = load_model(tmp_path / "a.safetensors")
    assert loaded.about == ABOUT
    assert not loaded.module.training
    images = torch.rand(2, 1, 8, 8)
    assert torch.equal(loaded.module(images), model(images))


def test_masks_are_written_as_zeros(model, tmp_path):
    prune_smallest(model, 0.5)
    save_model(tmp_path / "a.safetensors", model, ABOUT)
    loaded = load_model(tmp_path / "a.safetensors").module
    assert torch.equal(loaded.fc1.weight, model.fc1.weight)
    assert loaded.state_dict().keys() == build_model(NAME, (1, 8, 8)).state_dict().keys()


def write_torch(state, path):
    torch.save(state, path)


def write_lightning(state, path):
    torch.save({"state_dict": state, "epoch": 3}, path)


def write_npz(state, path):
    np.savez(path, **{name: value.numpy() for name, value in state.items()})


def write_numbered(state, path):
    kinds = {name: name.rpartition(".")[2] for name in state}
    np.savez(
        path, **{f"{kinds[name]}_{k // 2}": v.numpy() for k, (name, v) in enumerate(state.items())}
    )


@pytest.mark.parametrize(
    "suffix, write",
    [
        (".pt", write_torch),
        (".pth", write_lightning),
        (".npz", write_npz),
        (".npz", write_numbered),
        (".safetensors", save_file),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_weights_from_elsewhere_need_only_a_name(model, tmp_path, suffix, write, dtype):
    state = {name: value.detach().to(dtype) for name, value in model.state_dict().items()}
    path = tmp_path / f"weights{suffix}"
    write(state, path)
    loaded = load_model(path, NAME).module.state_dict()
    kept = torch.float64 if dtype == torch.float64 else torch.float32
    assert all(torch.equal(loaded[name], value.to(kept)) for name, value in state.items())
    assert {value.dtype for value in loaded.values()} == {kept}
    with pytest.raises(
        InputError, match=r"does not say which network.*--architecture.*lenet-300-100"
    ):
        load_model(path)
    with pytest.raises(InputError, match="choose one of lenet-300-100"):
        load_model(path, "vgg")
    with pytest.raises(InputError, match="conv1.weight has shape"):
        load_model(path, NAME, image_shape=(2, 8, 8))


class Code:
    def __reduce__(self):
        return print, ("this must not run",)


def test_code_in_a_torch_file_does_not_run(tmp_path, capsys):
    torch.save({"fc1.weight": Code()}, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"holds more than weights, and is not run"):
        load_model(tmp_path / "a.pt", NAME)
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Code()))
    with pytest.raises(InputError, match=r"b\.pt: "):
        load_model(tmp_path / "b.pt", NAME)
    np.savez(tmp_path / "a.npz", weight_0=np.array([Code()], dtype=object))
    with pytest.raises(InputError, match="no .npz file of plain arrays"):
        load_model(tmp_path / "a.npz", NAME)
    assert "must not run" not in capsys.readouterr().out


def test_a_whole_model_is_refused(model, tmp_path):
    torch.save(model, tmp_path / "a.pt")
    with pytest.raises(InputError, match="save its state_dict"):
        load_model(tmp_path / "a.pt", NAME)
    torch.save([1, 2], tmp_path / "b.pt")
    with pytest.raises(InputError, match="holds no state dict"):
        load_model(tmp_path / "b.pt", NAME)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt"])
@pytest.mark.parametrize(
    "content", [b"", b"weights, honestly\n", b"\x08" + b"\0" * 7 + b"[[[[]]]]"]
)
def test_what_is_no_such_file_is_one_line(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(InputError, match="no such file"):
        load_model(path, NAME)
    path.write_bytes(content)
    with pytest.raises(InputError, match="model = ") as raised:
        load_model(path, NAME)
    assert "\n" not in str(raised.value)


def test_a_truncated_file_is_refused(model, tmp_path):
    path = tmp_path / "a.safetensors"
    save_model(path, model, ABOUT)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="no safetensors file, or a damaged one"):
        load_model(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt"])
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(position=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_file_is_one_line(model, tmp_path, suffix, position, byte, cut):
    path = tmp_path / f"a{suffix}"
    if suffix == ".safetensors":
        save_model(path, model, ABOUT)
    else:
        write = write_npz if suffix == ".npz" else write_torch
        write({name: value.detach() for name, value in model.state_dict().items()}, path)
    content = bytearray(path.read_bytes())
    at = int(position * len(content))
    values_from = 8 + int.from_bytes(content[:8], "little")
    unchanged = not cut and content[at] == byte
    content[at:] = b"" if cut else bytes([byte]) + content[at + 1 :]
    path.write_bytes(content)
    refused = None
    try:
        load_model(path, NAME)
    except InputError as error:
        refused = str(error)
    assert not (refused and unchanged)
    assert "\n" not in (refused or "")
    if suffix == ".safetensors" and not unchanged and at >= values_from:
        assert "checksum" in refused or cut  # the other kinds have none


def test_other_files_and_other_names_are_refused(model, tmp_path):
    (tmp_path / "a.h5").write_bytes(b"")
    with pytest.raises(InputError, match=r"ends in one of \.safetensors, \.npz, \.pt"):
        load_model(tmp_path / "a.h5", NAME)
    save_model(tmp_path / "a.safetensors", model, ABOUT)
    with pytest.raises(InputError, match="is a lenet-5-digits, not lenet-5"):
        load_model(tmp_path / "a.safetensors", "lenet-5")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda s: s.pop("fc2.bias"), r"lacks fc2\.bias; lenet-5-digits holds conv1\.weight"),
        (lambda s: s.update(extra=torch.ones(1)), "has extra besides"),
        (lambda s: s.update({"fc2.bias": torch.ones(9)}), r"fc2\.bias has shape \(9,\).*\(10,\)"),
        (lambda s: s["fc1.weight"].fill_(torch.nan), r"fc1\.weight holds NaN"),
        (lambda s: s["fc1.weight"].fill_(torch.inf), r"fc1\.weight holds NaN or infinity"),
        (lambda s: s.update({"fc2.bias": torch.ones(10).int()}), "holds torch.int32"),
        (lambda s: s.update({"fc2.bias": torch.ones(10) * 1j}), "holds torch.complex64"),
    ],
)
def test_weights_that_do_not_fit_are_named(model, tmp_path, change, message):
    state = plain_state(model)
    change(state)
    save_file(state, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=message):
        load_model(tmp_path / "a.safetensors", NAME)


@pytest.mark.parametrize(
    "about", ['{"architecture": "lenet-5"}', "[1]", "{", '{"image_shape": [1, "a", 3]}']
)
def test_a_description_that_is_none_is_refused(model, tmp_path, about):
    save_file(plain_state(model), tmp_path / "a.safetensors", {KEY: about})
    with pytest.raises(InputError, match="model = "):
        load_model(tmp_path / "a.safetensors")
