from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.serving.coded_rows import CodedRows
from tests.mach_tf.serving.test_vector_quantization import random_rows


def test_the_first_rows_are_nearer_and_one_behind_the_last_is_zero():
    rows = random_rows(300, 14)
    found = CodedRows(rows, 4, 100).rows(tf.range(301)).numpy()
    assert found.shape == (301, 14) and not found[300].any()
    errors = ((found[:300] - rows) ** 2).sum(axis=1) / np.maximum((rows**2).sum(axis=1), 1e-30)
    assert np.mean(errors[:100]) < 0.25 * np.mean(errors[100:]) < 0.05


def test_places_may_come_in_any_order_and_repeat():
    coded = CodedRows(random_rows(20, 8), 4, 5)
    all_rows = coded.rows(tf.range(21)).numpy()
    np.testing.assert_array_equal(coded.rows(tf.constant([7, 20, 0, 7])), all_rows[[7, 20, 0, 7]])


@pytest.mark.parametrize("refined", [0, 6])
def test_none_or_all_may_be_refined(refined):
    rows = random_rows(6, 8)
    np.testing.assert_allclose(CodedRows(rows, 4, refined).rows(tf.range(6)), rows, rtol=1e-3)


def test_no_places_give_no_rows():
    assert CodedRows(random_rows(6, 9), 4, 2).rows(tf.constant([], tf.int32)).shape == (0, 9)


@pytest.mark.parametrize(("length", "refined", "bits"), [(4, 1000, 2 + 2 / 3), (8, 300, 1 + 0.2)])
def test_weights_take_the_bits_of_their_codes(length, refined, bits):
    stored = sum(each.numpy().nbytes for each in CodedRows(random_rows(3000, 512), length, refined).variables)
    assert bits < 8 * stored / (3000 * 512) < bits + 0.15
