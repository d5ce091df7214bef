"""Properties of shapes, on random points and on texts."""

import numpy as np
import pytest
import scipy.sparse
from absl.testing import parameterized

from benchmarks import peers_shapes
from benchmarks.peers_data import Data, Part

LABELS, FEATURES = 40, 30


def part(points, seed):
    random = np.random.default_rng(seed)
    x = random.random((points, FEATURES)) * (random.random((points, FEATURES)) < 0.5)
    # Label l is rarer the larger l is.
    y = random.random((points, LABELS)) < 1 / (2 + np.arange(LABELS))
    return Part(scipy.sparse.csr_matrix(x.astype(np.float32)), scipy.sparse.csr_matrix(y.astype(np.float32)))


def texts():
    words = [f"w{i}" for i in range(12)]
    labels = scipy.sparse.csr_matrix(np.ones((2, 1), np.float32))
    return Part([" ".join(words), "w0, W1! w2"], labels)


class ShapesTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.data = Data(part(300, 0), part(100, 1))

    @parameterized.parameters("tenth+short", *(shape for shape in peers_shapes.SHAPES if shape != "whole"))
    def test_a_shape_is_a_data_set_of_its_own(self, shape):
        made = peers_shapes.make(shape, self.data)
        again = peers_shapes.make(shape, self.data)
        train, test = made.train, made.test
        self.assertEqual((train.features != again.train.features).nnz + (train.labels != again.train.labels).nnz, 0)
        self.assertTrue(np.bincount(train.labels.indices, minlength=train.labels.shape[1]).all())
        self.assertTrue(np.bincount(train.features.indices, minlength=train.features.shape[1]).all())
        self.assertTrue(np.diff(train.labels.indptr).all() and np.diff(test.labels.indptr).all())
        self.assertEqual(train.labels.shape[1], test.labels.shape[1])
        self.assertEqual(train.features.shape[1], test.features.shape[1])

    def test_whole_is_the_data_themselves(self):
        self.assertIs(peers_shapes.make("whole", self.data), self.data)

    def test_shapes_are_made_in_their_order(self):
        made = peers_shapes.make("tenth+short", self.data)
        expected = peers_shapes.make("short", peers_shapes.make("tenth", self.data))
        self.assertEqual((made.train.features != expected.train.features).nnz, 0)
        self.assertEqual((made.train.labels != expected.train.labels).nnz, 0)
        self.assertLessEqual(made.train.labels.shape[0], 30)
        self.assertLessEqual(np.diff(made.train.features.indptr).max(), 8)

    def test_sizes(self):
        made = {shape: peers_shapes.make(shape, self.data) for shape in peers_shapes.SHAPES}
        self.assertLessEqual(made["tenth"].train.labels.shape[0], 30)
        self.assertEqual(made["half-features"].train.features.shape[1], FEATURES // 2)
        self.assertLessEqual(np.diff(made["short"].train.features.indptr).max(), 8)
        points, labels = made["many-labels"].train.labels.shape
        self.assertGreater(labels, points)
        counts = np.bincount(self.data.train.labels.indices, minlength=LABELS)
        kept = made["tail"].train.labels.shape[1]
        self.assertLessEqual(np.sort(counts)[:kept].sum(), counts.sum() / 2)
        self.assertGreater(np.sort(counts)[: kept + 1].sum(), counts.sum() / 2)


def test_shapes_of_texts():
    short = peers_shapes.make("short", Data(texts(), texts()))
    assert short.train.features == ["w0 w1 w2 w3 w4 w5 w6 w7", "w0 W1 w2"]
    half = peers_shapes.make("half-features", Data(texts(), texts()))
    kept = half.train.features[0].split()
    assert len(kept) == 6 and kept == sorted(kept, key=lambda word: int(word[1:]))
    assert {word.lower() for word in half.train.features[1].split()} == {*kept} & {"w0", "w1", "w2"}


@pytest.mark.parametrize("shape", ["tenth", "many-labels"])
def test_tiny_data_keep_a_point(shape):
    tiny = Data(part(3, 2), part(3, 3))
    assert peers_shapes.make(shape, tiny).train.labels.shape[0] >= 1
