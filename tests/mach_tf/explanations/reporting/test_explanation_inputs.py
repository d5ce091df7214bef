"""A model, its dataset and the text, opened together or refused."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.explanations.reporting.explanation_inputs import open_inputs
from tests.helpers import model_directory
from tests.helpers import world as worlds


def test_opens_a_given_text(world):
    inputs = open_inputs(world.dataset, world.model, world.text)
    assert inputs.network.model_dir == world.model and inputs.dataset_dir == world.dataset
    assert inputs.paths() == [world.text]
    assert inputs.feature_names[7] == worlds.HOSTILE and inputs.label_names[4] == "label-4"
    np.testing.assert_array_equal(inputs.read_points().features(60).toarray(), world.features.toarray())


def test_opens_the_split_form(world, tmp_path):
    x, y = str(tmp_path / "x.txt"), str(tmp_path / "y.txt")
    worlds.write_split_form(x, world.features)
    worlds.write_split_form(y, world.labels)
    inputs = open_inputs(world.dataset, world.model, x, y)
    assert inputs.paths() == [x, y]
    np.testing.assert_array_equal(inputs.read_points().labels(30).toarray(), world.labels.toarray())


def test_a_model_of_other_features_is_refused(world, tmp_path):
    model_directory.write(str(tmp_path), columns=41)
    with pytest.raises(InputError, match=r"dim=41.*dim=40"):
        open_inputs(world.dataset, str(tmp_path), world.text)
