from __future__ import annotations

from mach_tf.fitted.sketch_model import SketchModel
from mach_tf.mach_ensemble import _BucketClassifiers
from mach_tf.network import Network


def test_networks_and_ensembles_of_classifiers_have_all_that_is_needed():
    needed = {name for name in vars(SketchModel) if not name.startswith("_")}
    assert needed == {
        "labels",
        "sketch_shape",
        "bucket_table",
        "decoder",
        "logit_scale",
        "added_scores",
        "sketches",
        "decode",
    }
    for kind in (Network, _BucketClassifiers):
        assert needed <= {*dir(kind), *kind.__annotations__}
