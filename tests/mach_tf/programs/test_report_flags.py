"""The flags of a report: only those that were given are passed on."""

from __future__ import annotations

from absl import flags

from mach_tf.programs import report_flags
from tests.helpers import programs


def test_only_given_flags_have_values():
    programs.forget_flags()
    before = set(flags.FLAGS)
    report_flags.define()
    names = set(flags.FLAGS) - before
    flags.FLAGS(["program"])
    assert report_flags.values() == {}
    flags.FLAGS(
        ["program", "--epsilon=0", "--nocertified", "--counterfactual_k=3", "--supporting_points=9", "--top_features=5"]
    )
    given = {"epsilon": 0.0, "certified": False, "counterfactual_k": 3, "supporting_points": 9, "top_features": 5}
    assert report_flags.values() == given
    for name in names:
        delattr(flags.FLAGS, name)
