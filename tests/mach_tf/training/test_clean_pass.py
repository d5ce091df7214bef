from __future__ import annotations

import numpy as np

from tests.mach_tf.training.test_model import batch_of, group


def test_the_clean_pass_is_what_a_training_without_adversary_takes():
    adversarial, clean = (group([0, 2], adversarial_weight=weight) for weight in (1.0, 0.0))
    batch = batch_of(16, [0, 2])
    found = adversarial._clean_pass(batch)
    losses, gradients = clean.losses_and_gradients(batch)
    np.testing.assert_array_equal(found.loss, losses["clean_loss"])
    for ours, theirs in zip(found.gradients, gradients[1:]):
        np.testing.assert_array_equal(ours, theirs)
    assert found.mask is None and found.targets.shape == (2, 16, 5) and found.kernel.shape[1:] == (2, 6)
