"""The flags of attributions have the library's defaults."""

from __future__ import annotations

from absl import flags

from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.programs import attribution_flags
from tests.helpers import programs


def test_defaults_are_those_of_the_library():
    programs.forget_flags()
    before = set(flags.FLAGS)
    attribution_flags.define()
    names = set(flags.FLAGS) - before
    flags.FLAGS(["program"])
    assert AttributionConfig("mean", *attribution_flags.values()) == AttributionConfig("mean")
    flags.FLAGS(["program", "--method=tape", "--steps=9", "--rule=midpoint"])
    assert attribution_flags.values() == ("tape", 9, "midpoint")
    for name in names:
        delattr(flags.FLAGS, name)
