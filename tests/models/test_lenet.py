"""The networks' shapes, sizes and seeds."""

import pytest

torch = pytest.importorskip("torch")

from crossbar import InputError  # noqa: E402
from crossbar.models.commands import MODELS  # noqa: E402
from crossbar.models.lenet import BUILDERS, build_model  # noqa: E402
from crossbar.models.pruning import plain_state  # noqa: E402


def test_lenet_300_100_has_266200_weights():
    model = build_model("lenet-300-100", (1, 28, 28))
    assert sum(p.numel() for p in model.parameters() if p.dim() > 1) == 266_200
    images = torch.rand(3, 1, 28, 28)
    assert torch.equal(model(images), model(images.reshape(3, 784)))


def test_lenet_5_convolutions_hold_the_2572_parameters_of_da_cunha():
    model = build_model("lenet-5", (1, 28, 28))
    assert sum(p.numel() for n, p in model.named_parameters() if n.startswith("conv")) == 2572
    assert sum(p.numel() for p in model.parameters()) == 61_706


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("shape, classes", [((1, 28, 28), 10), ((3, 12, 19), 4)])
def test_image_shape_and_classes_are_parameters(name, shape, classes):
    assert build_model(name, shape, classes)(torch.rand(2, *shape)).shape == (2, classes)


def test_a_seed_names_the_weights_and_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    first, again = (build_model("lenet-5-digits", (1, 8, 8), seed=4) for _ in range(2))
    other = build_model("lenet-5-digits", (1, 8, 8), seed=5)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first.fc1.weight, again.fc1.weight)
    assert not torch.equal(first.fc1.weight, other.fc1.weight)


def test_what_cannot_be_built_is_refused():
    with pytest.raises(InputError, match="choose one of lenet-300-100"):
        build_model("vgg", (1, 28, 28))
    with pytest.raises(InputError, match="8 x 8 pixels are too small"):
        build_model("lenet-5", (1, 8, 8))
    with pytest.raises(InputError, match="3 x 8 pixels are too small"):
        build_model("lenet-5-digits", (1, 3, 8))
    with pytest.raises(InputError, match="give 1 or more"):
        build_model("lenet-5", (1, 28, 28), classes=0)


def test_the_command_knows_every_network():
    assert tuple(BUILDERS) == MODELS


def test_a_plain_state_is_the_state_of_a_network_without_masks():
    model = build_model("lenet-5-digits", (1, 8, 8))
    state = plain_state(model)
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
