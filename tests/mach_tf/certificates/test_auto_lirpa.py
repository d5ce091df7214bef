"""The bounds are those of auto_LiRPA, where it is installed: interval bounds of hidden units, and CROWN of differences of scores."""

import numpy as np
import pytest

from mach_tf.certificates.linear_bounds import linear_bounds
from mach_tf.certificates.perturbations import PerturbationSet
from tests.helpers import certified

torch = pytest.importorskip("torch")
helper = pytest.importorskip("torch.onnx.symbolic_helper")
for name in ("_set_opset_version", "_set_operator_export_type", "_set_onnx_shape_inference"):
    # auto_LiRPA 0.3 is for torch 1.12: it imports names that later versions have moved, and indexes nodes.
    if not hasattr(helper, name):
        setattr(helper, name, lambda *_: None)
if not hasattr(torch._C.Node, "__getitem__"):
    torch._C.Node.__getitem__ = lambda node, name: getattr(node, node.kindOf(name))(name)
auto_lirpa = pytest.importorskip("auto_LiRPA")

pytestmark = pytest.mark.slow


def bounds_of(model, world, perturbations, method):
    box = perturbations.box(world.values)
    low, high = (torch.tensor((box.middle + sign * box.half)[None]) for sign in (-1, 1))
    point = torch.tensor(box.middle[None])
    bounded = auto_lirpa.BoundedModule(model, torch.zeros_like(point))
    norm = auto_lirpa.perturbations.PerturbationLpNorm(norm=np.inf, x_L=low, x_U=high)
    moved = auto_lirpa.BoundedTensor(point, norm)
    found = bounded.compute_bounds(x=(moved,), method=method, IBP=method == "IBP")
    return [bound.detach().numpy()[0] for bound in found]


def linear(weights, biases):
    layer = torch.nn.Linear(weights.shape[1], weights.shape[0]).double()
    layer.weight.data = torch.tensor(np.asarray(weights, np.float64))
    layer.bias.data = torch.tensor(np.asarray(biases, np.float64))
    return layer


@pytest.mark.parametrize("epsilon", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_equal_to_auto_lirpa(seed, epsilon):
    world = certified.small(seed, n=10, repetitions=3, hidden=20, labels=12)
    perturbations = PerturbationSet(epsilon)
    units = world.units(perturbations)
    first = linear(world.kernel.T, world.biases)
    low, high = bounds_of(torch.nn.Sequential(first), world, perturbations, "IBP")
    np.testing.assert_allclose(low[units.position], units.lower, atol=1e-5)
    np.testing.assert_allclose(high[units.position], units.upper, atol=1e-5)

    pairs = [certified.difference(units, world.layer, 0, other) for other in range(1, 12)]
    weights, constants = np.stack([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    every = np.zeros((11, world.kernel.shape[1]))
    every[:, units.position] = weights
    model = torch.nn.Sequential(first, torch.nn.ReLU(), linear(every, constants))
    low, _ = bounds_of(model, world, perturbations, "CROWN")
    np.testing.assert_allclose(linear_bounds(units, weights, constants), low, atol=1e-5)
