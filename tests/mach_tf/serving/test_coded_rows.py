from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.serving.coded_rows import CodedRows
from tests.mach_tf.serving.test_vector_quantization import random_rows


def test_the_first_rows_are_nearer_and_one_behind_the_last_is_zero():
    rows = random_rows(300, 14)
    found = CodedRows(rows, 100).rows(tf.range(301)).numpy()
    assert found.shape == (301, 14) and not found[300].any()
    errors = ((found[:300] - rows) ** 2).sum(axis=1) / np.maximum((rows**2).sum(axis=1), 1e-30)
    assert np.mean(errors[:100]) < 0.25 * np.mean(errors[100:]) < 0.05


def test_places_may_come_in_any_order_and_repeat():
    coded = CodedRows(random_rows(20, 8), 5)
    all_rows = coded.rows(tf.range(21)).numpy()
    np.testing.assert_array_equal(coded.rows(tf.constant([7, 20, 0, 7])), all_rows[[7, 20, 0, 7]])


@pytest.mark.parametrize("refined", [0, 6])
def test_none_or_all_may_be_refined(refined):
    rows = random_rows(6, 8)
    np.testing.assert_allclose(CodedRows(rows, refined).rows(tf.range(6)), rows, rtol=1e-3)


def test_no_places_give_no_rows():
    assert CodedRows(random_rows(6, 9), 2).rows(tf.constant([], tf.int32)).shape == (0, 9)


def test_a_weight_takes_two_to_four_bits():
    stored = sum(each.numpy().nbytes for each in CodedRows(random_rows(3000, 512), 1000).variables)
    assert 2 / 8 < stored / (3000 * 512) < 3 / 8
