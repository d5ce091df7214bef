"""What one pass found, block by block as arrays, is what it found of all points at once."""

import numpy as np
import pytest

from mach_tf import points
from mach_tf.decoding.approximate import Approximate
from mach_tf.ensemble import Ensemble
from mach_tf.evaluation import one_pass, pass_arrays


@pytest.mark.parametrize("approximate", [None, Approximate(3, 1)])
@pytest.mark.parametrize("counts", [(), (1, 2)])
def test_blocks_make_the_whole(evaluated, approximate, counts):
    ensemble = Ensemble.load(evaluated.model_dir)
    hashed = ensemble.manifest.feature_spec.apply(points.from_csr(*evaluated.test))
    options = one_pass.PassOptions(4, ["mean", "logit_mean"], approximate, counts)
    whole = one_pass.run(ensemble, hashed, options)
    blocks = [one_pass.run(ensemble, hashed[rows], options) for rows in (range(7), range(7, 20), range(20, 25))]
    found = pass_arrays.from_arrays([pass_arrays.to_arrays(block) for block in blocks])
    assert list(found.decoded) == ["mean", "logit_mean"] and list(found.by_repetitions) == list(counts)
    for name, decoded in whole.decoded.items():
        for one, other in zip(decoded, found.decoded[name]):
            np.testing.assert_array_equal(one, other)
    for count, labels in whole.by_repetitions.items():
        np.testing.assert_array_equal(labels, found.by_repetitions[count])
    assert found.recall == pytest.approx(whole.recall)
    assert found.network_seconds == pytest.approx(sum(block.network_seconds for block in blocks))
    assert found.decoding_seconds == pytest.approx(sum(block.decoding_seconds for block in blocks))
