"""Small random networks, their points in a box, and independent answers: sampled and mixed-integer minima."""

from __future__ import annotations

import dataclasses
from typing import Optional

import numpy as np
import scipy.optimize
import scipy.sparse

from mach_tf.certificates.hidden_units import HiddenUnits, hidden_units
from mach_tf.certificates.output_layer import OutputLayer
from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.certificates.ranker_units import RankerUnits, ranker_units


@dataclasses.dataclass(frozen=True)
class Small:
    """A network in float32 and one point.

    Attributes:
      kernel: [n, R * H], W1.
      biases: [R * H].
      layer: the second layers.
      values: [n], the point.
      ranker: [K, n], the vectors of a ranker; None for no ranker.
    """

    kernel: np.ndarray
    biases: np.ndarray
    layer: OutputLayer
    values: np.ndarray
    ranker: Optional[np.ndarray] = None

    def units(self, perturbations: PerturbationSet) -> HiddenUnits:
        return hidden_units(self.kernel, self.biases, perturbations.box(self.values), self.layer)

    def ranker_units(self, perturbations: PerturbationSet) -> RankerUnits:
        shape = len(self.values), self.layer.table.shape[1]
        weights = np.zeros(shape, np.float32) if self.ranker is None else self.ranker.T
        return ranker_units(scipy.sparse.csr_matrix(weights), perturbations.box(self.values))

    def added(self, values: np.ndarray) -> np.ndarray:
        """What the ranker adds to the scores of points [m, n], in their precision."""
        return np.zeros(1, values.dtype) if self.ranker is None else np.maximum(values @ self.ranker.T, 0)

    def scores(self, values: np.ndarray) -> np.ndarray:
        """Scores of all labels for points [m, n] in float64, [m, K]."""
        repetitions, hidden, _ = self.layer.kernels.shape
        active = np.maximum(values.astype(np.float64) @ self.kernel.astype(np.float64) + self.biases, 0)
        active = active.reshape(len(values), repetitions, hidden)
        logits = [active[:, r] @ self.layer.kernels[r].astype(np.float64) for r in range(repetitions)]
        each = [(part + self.layer.biases[r])[:, self.layer.table[r]] for r, part in enumerate(logits)]
        return np.mean(each, axis=0) + self.added(values.astype(np.float64))

    def single_scores(self, values: np.ndarray) -> np.ndarray:
        """The same in float32 throughout, as the deployed network computes them."""
        repetitions, hidden, _ = self.layer.kernels.shape
        active = np.maximum(values.astype(np.float32) @ self.kernel + self.biases, 0)
        active = active.reshape(len(values), repetitions, hidden)
        total = np.zeros((len(values), self.layer.table.shape[1]), np.float32)
        for r in range(repetitions):
            total += (active[:, r] @ self.layer.kernels[r] + self.layer.biases[r].astype(np.float32))[
                :, self.layer.table[r]
            ]
        return total * np.float32(1 / repetitions) + self.added(values.astype(np.float32))


def various(seed: int) -> Small:
    """A network of random sizes and scales, whose labels may share all buckets, and a point that may have negative values."""
    rng = np.random.default_rng(seed)
    sizes = {
        "n": int(rng.choice([0, 1, 3, 12, 40])),
        "repetitions": int(rng.choice([1, 2, 3, 5])),
        "hidden": int(rng.choice([1, 4, 20, 50])),
        "buckets": int(rng.choice([2, 8, 40])),
        "labels": int(rng.choice([5, 30])),
    }
    world = small(seed, **sizes)
    first, second, shift = (np.float32(10.0 ** rng.uniform(-3, 2)) for _ in range(3))
    layer = OutputLayer.of_arrays(world.layer.kernels * second, world.layer.biases * shift, world.layer.table)
    signs = np.where(rng.random(sizes["n"]) < 0.2 * (seed % 2), -1, 1).astype(np.float32)
    return Small(world.kernel * first, world.biases * first, layer, world.values * signs)


def small(seed: int, n=6, repetitions=2, hidden=5, buckets=4, labels=9) -> Small:
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    table = rng.integers(0, buckets, (repetitions, labels)).astype(np.int32)
    layer = OutputLayer.of_arrays(normal(repetitions, hidden, buckets), normal(repetitions, buckets), table)
    values = np.abs(normal(n))
    values /= max(np.linalg.norm(values), np.float32(1e-9))
    return Small(normal(n, repetitions * hidden), 0.3 * normal(repetitions * hidden), layer, values.astype(np.float32))


def with_ranker(world: Small, seed: int, scale: float = 1.0) -> Small:
    """The network with a random sparse ranker, whose labels often compete: some share weights."""
    rng = np.random.default_rng(seed)
    shape = world.layer.table.shape[1], len(world.values)
    weights = scale * rng.standard_normal(shape) * (rng.random(shape) < 0.5)
    weights[1::3] = 0.9 * weights[: len(weights[1::3])]
    return dataclasses.replace(world, ranker=weights.astype(np.float32))


def perturbed(world: Small, perturbations: PerturbationSet, count: int, seed: int = 0) -> np.ndarray:
    """Points of the set, [count, n]: half of them corners."""
    rng = np.random.default_rng(seed)
    moves = rng.uniform(-1, 1, (count, len(world.values)))
    moves[::2] = np.sign(moves[::2])
    values = (world.values + np.float32(perturbations.epsilon) * moves.astype(np.float32)).astype(np.float32)
    size = np.float32(perturbations.epsilon)
    values = np.clip(values, world.values - size, world.values + size)
    return np.maximum(values, 0) if perturbations.clip_nonnegative else values


def attacked(world: Small, perturbations: PerturbationSet, label: int, count: int, seed: int = 0) -> np.ndarray:
    """Points of the set that bring other labels near `label`, [about count, n]: signed gradients from random starts."""
    rng = np.random.default_rng(seed)
    labels = world.layer.table.shape[1]
    weights = world.layer.label_weights(np.arange(labels))[0].reshape(labels, -1)
    lead = world.scores(world.values[None])[0]
    rivals = np.argsort(lead[label] - lead)[:4]
    values = perturbed(world, perturbations, count, seed)
    chosen = rng.choice(rivals, count)
    toward = weights[chosen] - weights[label]
    low, high = (values[None].astype(np.float64) for values in extremes(world, perturbations))
    moved, found = values.astype(np.float64), []
    for step in (1, 0.5, 0.25, 0.1):
        active = moved @ world.kernel.astype(np.float64) + world.biases > 0
        gradient = (toward * active) @ world.kernel.astype(np.float64).T
        if world.ranker is not None:
            added = world.added(moved) > 0
            gradient += added[np.arange(count), chosen, None] * world.ranker[chosen]
            gradient -= added[:, [label]] * world.ranker[label]
        moved = np.clip(moved + step * 2 * perturbations.epsilon * np.sign(gradient), low, high)
        found.append(np.clip(moved.astype(np.float32), low, high).astype(np.float32))
    return np.concatenate(found)


def extremes(world: Small, perturbations: PerturbationSet) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest float32 values of the set, [n] each."""
    size = np.float32(perturbations.epsilon)
    low, high = world.values - size, world.values + size
    return (np.maximum(low, 0) if perturbations.clip_nonnegative else low), high


def smallest(units: HiddenUnits, weights: np.ndarray, constant: float) -> float:
    """The exact minimum of sum_u weights_u relu(z_u) + constant in the box, by mixed-integer programming (HiGHS).

    Variables: the perturbation, relu(z) of each unit, and whether the unit is active.
    """
    n, m = units.kernel.shape
    kernel, half = units.kernel.astype(np.float64), units.box.half
    lower, upper = np.minimum(units.lower, 0), np.maximum(units.upper, 0)
    eye, none = np.eye(m), np.zeros((m, n))
    # y >= z;  y <= z - lower (1 - active);  y <= upper active
    rows = np.block([[-kernel.T, eye, 0 * eye], [-kernel.T, eye, -np.diag(lower)], [none, eye, -np.diag(upper)]])
    low = np.concatenate([units.centre, np.full(2 * m, -np.inf)])
    high = np.concatenate([np.full(m, np.inf), units.centre - lower, np.zeros(m)])
    bounds = scipy.optimize.Bounds(np.concatenate([-half, np.zeros(2 * m)]), np.concatenate([half, upper, np.ones(m)]))
    found = scipy.optimize.milp(
        np.concatenate([np.zeros(n), weights, np.zeros(m)]),
        integrality=np.concatenate([np.zeros(n + m), np.ones(m)]),
        bounds=bounds,
        constraints=scipy.optimize.LinearConstraint(rows, low, high),
        options={"mip_rel_gap": 0},
    )
    assert found.success
    return float(found.fun) + constant


def smallest_lead(world: Small, perturbations: PerturbationSet, label: int, other: int) -> float:
    """The exact minimum of score(label) - score(other) in the box, with what a ranker adds as two more hidden units."""
    pair = np.array([label, other])
    weights, constants = world.layer.label_weights(pair)
    added = np.zeros((len(world.values), 2), np.float32) if world.ranker is None else world.ranker[pair].T
    kernel, width = np.concatenate([world.kernel, added], axis=1), len(world.biases) + 2
    # One repetition of all units; its second layer is not used.
    layer = OutputLayer.of_arrays(np.zeros((1, width, 1)), np.zeros((1, 1)), np.zeros((1, 1)))
    units = hidden_units(kernel, np.append(world.biases, [0, 0]), perturbations.box(world.values), layer)
    lead = np.append((weights[0] - weights[1]).ravel(), [1, -1])
    return smallest(units, lead[units.position], float(constants[0] - constants[1]))


def difference(units: HiddenUnits, layer: OutputLayer, label: int, other: int) -> tuple[np.ndarray, float]:
    """Weights and constant of score(label) - score(other)."""
    weights, constants = layer.label_weights(np.array([label, other]))
    flat = weights.reshape(2, -1)[:, units.position]
    return flat[0] - flat[1], float(constants[0] - constants[1])
