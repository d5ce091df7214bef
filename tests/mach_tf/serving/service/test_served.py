from __future__ import annotations

import numpy as np
import pytest

from mach_tf.serving.contents import ServableContents
from mach_tf.serving.service.served import Served, unloadable

CONTENTS = ServableContents("demo", 3, 3, "logit_mean", "float32", 0.0, ["sparse"], True, "", {})


class Named(Served):
    asked = 0

    def answer(self, job):
        return {}

    def feature_names(self):
        self.asked += 1
        return np.array([b"cat", b"dog", b"cat", b"\xff"], object)

    def close(self):
        pass


def test_the_first_of_equal_names_counts_and_names_are_asked_once():
    served = Named(1, CONTENTS, {}, (), {}, True)
    assert served.feature_ids == {"cat": 0, "dog": 1, "\ufffd": 3}
    assert served.feature_ids and served.asked == 1


def test_features_without_names_have_none():
    served = Named(1, CONTENTS, {}, (), {}, False)
    assert served.feature_ids is None and not served.asked


@pytest.mark.parametrize(
    ("error", "reason"), [(ValueError("bad graph"), "ValueError: bad graph"), (KeyError(), "KeyError")]
)
def test_what_cannot_be_loaded_is_named(error, reason):
    assert str(unloadable("a/1", error)) == f"a/1 must be a servable ({reason}). Export the model again."
