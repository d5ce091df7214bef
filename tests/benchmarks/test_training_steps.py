from __future__ import annotations

import time

import numpy as np

from benchmarks import training_steps
from tests.helpers import tiny


def test_the_steps_of_a_training_are_read_from_its_curves(dataset, tmp_path):
    begin = time.time()
    tiny.train(dataset, str(tmp_path), epochs=2)
    groups = training_steps.read_steps(str(tmp_path))
    assert [len(group.ends) for group in groups] == [8, 8] and {group.per_epoch for group in groups} == {4}
    assert {group.batch_size for group in groups} == {16}
    ends = np.concatenate([group.ends for group in groups])
    begins = ends - np.concatenate([group.seconds for group in groups])
    # The curves hold the seconds rounded to float32.
    assert begin < begins[0] and np.all(begins[1:] > ends[:-1] - 1e-3) and ends[-1] < time.time()
